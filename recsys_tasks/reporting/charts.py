"""The plots of a report: figures by day in, SVG text out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_tasks.evaluation.estimates import Z_95
from recsys_tasks.reporting import drawing
from recsys_tasks.reporting.drawing import BLOCKED, CANDIDATE, FEW, HELD, INK, LIVE, MEDIAN, POPULAR, Values, as_days

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, Any]]
MARKS = {"PASS": ("o", CANDIDATE, "passed"), "HOLD": ("^", HELD, "held"), "BLOCK": ("X", BLOCKED, "blocked")}
MOST_STEPS = 20
"""Iterations that are written out on an axis."""


@dataclass(frozen=True)
class Running:
    """A figure over a window of days."""

    days: Sequence[str]
    values: Sequence[float | None]  # one a day; None where the window holds too little
    length: int  # of the window, days


def precision_over_days(rows: Rows, floor: float, k: int) -> str:
    """precision@k of candidate, live release and popular tracks, with the gate's verdicts.

    Args:
        rows: of the series, oldest first, at least one.
        floor: below it the gate blocks.
        k: length of a list.
    """
    days, found = as_days(_names(rows)), _column(rows, "precision")

    def paint(axes: "Axes") -> None:
        drawing.line(axes, days, _column(rows, "popularity"), "s:", POPULAR, "popular tracks")
        drawing.line(axes, days, _column(rows, "honest", "precision"), "v--", LIVE, "release live that day")
        drawing.interval(axes, days, found, Z_95 * _column(rows, "precision_error"), CANDIDATE)
        drawing.line(axes, days, found, " -", CANDIDATE, "candidate, 95% interval")
        _verdicts(axes, rows, days, found)
        drawing.bound(axes, floor, f"floor {floor:g}")
        axes.set_ylim(bottom=0)
        drawing.day_axis(axes, days, f"precision@{k}")

    newest = "unknown" if np.isnan(found[-1]) else f"{found[-1]:.4f}"
    says = f"Precision at {k} of the candidate of each day, {_span(_names(rows))}. Newest: {newest}."
    return drawing.svg("precision", "Precision over days", says, paint)


def differences_over_days(rows: Rows, median: Running, margin: float) -> str:
    """The paired difference to the live release, as a share of that release's precision.

    Args:
        rows: of the series, oldest first, at least one.
        median: running median of that share.
        margin: loss that the gate still lets pass, a share.
    """
    days, live = as_days(_names(rows)), _column(rows, "pair", "incumbent")
    live[live <= 0] = np.nan
    d = 100 * _column(rows, "pair", "difference") / live

    def paint(axes: "Axes") -> None:
        drawing.interval(axes, days, d, 100 * Z_95 * _column(rows, "pair", "standard_error") / live, CANDIDATE)
        drawing.line(axes, days, d, "o-", CANDIDATE, "candidate − live, 95% interval")
        smooth = 100 * np.array(median.values, dtype=np.float64)
        if not np.isnan(smooth).all():
            drawing.line(axes, as_days(median.days), smooth, "D--", MEDIAN, f"{median.length}-day median", 2.4)
        drawing.bound(axes, -100 * margin, f"margin −{100 * margin:g}%")
        axes.axhline(0, color=INK, linewidth=1)
        drawing.day_axis(axes, days, "difference, % of live")

    newest = "unknown" if np.isnan(d[-1]) else f"{d[-1]:+.2f}%"
    says = f"Paired difference of candidate and live release, {_span(_names(rows))}. Newest: {newest}."
    return drawing.svg("differences", "Difference to the live release over days", says, paint)


def cusum_over_days(names: Sequence[str], cusum: Sequence[float], bound: float) -> str:
    """The sum of losses, which an alarm watches.

    Args:
        names: dates that count, oldest first, at least one.
        cusum: standard errors, one value a date.
        bound: of the alarm.
    """
    days, values = as_days(names), np.array(cusum, dtype=np.float64)

    def paint(axes: "Axes") -> None:
        axes.fill_between(days, 0, values, color=CANDIDATE, alpha=0.2, linewidth=0)
        drawing.line(axes, days, values, "o-", CANDIDATE, "sum of losses (CUSUM)")
        drawing.bound(axes, bound, f"alarm above {bound:g}")
        axes.set_ylim(0, 1.15 * max(bound, float(values.max())))
        drawing.day_axis(axes, days, "standard errors")

    says = f"Sum of losses in standard errors, {_span(names)}. Newest: {values[-1]:.2f}; alarm above {bound:g}."
    return drawing.svg("cusum", "Slow drift: the sum of losses", says, paint)


def recall_over_days(rows: Rows, target: float) -> str:
    """How many of the exact answers the index found, asked both ways.

    Args:
        rows: of the series, oldest first, at least one.
        target: below it the gate blocks.
    """
    days, names = as_days(_names(rows)), ("user_recall", "similar_recall")
    users, similar = (_column(rows, name) for name in names)

    def paint(axes: "Axes") -> None:
        drawing.line(axes, days, users, "o-", CANDIDATE, "tracks for a listener")
        drawing.line(axes, days, similar, "v--", LIVE, "tracks like a track")
        drawing.bound(axes, target, f"at least {target:g}")
        lowest = float(np.nanmin([*users, *similar, target]))
        axes.set_ylim(lowest - 0.15 * (1 - lowest) - 0.005, 1.003)
        drawing.day_axis(axes, days, "recall")

    says = f"Recall of the index, {_span(_names(rows))}. Newest: {users[-1]:.4f} and {similar[-1]:.4f}."
    return drawing.svg("recall", "Recall of the index over days", says, paint)


def loss_by_iteration(losses: Sequence[float]) -> str:
    """The loss after each iteration of the training, at least one."""
    steps = np.arange(1, len(losses) + 1)

    def paint(axes: "Axes") -> None:
        axes.plot(steps, np.array(losses, dtype=np.float64), marker="o", color=CANDIDATE)
        axes.set_xlim(0.5, len(losses) + 0.5)
        axes.set_xticks(steps[:: -(-len(steps) // MOST_STEPS)])
        axes.set_xlabel("iteration")
        axes.set_ylabel("loss (lower is better)")

    says = f"Training loss after each iteration ({len(losses)} in all), from {losses[0]:.6g} to {losses[-1]:.6g}."
    return drawing.svg("loss", "Loss after each iteration", says, paint)


def slices_chart(slices: Rows) -> str:
    """The difference in each slice with its interval, in hits per 100 recommendations; at least one slice."""
    places = np.arange(len(slices))[::-1]
    d, low, high = (100 * _column(slices, name) for name in ("difference", "low", "high"))
    warned = np.array([bool(row["warned"]) for row in slices])

    def paint(axes: "Axes") -> None:
        axes.axvline(0, color=INK, linewidth=1)
        kinds = ((~warned, "o", CANDIDATE, "no warning"), (warned, "D", BLOCKED, "warned: surely worse"))
        for chosen, marker, colour, label in kinds:
            if chosen.any():
                axes.hlines(places[chosen], low[chosen], high[chosen], color=colour, linewidth=2)
                style = f"{label}, 95% interval"
                axes.plot(d[chosen], places[chosen], marker, markersize=6, color=colour, label=style)
        axes.set_yticks(places, [f"{row['slice']} ({row['users']:,})" for row in slices])
        axes.set_ylim(-0.6, len(slices) - 0.4)
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("hits per 100 recommendations, candidate − live release")
        drawing.legend(axes)

    parts = "; ".join(f"{row['slice']} {value:+.3f}" for row, value in zip(slices, d, strict=True))
    says = f"Difference to the live release in each slice, in hits per 100 recommendations: {parts}."
    return drawing.svg("slices", "Slices of listeners and tracks", says, paint, 0.9 + 0.31 * len(slices))


def _verdicts(axes: "Axes", rows: Rows, days: Values, found: Values) -> None:
    """A mark where the gate said so; among many dates, only where it said no."""
    outcomes = np.array([row["outcome"] for row in rows])
    for outcome, (marker, colour, label) in MARKS.items():
        chosen = outcomes == outcome
        if chosen.any() and (outcome != "PASS" or len(rows) <= FEW):
            size = 5 if outcome == "PASS" else 8
            axes.plot(days[chosen], found[chosen], marker, markersize=size, color=colour, label=label)
    signed = np.array([row["signed_by"] is not None for row in rows])
    if signed.any():
        ring = "released by a person"
        axes.plot(days[signed], found[signed], "o", markersize=12, markerfacecolor="none", color=INK, label=ring)


def _names(rows: Rows) -> list[str]:
    return [row["day"] for row in rows]


def _column(rows: Rows, *names: str) -> Values:
    """A figure of each row, NaN where it has none; several names lead into tables of the row."""
    values: list[Any] = list(rows)
    for name in names:
        values = [None if value is None else value[name] for value in values]
    return np.array(values, dtype=np.float64)  # None becomes NaN


def _span(days: Sequence[str]) -> str:
    return f"{len(days)} days from {days[0]} to {days[-1]}" if len(days) > 1 else f"{days[0]} only"
