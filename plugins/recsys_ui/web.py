"""What every page of ours needs: the store, the policy, the headers, and kind words where there is nothing to show."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import HTMLResponse

if TYPE_CHECKING:
    from recsys_tasks.core.config import Config
    from recsys_tasks.storage.posix import PosixStore

DAG_ID = "daily_recommendations"
SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
HEADERS = SAFE | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
}


class Sorry(Exception):
    """There is no page to show. The text says why, and what to do."""

    def __init__(self, heading: str, text: str, status: int = 404) -> None:
        super().__init__(text)
        self.heading, self.text, self.status = heading, text, status


def home(request: Request) -> str:
    """Path under which our pages lie, with a slash at the end."""
    return f"{request.scope.get('root_path', '')}/"


def page(request: Request, template: str, view: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page in the common frame."""
    from recsys_tasks.pages.site import render

    ours = home(request)
    airflow = ours.removesuffix("recsys/")
    content = render(template, view, home=ours, airflow=airflow, **context)
    return HTMLResponse(content, status_code=status, headers=HEADERS)


def sorry(request: Request, error: Exception) -> HTMLResponse:
    """The page that says what is missing, or what cannot be read."""
    if isinstance(error, Sorry):
        return page(request, "note", "", error.status, heading=error.heading, text=error.text)
    text = f"{type(error).__name__}: {error}"
    return page(request, "note", "", 503, heading="The store cannot be read", text=text)


def store() -> "PosixStore":
    """The store. It is imported here, because every process of Airflow loads these files and only one serves them.

    Raises:
        Sorry: the environment does not name it, or it is not there.
    """
    from recsys_tasks.storage.posix import PosixStore
    from recsys_tasks.storage.refusals import unavailable

    root = _named("RECSYS_ROOT", "store")
    if not os.access(root, os.R_OK | os.X_OK):
        text = f"{unavailable(root)} The API server needs the same store as the workers, and the right to read it."
        raise Sorry("The store cannot be read", text, 503)
    return PosixStore(root.resolve())


def policy() -> "Config":
    """The configuration.

    Raises:
        Sorry: the environment does not name it, or it is not sound.
    """
    from recsys_tasks.core.config import load_config
    from recsys_tasks.core.errors import ConfigError

    try:
        return load_config(_named("RECSYS_CONFIG", "configuration"))
    except ConfigError as error:
        raise Sorry("The configuration is not sound", str(error), 503) from None


def _named(variable: str, what: str) -> Path:
    """The path that a variable of this server's environment names.

    Raises:
        Sorry: it is not set.
    """
    path = os.environ.get(variable)
    if not path:
        text = f"This server does not know the {what}. Set {variable} for the API server as for the workers."
        raise Sorry(f"No {what}", text, 503)
    return Path(path)
