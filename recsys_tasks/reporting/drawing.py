"""How a plot is drawn: its style, its axis of days, and its way into a page as SVG text.

Matplotlib's object interface alone: no display, no clock, no request, and the same figures give the same text. A
colour is a variable of the page (``--candidate``, ...), so that a plot follows the page into the dark; the values here
are near to the palette of Okabe and Ito, which colour-blind readers can tell apart; nothing differs by colour alone.
"""

import io
import re
from collections.abc import Callable, Sequence
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = npt.NDArray[np.float64]

INK, MUTED, GRID = "#1f2428", "#59636e", "#d9dee3"
CANDIDATE, LIVE, POPULAR, MEDIAN = "#0072b2", "#d55e00", "#a0558a", "#00825f"
HELD, BLOCKED = "#8f5f00", "#c2002f"
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    CANDIDATE: "candidate",
    LIVE: "live",
    POPULAR: "popular",
    MEDIAN: "median",
    HELD: "hold",
    BLOCKED: "block",
}
"""Colour -> name of the page's variable."""
FEW = 45
"""Dates up to which each has a mark and an interval of its own; beyond, lines and bands."""
TICKS = 6
WIDTH, HEIGHT = 7.6, 3.3
"""Inches; one is 72 units of the SVG."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # matplotlib brings it: the layout is the same on every machine
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def svg(name: str, title: str, says: str, paint: Callable[["Axes"], None], height: float = HEIGHT) -> str:
    """One ``svg`` element for a page, with its title and its description.

    Args:
        name: of the plot; keeps its inner names apart from those of the other plots of a page.
        title: shown when the pointer rests on it.
        says: what a listener to the page hears.
        paint: draws on the axes.
        height: inches.
    """
    import matplotlib as mpl  # here: every task imports the steps, and one of them draws
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        paint(figure.subplots())
        ConstrainedLayoutEngine().execute(figure)  # the figure's own would draw everything in vain to have it placed
        text = io.StringIO()
        figure.savefig(text, format="svg")
    drawn = text.getvalue()
    body = drawn[drawn.index("<g id=") : drawn.rindex("</svg>")]  # no date, no style that reaches the whole page
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace("font-family: 'DejaVu Sans'", "font-family: inherit")
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var(--{variable}, {colour})")
    box = f"0 0 {72 * WIDTH:g} {72 * height:g}"
    head = f'<svg role="img" aria-label="{escape(says)}" viewBox="{box}" xmlns="http://www.w3.org/2000/svg"'
    return f'{head} xmlns:xlink="http://www.w3.org/1999/xlink"><title>{escape(title)}</title>{body}</svg>'


def as_days(names: Sequence[str]) -> Values:
    """Dates (YYYY-MM-DD) as numbers of days."""
    return np.array([date.fromisoformat(name).toordinal() for name in names], dtype=np.float64)


def day_axis(axes: "Axes", days: Values, label: str) -> None:
    """The axis of dates, with at most six of them written out, and the legend above."""
    first, last = int(days[0]), int(days[-1])
    ticks = list(range(first, last + 1, max(1, -(-(last - first + 1) // TICKS))))
    axes.set_xticks(ticks, [str(date.fromordinal(tick)) for tick in ticks])
    room = max(0.5, 0.02 * (last - first))
    axes.set_xlim(first - room, last + room)
    axes.set_xlabel("day (UTC)")
    axes.set_ylabel(label)
    legend(axes)


def legend(axes: "Axes") -> None:
    """Above the axes, where it hides no figure."""
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, borderaxespad=0.2, columnspacing=1.4)


def line(axes: "Axes", days: Values, values: Values, style: str, colour: str, label: str, width: float = 1.4) -> None:
    """A figure over days. style: marker and line, as matplotlib writes them; the markers only for few dates."""
    marker, dashes = style[0], style[1:]
    axes.plot(
        days, values, dashes, marker=marker if len(days) <= FEW else "", color=colour, label=label, linewidth=width
    )


def interval(axes: "Axes", days: Values, middle: Values, half: Values, colour: str) -> None:
    """Bars for few dates, a band for many."""
    if len(days) <= FEW:
        axes.errorbar(days, middle, yerr=half, fmt="none", color=colour, elinewidth=1, capsize=2, alpha=0.8)
    else:
        axes.fill_between(days, middle - half, middle + half, color=colour, alpha=0.25, linewidth=0)


def bound(axes: "Axes", value: float, label: str) -> None:
    """A line that the gate or an alarm watches."""
    axes.axhline(value, color=BLOCKED, linewidth=1.2, linestyle="-.", label=label)
