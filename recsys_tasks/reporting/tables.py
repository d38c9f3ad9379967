"""The tables of a report: stored figures in, rows of text out, every number with its unit and in one format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from recsys_tasks.core.domain import Figures
from recsys_tasks.core.policy import DriftConfig, GateConfig
from recsys_tasks.evaluation.estimates import Z_95
from recsys_tasks.gate.drift import Drift

UNKNOWN = "–"


@dataclass(frozen=True)
class Line:
    """One figure with what it says."""

    name: str
    found: str
    interval: str
    listeners: int
    says: str


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


def deciding(figures: Figures, gate: GateConfig, k: int) -> list[Line]:
    """The figures that decided, each with its interval."""
    users = figures["users"]
    if figures.get("precision") is None:
        return [Line("test listeners", "0", "", 0, "Nobody could be scored: nobody discovered anything that day.")]
    lines = [
        Line(
            f"precision@{k}",
            share(figures["precision"]),
            _interval(figures["precision"], figures["precision_error"]),
            users,
            f"Of {k} recommended tracks, how many the listener then really discovered that day: "
            f"{k * figures['precision']:.2f} of {k}.",
        ),
        Line(
            "most popular tracks",
            share(figures["popularity"]),
            _interval(figures["popularity"], figures["popularity_error"]),
            users,
            "The same for a list that anyone could make. Recommendations that are not above it are blocked.",
        ),
    ]
    if "honest" in figures:
        lines.append(_honest(figures["honest"]))
    if "pair" in figures:
        passes = f"Passes if surely above −{100 * gate.margin:g}%"
        blocked = f"is blocked if surely below 0% and a loss of more than {100 * gate.block_loss:g}%"
        says = f"Paired: the same listeners, the same plays, only tracks that both know. {passes}; {blocked}."
        lines.append(_difference(figures["pair"], "against the live release", says))
    if "reference" in figures:
        says = "The same against a release that stays the same for a long time, so that slow decline shows."
        lines.append(_difference(figures["reference"], f"against release {figures['reference']['release']}", says))
    return lines


def _honest(honest: Figures) -> Line:
    says = "What the release that was live scored on these plays, before anything was trained on that day."
    interval = _interval(honest["precision"], honest["error"])
    return Line(f"release {honest['release']}, live", share(honest["precision"]), interval, honest["users"], says)


def _difference(pair: Figures, name: str, says: str) -> Line:
    """A paired difference, as a share of the other release's precision."""
    mean, d, error = pair["incumbent"], pair["difference"], pair["standard_error"]
    if mean <= 0:
        return Line(name, "not known", "", pair["users"], f"{says} The other release had no hit at all.")
    interval = "" if error is None else _interval(d / mean, error / mean, signed_share)
    return Line(name, signed_share(d / mean), interval, pair["users"], says)


def changes(figures: Figures, k: int) -> list[tuple[str, str]]:
    """What is new since the day before, and how much the recommendations moved."""
    lines = [
        ("new tracks", f"{figures['new_tracks']:,} of {figures['tracks']:,} were heard for the first time that day"),
        ("new listeners", f"{figures['new_listeners']:,} of {figures['listeners']:,} listened for the first time"),
    ]
    if "overlap" in figures and figures["overlap"]["mean"] is not None:
        same = figures["overlap"]["mean"]
        lines.append(("the same as before", f"{k * same:.1f} of {k} recommended tracks stand in the live list too"))
    of = {"candidate": "these recommendations", "incumbent": "the live release", "popularity": "the popular tracks"}
    for title, name in (("variety", "coverage"), ("tracks of the last week", "new_share")):
        found = [f"{figures[f'{who}_{name}']:.1%} in {says}" for who, says in of.items() if f"{who}_{name}" in figures]
        lines.append((title, ("share of the catalogue: " if name == "coverage" else "") + ", ".join(found)))
    return lines


def drift_lines(slow: Drift, figures: Figures, policy: DriftConfig) -> list[tuple[str, str]]:
    """The three measures of slow decline on the newest day."""
    median = slow.median[-1] if slow.median else None
    days = f"running median of {policy.median_days} days"
    if median is None:
        said = f"not known before {-(-policy.median_days // 2)} days are there; there are {len(slow.days)}"
    else:
        said = f"{signed_share(median)} against the release before; an alert below {signed_share(-policy.median_loss)}"
    added = "no day has been compared with a release before it yet"
    if slow.cusum:
        added = f"{slow.cusum[-1]:.2f} standard errors; an alert above {policy.cusum_bound:g}"
    lines = [(days, said), ("losses added up (CUSUM)", added)]
    if "reference" in figures:
        line = _difference(figures["reference"], "", "")
        against = f"{line.found} ({line.interval})" if line.interval else line.found
        lines.append(
            (f"against release {figures['reference']['release']}", f"{against}; the release kept as reference")
        )
    alarms = "; ".join(alarm.text for alarm in slow.alarms) or "none"
    return [*lines, ("alarms", alarms)]


def share(value: float | None) -> str:
    """A precision with four digits."""
    return UNKNOWN if value is None else f"{value:.4f}"


def signed(value: float | None) -> str:
    """A difference of precisions with its sign."""
    return UNKNOWN if value is None else f"{value:+.4f}".replace("-", "−")


def signed_share(value: float | None) -> str:
    """A difference as signed per cent."""
    return UNKNOWN if value is None else f"{100 * value:+.2f}%".replace("-", "−")


def count(value: int | None) -> str:
    """A count, its thousands apart."""
    return UNKNOWN if value is None else f"{value:,}"


def _interval(mean: float | None, error: float | None, shown: Callable[[float], str] = share) -> str:
    """95% interval of a mean."""
    if mean is None or error is None:
        return ""
    return f"{shown(mean - Z_95 * error)} to {shown(mean + Z_95 * error)}"
