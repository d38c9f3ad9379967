"""The frame of all pages: the templates with the formats of figures, and the two kinds of static files."""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recsys_tasks.core import formatting
from recsys_tasks.core.services import Service

HERE = Path(__file__).parent
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FORMATS = (
    "age",
    "as_stored",
    "count",
    "decimal",
    "fraction",
    "instant",
    "megabytes",
    "signed_percent",
    "signed_fraction",
    "significant",
)
"""Formats of figures that the templates use."""


ONLY = {"service": Service("", None, None), "services": (), "top": ""}
"""What the frame shows where there is one service, without a name: nothing to choose from."""


class View(NamedTuple):
    """An entry of the navigation that all pages share."""

    path: str  # below the prefix of the app
    title: str


VIEWS = (
    View("live", "Live"),
    View("history", "Over time"),
    View("candidates", "Candidates and releases"),
    View("ask", "Try it"),
    View("deliveries", "Deliveries"),
)


def render(template: str, view: str, **context: Any) -> str:
    """A page.

    Args:
        template: name of its template, without the endings.
        view: path of the entry of ``VIEWS`` that is shown as chosen; empty for none.
        **context: everything that the template names; a missing name is an error. Of several services also
            ``service``, the ``services`` to choose from, and ``top``, the address below which all of them lie.
    """
    found = _environment().get_template(f"{template}.html.jinja")
    return found.render(views=VIEWS, view=view, **(ONLY | context))


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
    environment.filters |= {name: getattr(formatting, name) for name in FORMATS}
    return environment
