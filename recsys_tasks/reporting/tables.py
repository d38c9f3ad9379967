"""The tables of a report as rows of text, every number with its unit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from recsys_tasks.core.domain import Figures
from recsys_tasks.core.formatting import count, decimal, fraction, percent, setting_percent, signed_percent, significant
from recsys_tasks.core.policy import DriftConfig, GateConfig
from recsys_tasks.gate.drift import Drift
from recsys_tasks.release.compared import incumbent_name, incumbent_release
from recsys_tasks.reporting.intervals import Estimate, estimate, relative_difference


@dataclass(frozen=True)
class Finding:
    """One figure that decided, as it is shown."""

    name: str
    found: str
    interval: str
    listeners: int
    meaning: str


class Checked(NamedTuple):
    """One check as it is shown."""

    mark: str
    look: str  # good, warn or bad
    name: str
    found: str
    asked: str


def exact_checks(checks: Sequence[Mapping[str, Any]]) -> list[Checked]:
    """The exact checks, those that failed first."""
    marks = {True: ("✓ passed", "good"), False: ("✗ failed", "bad")}
    rows = [Checked(*marks[check["passed"]], check["name"], check["found"], check["asked"]) for check in checks]
    return sorted(rows, key=lambda row: row.look == "good")


def data_checks(checks: Sequence[Mapping[str, Any]]) -> list[Checked]:
    """The checks of the day's data, those out of bounds first."""
    marks = {"ok": ("✓ usual", "good"), "warn": ("! unusual", "warn"), "stop": ("✗ stopped", "bad")}
    rows = [Checked(*marks[check["outcome"]], check["name"], check["found"], check["asked"]) for check in checks]
    return sorted(rows, key=lambda row: row.look == "good")


def counted(rows: Sequence[Checked], what: str) -> str:
    """How many of the checks were in order; empty where there was none."""
    good = sum(row.look == "good" for row in rows)
    if not rows:
        return ""
    return f"All {good} {what} were in order." if good == len(rows) else f"{good} of {len(rows)} {what} were in order."


def deciding(figures: Figures, gate: GateConfig, k: int) -> list[Finding]:
    """The figures that decided, each with its interval."""
    users = figures["users"]
    if figures.get("precision") is None:
        return [Finding("test listeners", "0", "", 0, "Nobody could be scored: nobody discovered anything that day.")]
    hits = decimal(k * figures["precision"], 2)
    lines = [
        _mean(
            f"precision@{k}",
            (figures["precision"], figures["precision_error"]),
            users,
            f"Of {k} recommended tracks, how many the listener then really discovered that day: {hits} of {k}.",
        ),
        _mean(
            "most popular tracks",
            (figures["popularity"], figures["popularity_error"]),
            users,
            "The same for a list that anyone could make. Recommendations that are not above it are blocked.",
        ),
    ]
    if "honest" in figures:
        lines.append(_honest(figures["honest"]))
    if "pair" in figures:
        release = incumbent_release(figures)
        other = incumbent_name(release)
        alike = f"Joined as {other} joins, which this day taught nothing. " if "as_is" in figures else ""
        meaning = (
            f"Paired: the same listeners, the same plays, only tracks that both know. {alike}{_asked(figures, gate)}"
        )
        name = f"against {other}{'' if release is None else ', the one before'}"
        lines.append(_difference(figures["pair"], name, meaning))
    for part, (name, meaning) in BESIDE.items():
        if part in figures:
            lines.append(_difference(figures[part], name, meaning))
    if "reference" in figures:
        meaning = "The same against a release that stays the same for a long time, so that slow decline shows."
        lines.append(_difference(figures["reference"], f"against release {figures['reference']['release']}", meaning))
    return lines


BESIDE = {
    "evidence": (
        "the same in long lists",
        "A hit further down counts less; far more plays are found, so that more is told.",
    ),
    "as_is": (
        "as it would be published",
        "By what this very day taught to join its components, which flatters it: so it must not be worse either.",
    ),
    "earlier": (
        "against a release of a week before",
        "In long lists; the last days of these are held against those before.",
    ),
}
"""What stands beside the comparison, where a day is too small for it alone or components are joined: name, meaning."""


def _asked(figures: Figures, gate: GateConfig) -> str:
    """What the comparison with the live release is asked."""
    blocked = f"is blocked if surely below 0% and a loss of more than {setting_percent(gate.block_loss)}"
    if "evidence" not in figures:
        return f"Passes if surely above −{setting_percent(gate.margin)}; {blocked}."
    margin = setting_percent(gate.margin)
    return (
        f"So few listeners tell a loss of {margin} by long lists alone, which decide (next row): held if beyond that "
        f"and beyond chance; {blocked}."
    )


def _honest(honest: Figures) -> Finding:
    meaning = "What the release that was live scored on these plays, before anything was trained on that day."
    return _mean(f"release {honest['release']}, live", (honest["precision"], honest["error"]), honest["users"], meaning)


def _mean(name: str, found: tuple[float, float | None], users: int, meaning: str) -> Finding:
    """A mean over listeners. found: the mean and its standard error."""
    written = partial(fraction, error=found[1])
    return Finding(name, written(found[0]), _interval(estimate(*found), written), users, meaning)


def _difference(pair: Figures, name: str, meaning: str) -> Finding:
    """A paired difference, as a share of the other release's precision."""
    found = relative_difference(pair)
    if found is None:
        return Finding(name, "not known", "", pair["users"], f"{meaning} The other release had no hit at all.")
    return Finding(name, signed_percent(found.value), _interval(found, signed_percent), pair["users"], meaning)


MODELS = {"candidate": "these recommendations", "incumbent": "the live release", "popularity": "the popular tracks"}
"""Whose lists are looked at, and how the report calls them."""


def changes(figures: Figures, k: int) -> list[tuple[str, str]]:
    """What is new since the day before, and how much the recommendations changed."""
    lines = [
        ("new tracks", f"{_part(figures, 'new_tracks', 'tracks')} were heard for the first time that day"),
        ("new listeners", f"{_part(figures, 'new_listeners', 'listeners')} listened for the first time"),
    ]
    if "thin_share" in figures:
        thin = f"{percent(figures['thin_share'])} of the listeners known before had too short a history to be scored"
        lines.append(("thin histories", thin))
    if "weight" in figures:
        lines.append(("votes", _votes(figures)))
    if "overlap" in figures and figures["overlap"]["mean"] is not None:
        same = decimal(k * figures["overlap"]["mean"], 1)
        lines.append(("the same as before", f"{same} of {k} recommended tracks stand in the live list too"))
    lines.append(("variety", f"share of the catalogue: {_shares(figures, 'coverage')}"))
    lines.append(("tracks of the last week", _shares(figures, "new_share")))
    return [*lines, *((name, said) for name, what, unit in LISTS if (said := _levels(figures, what, unit)))]


def importances(figures: Figures) -> list[tuple[str, float]]:
    """What the trees look at and the share of the gain of each, the largest first; small ones are told together."""
    shares = sorted(figures.get("importances", {}).items(), key=lambda of: -of[1])
    shown = [(name, share) for name, share in shares if share >= LEAST_SHARE]
    rest = sum(share for _, share in shares[len(shown) :])
    return [*shown, ("everything else", rest)] if rest else shown


LEAST_SHARE = 0.02
"""Of the trees' gain: what has less is told in one number with the others of its kind."""
LISTS = (
    ("novelty", "novelty", "log2(1 / share of the listeners who played it), mean over the tracks of a list"),
    ("artists in a list", "artist_diversity", "share of the pairs of a list that are of two artists"),
    ("features in a list", "feature_diversity", "share of the catalogue's features in which two of a list differ"),
    ("concentration", "gini", "Gini of how often each track is listed, 0 for all alike"),
    (
        "miscalibration",
        "miscalibration",
        "divergence of a list's genres from the listener's own, 0 for equal shares",
    ),
)
"""What lists are like, hits aside: name of the line, name of the figure, and what it is."""


def _levels(figures: Figures, name: str, unit: str) -> str:
    """A figure of the candidate's lists beside those of the lists that it is compared with; "" where none has it."""
    found = {where: figures.get(f"{whose}_{name}") for whose, where in MODELS.items()}
    told = {where: value["mean"] if isinstance(value, dict) else value for where, value in found.items()}
    said = ", ".join(f"{decimal(value, 3)} in {where}" for where, value in told.items() if value is not None)
    return f"{unit}: {said}" if said else ""


def _votes(figures: Figures) -> str:
    """How many listeners the scored ones count as, where accounts that act as one count as one."""
    users, mean = figures["weight"]["users"], figures["weight"]["mean"] or 0.0
    return f"{count(users)} scored listeners count as {count(users * mean)}: accounts with the same hits count as one"


def _part(figures: Figures, part: str, whole: str) -> str:
    return f"{count(figures[part])} of {count(figures[whole])}"


def _shares(figures: Figures, name: str) -> str:
    """A share in the candidate's lists beside that in the lists that it is compared with."""
    found = {where: figures[f"{whose}_{name}"] for whose, where in MODELS.items() if f"{whose}_{name}" in figures}
    return ", ".join(f"{percent(share)} in {where}" for where, share in found.items())


def drift_lines(slow: Drift, figures: Figures, policy: DriftConfig) -> list[tuple[str, str]]:
    """The three measures of slow decline on the newest day."""
    lines = [
        (f"running median of {policy.median_days} days", _median(slow, policy)),
        ("losses added up (CUSUM)", _cusum(slow, policy)),
    ]
    if "reference" in figures:
        line = _difference(figures["reference"], "", "")
        against = f"{line.found} ({line.interval})" if line.interval else line.found
        lines.append(
            (f"against release {figures['reference']['release']}", f"{against}; the release kept as reference")
        )
    alarms = "; ".join(alarm.text for alarm in slow.alarms) or "none"
    return [*lines, ("alarms", alarms)]


def _median(slow: Drift, policy: DriftConfig) -> str:
    median = slow.median[-1] if slow.median else None
    if median is None:
        return f"not known before {-(-policy.median_days // 2)} days are there; there are {len(slow.days)}"
    least = signed_percent(-policy.median_loss)
    return f"{signed_percent(median)} against the release before; an alert below {least}"


def _cusum(slow: Drift, policy: DriftConfig) -> str:
    if not slow.cusum:
        return "no day has been compared with a release before it yet"
    return f"{decimal(slow.cusum[-1], 2)} standard errors; an alert above {significant(policy.cusum_bound)}"


def _interval(found: Estimate | None, written: Callable[[float], str]) -> str:
    """The 95% interval of a mean in words; empty where it is unknown."""
    if found is None or found.low is None or found.high is None:
        return ""
    return f"{written(found.low)} to {written(found.high)}"
