"""The reasons of a verdict in words: the figure, what it is held against, and the setting that decides."""

from collections.abc import Sequence

from recsys_tasks.core.domain import Figures
from recsys_tasks.core.formatting import (
    count,
    fraction,
    percent,
    setting_percent,
    signed_fraction,
    signed_percent,
    significant,
)
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.joined_later import JoinedLater
from recsys_tasks.gate.collapse import Fall
from recsys_tasks.gate.past import Loss
from recsys_tasks.gate.pooled import Pooled

NO_HIT = "the live release had no hit at all, so that no share of it can be asked"
WHOSE = {
    "candidate": "precision of the candidate",
    "live": "precision of the live release",
    "popular": "precision of the popular tracks",
    "taste": "the live release's precision over that of the popular tracks",
}


def too_few(users: int, policy: GateConfig) -> str:
    """Fewer scored listeners than asked for."""
    asked = f"a verdict needs {count(policy.min_users)} ([gate] min_users)"
    return f"only {count(users)} listeners could be scored; {asked}"


def too_few_common(users: int, policy: GateConfig) -> str:
    """Fewer listeners than asked for whom both releases were asked about."""
    asked = f"{count(policy.min_users)} are needed ([gate] min_users)"
    return f"only {count(users)} listeners can be compared with the live release; {asked}"


def fallen(fall: Fall) -> str:
    """A collapse, and the days it is compared with."""
    days = f"the median of the {fall.days} judged days from {fall.first} to {fall.last}"
    bound = f"a collapse is less than {fraction(fall.least)} ([gate] collapse_loss, collapse_spreads)"
    return f"{WHOSE[fall.who]} collapsed: {fraction(fall.found)}, usually {fraction(fall.usual)} ({days}; {bound})"


def below_floor(figures: Figures, policy: GateConfig) -> str:
    """Below the absolute floor."""
    return f"precision {fraction(figures['precision'])} is below the floor of {fraction(policy.floor)} ([gate] floor)"


def above_popular(figures: Figures) -> str:
    """Above the popular tracks."""
    popular = fraction(figures["popularity"])
    return f"precision {fraction(figures['precision'])} is above that of the popular tracks, {popular}"


def not_above_popular(lead: Figures, in_long_lists: bool) -> str:
    """Not above the popular tracks, with the paired difference that decided."""
    popular, difference = lead["incumbent"], lead["difference"]
    share = signed_percent(difference / popular, 1, minus="-") if popular else "0%"
    error = percent((lead["standard_error"] or 0.0) / popular) if popular else "0%"
    what = "precision in long lists" if in_long_lists else "precision"
    return (
        f"{what} {fraction(popular + difference)} is not above that of the popular tracks, {fraction(popular)} "
        f"({share}, standard error {error}, paired over the same listeners, each bounded in weight)"
    )


def _difference(figures: Figures, name: str, loss: Loss) -> str:
    """A comparison with the live release in words. name: of its figure."""
    whose = "against the live release"
    if name == "as_is":
        whose = f"as it is, {whose}"
    elif "as_is" in figures:
        whose = "joined as the live release joins, against it"
    how = " in long lists" if name == "evidence" else ""
    listeners = count(figures["pair"]["users"])
    return (
        f"{whose} {signed_percent(loss.share, minus='-')}{how} (standard error {percent(loss.error, 2)}, "
        f"{listeners} listeners)"
    )


def loses(figures: Figures, name: str, loss: Loss, policy: GateConfig, sure: bool) -> str:
    """A loss on this day that is not let pass."""
    said = _difference(figures, name, loss)
    if sure:
        return f"{said}: surely worse ([gate] block_z, block_loss)"
    if loss.error > policy.fine_error:
        return f"{said}: more than chance explains ([gate] hold_z {significant(policy.hold_z)} standard errors)"
    return f"{said}: a loss of {setting_percent(policy.margin)} cannot be excluded ([gate] margin)"


def holds(figures: Figures, name: str, loss: Loss, policy: GateConfig) -> str:
    """No loss on this day, or none that the day could show."""
    said = _difference(figures, name, loss)
    if loss.share - policy.pass_z * loss.error > -policy.margin:
        return f"{said}: surely not worse by {setting_percent(policy.margin)}"
    seen = percent(min(1.0, (policy.hold_z + policy.pass_z) * loss.error), 0)
    return (
        f"{said}: within chance; one day of so many listeners shows a loss of {seen}, smaller ones show over several "
        "days"
    )


def fell_over_days(fall: Pooled, earlier: int | None, policy: GateConfig) -> str:
    """A loss that several days show together."""
    days = f"the last {fall.days} judged days" if fall.days > 1 else "this day"
    return (
        f"worse over {days}: {signed_percent(fall.share, minus='-')} against the {fall.before} days before (standard "
        f"error {percent(fall.error, 2)}), each against a release of a week before, today release {earlier} "
        f"([gate] pooled_z {significant(policy.pooled_z)} standard errors)"
    )


def few_decide(outcome: str) -> str:
    """The verdict hangs on few accounts."""
    return f"without the most influential 1% of the listeners the verdict would be {outcome}"


def flattered(lacks: Sequence[str]) -> str:
    """A candidate that could be compared as it is alone."""
    return (
        f"the live release joins {', '.join(lacks)}, which the candidate does not have or makes otherwise: so it was "
        "compared with that as it is alone, by what this very day taught to join its components, which flatters it"
    )


def joining_loses(found: JoinedLater, k: int) -> str:
    """The live release would have been better by its first component alone."""
    low, high = (signed_fraction(value) for value in (found.low or 0.0, found.high or 0.0))
    difference = f"{signed_fraction(found.difference)} [{low}, {high}], {count(found.listeners)} listeners"
    return (
        f"the live release has precision@{k} {fraction(found.joined)} on this day, which taught it nothing, and by ALS "
        f"alone it would have {fraction(found.first)} ({difference}): what joins its components does not hold from one "
        'day to the next. Ask recsys tune --components --days 3, or set [blend] components = ["als"]'
    )
