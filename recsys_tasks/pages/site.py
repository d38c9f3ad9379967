"""The frame of all pages: templates, the two kinds of static files, and how numbers are written."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recsys_tasks.reporting.words import instant

HERE = Path(__file__).parent
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
NOTHING = "–"


class View(NamedTuple):
    """An entry of the pages' own navigation."""

    path: str  # below the prefix of the app
    title: str


VIEWS = (
    View("live", "Live"),
    View("history", "Over time"),
    View("candidates", "Candidates and releases"),
    View("ask", "Try it"),
)


def render(template: str, view: str, **context: Any) -> str:
    """A page.

    Args:
        template: name of its template, without the endings.
        view: path of the entry of ``VIEWS`` that is shown as chosen; empty for none.
        **context: everything that the template names; a missing name is an error.
    """
    found = _environment().get_template(f"{template}.html.jinja")
    return found.render(views=VIEWS, view=view, **context)


@cache
def static_files() -> dict[str, tuple[str, bytes]]:
    """Name -> type and content of every file that pages load; there are no others."""
    paths = (path for path in sorted((HERE / "static").iterdir()) if path.suffix in TYPES)
    return {path.name: (TYPES[path.suffix], path.read_bytes()) for path in paths}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "fraction": fraction,
        "percent": percent,
        "megabytes": megabytes,
        "hours": hours,
        "day": day,
        "instant": instant,
        "short": short,
    }
    return environment


def count(value: float | None) -> str:
    """A number of things: 12,345."""
    return NOTHING if value is None else f"{value:,.0f}"


def fraction(value: float | None) -> str:
    """A precision or recall: 0.0329."""
    return NOTHING if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """A signed share of something: +1.2 %."""
    return NOTHING if value is None else f"{100 * value:+.1f} %".replace("-", "−")


def megabytes(value: float | None) -> str:
    """Bytes as decimal megabytes: 12.3 MB."""
    return NOTHING if value is None else f"{value / 1e6:,.1f} MB"


def hours(value: float | None) -> str:
    """An age in hours, in days once those say more: 31 hours, 4.2 days."""
    if value is None:
        return NOTHING
    return f"{value:,.0f} hours" if abs(value) < 72 else f"{value / 24:,.1f} days"


def day(value: str) -> str:
    """An ISO date as a person writes it: 22 Nov 2026."""
    found = datetime.fromisoformat(value)
    return f"{found.day} {found:%b %Y}"


def short(digest: str | None) -> str:
    """The beginning of a digest that names it on a page."""
    return NOTHING if not digest else digest[:12]
