"""The ground that every SVG plot stands on: palette, style, and the way from matplotlib's axes into a page as text.

Matplotlib's object interface alone: no display, no clock, no request, and the same figures give the same text. A
colour is a variable of the page (``--candidate``, ...), so that a plot follows the page into the dark; the values here
are near to the palette of Okabe and Ito, which colour-blind readers can tell apart; nothing differs by colour alone.
"""

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def svg(name: str, title: str, summary: str, paint: Callable[["Axes"], None], height: float = HEIGHT) -> str:
    """One ``svg`` element for a page, with its title and its description.

    Args:
        name: of the plot; keeps its inner names apart from those of the other plots of a page.
        title: shown when the pointer rests on it.
        summary: what a listener to the page hears.
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
    head = f'<svg role="img" aria-label="{escape(summary)}" viewBox="{box}" xmlns="http://www.w3.org/2000/svg"'
    return f'{head} xmlns:xlink="http://www.w3.org/1999/xlink"><title>{escape(title)}</title>{body}</svg>'
