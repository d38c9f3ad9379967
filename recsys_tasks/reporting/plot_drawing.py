"""The plots drawn as SVG for the report; what they show is defined in ``quality_plots`` and ``run_plots``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.reporting.drawing import BLOCKED, CANDIDATE, HELD, INK, LIVE, MEDIAN, POPULAR, svg
from recsys_tasks.reporting.plots import DAY_AXIS, INTERVAL, Forest, Line, Mark, Plot, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]
ROW_HEIGHT, FOREST_MARGINS = 0.31, 0.9
"""Inches of a row of a forest plot, and of its legend and lower axis together."""


@dataclass(frozen=True)
class Look:
    """How a line is told from the others."""

    colour: str
    dashes: str
    dot: str
    layer: float  # a line lies on those of lower layers
    width: float = 1.4  # points


LOOKS = {
    "candidate": Look(CANDIDATE, "-", "o", 2.3),
    "live": Look(LIVE, "--", "v", 2.2),
    "popular": Look(POPULAR, ":", "s", 2.1),
    "median": Look(MEDIAN, "--", "D", 2.4, width=2.4),
}
MARKS: dict[str, dict[str, Any]] = {
    "PASS": {"marker": "o", "markersize": 5, "color": CANDIDATE},
    "HOLD": {"marker": "^", "markersize": 8, "color": HELD},
    "BLOCK": {"marker": "X", "markersize": 8, "color": BLOCKED},
    "ring": {"marker": "o", "markersize": 12, "markerfacecolor": "none", "color": INK},
}
TICKS = 6
"""Dates that are written out on an axis, at the most."""
MOST_STEPS = 20
"""Iterations that are written out on an axis, at the most."""
SPACE = 0.06
"""What is left free above and below the lines, as a share of the axis."""


def plot_svg(plot: Plot) -> str:
    """A plot of lines as one ``svg`` element."""
    at = _places(plot)

    def paint(axes: "Axes") -> None:
        low, high = _reach(plot)
        for line in plot.lines:
            _line(axes, at, line, plot)
        for bound in plot.bounds:
            axes.axhline(bound.value, color=BLOCKED, linewidth=1.2, linestyle="-.", label=bound.name)
        if low < 0 < high:
            axes.axhline(0, color=INK, linewidth=1)
        axes.set_ylim(low, high)
        for mark in plot.marks:
            _mark(axes, at, _array(plot.lines[0].values), mark)
        axes.set_ylabel(plot.unit)
        (_day_axis if plot.axis == DAY_AXIS else _step_axis)(axes, at)
        axes.set_xlabel(plot.axis)
        if plot.bounds or len(axes.get_legend_handles_labels()[0]) > 1:  # the unit says what a line alone is
            _legend(axes)

    return svg(plot.name, plot.title, plot.summary, paint)


def forest_svg(forest: Forest) -> str:
    """A forest plot as one ``svg`` element; at least one row."""
    rows = forest.rows
    places = np.arange(len(rows))[::-1]
    middle, low, high = (_array(getattr(row.found, of) for row in rows) for of in ("value", "low", "high"))
    warned = np.array([row.warned for row in rows])

    def paint(axes: "Axes") -> None:
        axes.axvline(0, color=INK, linewidth=1)
        kinds = ((~warned, "o", CANDIDATE, "no warning"), (warned, "D", BLOCKED, "warned: surely worse"))
        for chosen, marker, colour, name in kinds:
            if chosen.any():
                axes.hlines(places[chosen], low[chosen], high[chosen], color=colour, linewidth=2)
                label = f"{name}, {INTERVAL}"
                axes.plot(middle[chosen], places[chosen], marker, markersize=6, color=colour, label=label)
        axes.set_yticks(places, [row.name for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(forest.unit)
        _legend(axes)

    return svg(forest.name, forest.title, forest.summary, paint, FOREST_MARGINS + ROW_HEIGHT * len(rows))


def _line(axes: "Axes", at: Array, line: Line, plot: Plot) -> None:
    """A line with its interval; nothing where it has no value."""
    look, values = LOOKS[line.look], _array(line.values)
    if np.isnan(values).all():
        return
    label = line.name
    if line.low is not None and line.high is not None:
        label = f"{line.name}, {INTERVAL}"
        _interval(axes, at, values, (_array(line.low), _array(line.high)), look.colour, plot.few)
    if line.filled:
        axes.fill_between(at, 0, values, color=look.colour, alpha=0.2, linewidth=0)
    dotted = plot.few and not (plot.marks and line is plot.lines[0])  # its marks stand where its dots would
    shown = ~np.isnan(values) if line.joined else np.full(len(values), True)
    axes.plot(
        at[shown],
        values[shown],
        look.dashes,
        marker=look.dot if dotted else "",
        color=look.colour,
        label=label,
        linewidth=look.width,
        zorder=look.layer,
    )


def _interval(axes: "Axes", at: Array, middle: Array, bounds: tuple[Array, Array], colour: str, few: bool) -> None:
    """A bar a point where they are few, else a band."""
    low, high = bounds
    if few:
        reach = (middle - low, high - middle)
        axes.errorbar(at, middle, yerr=reach, fmt="none", color=colour, elinewidth=1, capsize=2, alpha=0.8)
    else:
        axes.fill_between(at, low, high, color=colour, alpha=0.25, linewidth=0)


def _mark(axes: "Axes", at: Array, values: Array, mark: Mark) -> None:
    """Signs of some points; those without a value stand at the foot of the plot."""
    points, foot = list(mark.points), axes.get_ylim()[0]
    own = _array(mark.values) if mark.values else values[points]
    own = np.where(np.isnan(own), foot, own)
    axes.plot(at[points], own, linestyle="none", label=mark.name, zorder=3, clip_on=False, **MARKS[mark.look])


def _reach(plot: Plot) -> tuple[float, float]:
    """Lower and upper end of the upright axis: everything is in sight, and zero where the plot asks for it."""
    values = [value for line in plot.lines for each in (line.values, line.low, line.high) for value in each or ()]
    values += [value for mark in plot.marks for value in mark.values]
    found = [value for value in (*values, *(bound.value for bound in plot.bounds)) if value is not None] or [0.0]
    low, high = min(found), max(found)
    space = SPACE * (high - low or abs(high) or 1.0)
    if plot.from_zero and low >= 0:
        return 0.0, high + space
    return low - space, (max(0.0, high) if plot.from_zero else high) + space


def _places(plot: Plot) -> Array:
    """Places of the points on the lower axis: numbers of days, or of iterations."""
    if plot.axis == DAY_AXIS:
        return np.array([date.fromisoformat(point).toordinal() for point in plot.points], dtype=np.float64)
    return np.array(plot.points, dtype=np.float64)


def _day_axis(axes: "Axes", at: Array) -> None:
    """The axis of dates, with at most ``TICKS`` of them written out."""
    first, last = int(at[0]), int(at[-1])
    ticks = list(range(first, last + 1, max(1, -(-(last - first + 1) // TICKS))))
    axes.set_xticks(ticks, [str(date.fromordinal(tick)) for tick in ticks])
    room = max(0.5, 0.02 * (last - first))
    axes.set_xlim(first - room, last + room)


def _step_axis(axes: "Axes", at: Array) -> None:
    axes.set_xlim(0.5, len(at) + 0.5)
    axes.set_xticks(at[:: -(-len(at) // MOST_STEPS)])


def _legend(axes: "Axes") -> None:
    """Above the axes, where it hides no figure."""
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, borderaxespad=0.2, columnspacing=1.4)


def _array(values: Iterable[Value]) -> Array:
    return np.array(list(values), dtype=np.float64)  # None becomes NaN
