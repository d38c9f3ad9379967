"""What the shape of a day must look like beside the service's own history: shapes in, named checks out.

Each figure is taken to a scale on which days scatter evenly (logarithm, logit, Fisher's z). Expected is the median of
the week before plus the median step that the same weekday took from its week before (all days, where there are not 3
of it): so weekday, growth and a young history are kept apart from an accident. The spread is 1.4826 times the median
absolute deviation (Hampel 1974) of the steps of the history from what the others led to expect. A day is warned of, or
stopped, that is so many spreads away and has changed by so much besides: a very regular service does not stop for
nothing, and a restless one is given more room.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt
from scipy import special

from recsys_tasks.core.domain import Day
from recsys_tasks.core.policy import QualityConfig
from recsys_tasks.partitions.data_quality import OK, STOP, WARN, DataCheck
from recsys_tasks.partitions.shape import DayShape

MIN_HISTORY_DAYS = 7
"""A week, so that every weekday is among them once."""
MIN_SAME_WEEKDAY = 3
LEVEL_DAYS = 7
LEAST_LEVEL = 3
"""The median of fewer days would be one of them."""
SPREAD_DAYS = 14
"""How even a service is, its newest days say: the first ones of a history, of which all is new, scatter widely."""
NORMAL_MAD = 1.4826
NEVER = float("inf")
LEAST_RANKS = 0.02
"""Fisher's z of a rank correlation that is none, so that it has a logarithm."""
UNKNOWN, FIRST = "not known of this day", "not known of this day, nor of those before it"
Profile = npt.NDArray[np.float64]
History = Sequence[tuple[Day, DayShape]]
Values = Sequence[tuple[Day, float]]
"""A figure of dates, on its scale, by date."""
Number = Callable[[float], float]


@dataclass(frozen=True)
class Scale:
    """A scale on which days scatter evenly, and the way back to the figure itself."""

    to: Number
    back: Number
    show: Callable[[float], str]


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.01 else f"{100 * share:.2g}%"


SHARES = Scale(float, lambda x: min(max(x, 0.0), 1.0), _percent)
ODDS = Scale(lambda p: float(special.logit(p)), lambda x: float(special.expit(x)), _percent)
RANKS = Scale(
    lambda r: float(np.log(max(np.arctanh(min(r, 0.9999)), LEAST_RANKS))),
    lambda x: float(np.tanh(np.exp(x))),
    lambda r: f"{r:.2f}",
)
PER_PAIR = Scale(lambda x: float(np.log(x)), lambda x: float(np.exp(x)), lambda x: f"{x:.2f}")
COUNTS = Scale(lambda n: float(np.log(n)), lambda x: float(np.exp(x)), lambda n: f"{n:,.0f}")


@dataclass(frozen=True)
class Figure:
    """A figure of the shape and what is asked of it. Least changes are on its scale."""

    name: str
    of: Callable[[DayShape], float | None]
    scale: Scale
    least_spread: float  # a service more regular than that is taken to scatter so much
    least_warn: float
    least_stop: float
    low: bool = True  # whether too little is suspicious
    high: bool = True  # whether too much is
    sample: Callable[[DayShape], int] | None = None  # of a share on the scale of odds: what it was counted on


def _repeats(shape: DayShape) -> float | None:
    """The share of repeats, half a pair away from none and all at the least: both are infinite odds."""
    if shape.repeats is None:
        return None
    edge = 0.5 / shape.compared_pairs
    return min(max(shape.repeats, edge), 1 - edge)


FIGURES: tuple[Figure, ...] = (
    Figure("plays for the weekday", lambda s: s.plays, COUNTS, 0.03, float(np.log(1.8)), NEVER),
    Figure("new tracks", lambda s: s.new_tracks, SHARES, 0.005, 0.1, 0.3, low=False),
    Figure("new listeners", lambda s: s.new_listeners, SHARES, 0.005, 0.1, 0.3, low=False),
    Figure("repeated pairs", _repeats, ODDS, 0.03, 0.4, 0.7, sample=lambda s: s.compared_pairs),
    Figure("plays per pair", lambda s: s.plays_per_pair, PER_PAIR, 0.01, float(np.log(1.2)), float(np.log(1.4))),
    Figure("popularity of tracks", lambda s: s.track_ranks, RANKS, 0.03, 0.29, 0.69, high=False),
    Figure("popularity of artists", lambda s: s.artist_ranks, RANKS, 0.03, 0.29, 0.69, high=False),
    Figure("replayed events", lambda s: s.replayed, SHARES, 0.005, 0.02, 0.2, low=False),
)
HOURS = Figure("hours of the day", lambda s: None, SHARES, 0.005, 0.1, 0.3, low=False)
NAMES = (*(figure.name for figure in FIGURES), HOURS.name)


def shape_checks(day: Day, shape: DayShape | None, history: History, policy: QualityConfig) -> list[DataCheck]:
    """Compare the shape of a day with those of the dates before it.

    Args:
        day: its date.
        shape: its shape; None of an empty date.
        history: dates before it with their shapes, without those that were refused; ``shape_history_days`` at most.
        policy: how many spreads are let pass.
    """
    if shape is None:
        return [_passed(name, "the day was allowed to be empty") for name in NAMES]
    checks = []
    for figure in FIGURES:
        known = [(date, found) for date, each in history if (found := figure.of(each)) is not None]
        checks.append(_checked(figure, day, shape, figure.of(shape), known, policy))
    return [*checks, _hours(day, shape, history, policy)]


def _hours(day: Day, shape: DayShape, history: History, policy: QualityConfig) -> DataCheck:
    """Compare the hours of a day by their total variation distance to the mean profile of the history."""
    known = [(date, _profile(each.hours)) for date, each in history if each.hours and sum(each.hours)]
    if not shape.hours or not sum(shape.hours):
        return _passed(HOURS.name, UNKNOWN)
    mean = np.mean([profile for _, profile in known] or [_profile(shape.hours)], axis=0)
    distances = [(date, _distance(profile, mean)) for date, profile in known]
    return _checked(HOURS, day, shape, _distance(_profile(shape.hours), mean), distances, policy)


def _profile(hours: Sequence[int]) -> Profile:
    return np.asarray(hours) / sum(hours)


def _distance(profile: Profile, mean: Profile) -> float:
    return float(np.abs(profile - mean).sum() / 2)


def _checked(
    figure: Figure,
    day: Day,
    shape: DayShape,
    found: float | None,
    known: Sequence[tuple[Day, float]],
    policy: QualityConfig,
) -> DataCheck:
    """Compare one figure of a day with those of the dates before it."""
    if found is None:
        return _passed(figure.name, UNKNOWN if known else FIRST)
    shown, missing = figure.scale.show(found), MIN_HISTORY_DAYS - len(known)
    if missing > 0:
        days = "1 day is" if missing == 1 else f"{missing} days are"
        return _passed(figure.name, f"{shown}; first days: no history to compare with, {days} missing")
    usual = usual_of(day, [(date, figure.scale.to(x)) for date, x in known])
    spread = max(usual.spread, figure.least_spread, _counting_error(figure, shape, usual.value))
    away = figure.scale.to(found) - usual.value
    warn = max(policy.shape_warn * spread, figure.least_warn)
    stop = max(policy.shape_stop * spread, figure.least_stop)
    outcome = OK if abs(away) <= warn else WARN if abs(away) <= stop else STOP
    is_suspicious = figure.high if away > 0 else figure.low
    low, high = (figure.scale.show(figure.scale.back(usual.value + side * 2 * spread)) for side in (-1, 1))
    found_text = f"{shown}, usually {low} to {high} {usual.days}"
    return DataCheck(figure.name, outcome if is_suspicious else OK, found_text, _asked(figure, usual.value, warn, stop))


def _counting_error(figure: Figure, shape: DayShape, usual: float) -> float:
    """The binomial standard error of usual odds on what this day was counted on: a rare share is never known well."""
    if figure.sample is None:
        return 0.0
    share = figure.scale.back(usual)
    return float(1 / np.sqrt(figure.sample(shape) * share * (1 - share)))


@dataclass(frozen=True)
class Usual:
    """What the days before lead to expect of a figure, on its scale."""

    value: float
    spread: float
    days: str  # which days say so, in words


def usual_of(day: Day, values: Values) -> Usual:
    """What a day is expected to be: the level of the week before it, and the usual step of its weekday from there."""
    steps = steps_of(values)
    step, days = usual_step(day, steps)
    return Usual(_level(values) + step, spread_of(steps), days)


def steps_of(values: Values) -> Values:
    """What each day differs by from the median of the week before it: its weekday, and where the service is going."""
    return [(day, value - _level(values[:place])) for place, (day, value) in enumerate(values) if place >= LEAST_LEVEL]


def usual_step(day: Day, steps: Values, least: int = MIN_SAME_WEEKDAY) -> tuple[float, str]:
    """The median step of the same weekday where there are so many of it, of all days otherwise; which they are."""
    same = [step for date, step in steps if date.weekday() == day.weekday()]
    if len(same) >= least:
        return median(same), f"on {day:%A}s ({len(same)} before)"
    return median([step for _, step in steps]), f"({len(steps) + LEAST_LEVEL} days before)"


def spread_of(steps: Values) -> float:
    """The robust spread of what each step differs by from what the others led to expect."""
    others = ((each, [*steps[:place], *steps[place + 1 :]]) for place, each in enumerate(steps))
    away = [abs(step - usual_step(day, rest, MIN_SAME_WEEKDAY - 1)[0]) for (day, step), rest in others]
    return NORMAL_MAD * median(away[-SPREAD_DAYS:])


def _level(values: Values) -> float:
    """The median of the newest week."""
    return median([value for _, value in values[-LEVEL_DAYS:]])


def _asked(figure: Figure, usual: float, warn: float, stop: float) -> str:
    """The bounds as they lie on the figure itself."""
    utmost = "at the utmost" if figure.high else "at the very least"
    first = "" if figure.low and figure.high else "at most " if figure.high else "at least "
    stopped = "" if stop == NEVER else f", {utmost} {_bounds(figure, usual, stop)}"
    return f"{first}{_bounds(figure, usual, warn)}{stopped}"


def _bounds(figure: Figure, usual: float, width: float) -> str:
    sides = [side for side, asked in ((-1, figure.low), (1, figure.high)) if asked]
    return " to ".join(figure.scale.show(figure.scale.back(usual + side * width)) for side in sides)


def _passed(name: str, found: str) -> DataCheck:
    return DataCheck(name, OK, found, "what is usual on the days before")
