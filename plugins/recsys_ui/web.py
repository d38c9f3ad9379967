"""What every page of ours needs: its service with store and policy, the headers, kind words where there is nothing."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recsys_tasks.core.config import Config
    from recsys_tasks.core.services import Service
    from recsys_tasks.storage.object_store import ObjectStore
    from recsys_tasks.storage.posix import PosixStore

SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
HEADERS = SAFE | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
}


RETRY = {"Retry-After": "5"}
"""Header of a refusal that is over in some seconds: proxies and programs come again by it."""


class Sorry(Exception):
    """There is no page to show. The text says why, and what to do."""

    def __init__(self, heading: str, text: str, status: int = 404, again: bool = False) -> None:
        """Say what there is.

        Args:
            heading: in a few words.
            text: why, and what to do.
            status: of HTTP.
            again: whether it helps to come again in some seconds.
        """
        super().__init__(text)
        self.heading, self.text, self.status, self.headers = heading, text, status, RETRY if again else {}


def home(request: Request) -> str:
    """Path under which our pages lie, with a slash at the end."""
    return f"{request.scope.get('root_path', '')}/"


def service_of(request: Request) -> "Service":
    """The service whose app was asked."""
    found: Service = request.app.state.service
    return found


def own_services() -> "list[Service]":
    """The services that this server's environment names."""
    from recsys_tasks.core.services import services_named

    return services_named(os.environ)


def readable(request: Request, every: "Iterable[Service]") -> "list[Service]":
    """Those of some services whose pages the caller may read."""
    return [service for service in every if may(request, "GET", service)]


def may(request: Request, method: Any, service: "Service", entity: Any = None) -> bool:
    """Whether the caller has a right on the DAG of a service."""
    from airflow.api_fastapi.core_api.security import requires_access_dag

    try:
        requires_access_dag(method, entity, service.daily)(request, request.state.user)
    except HTTPException:
        return False
    return True


def page(request: Request, template: str, view: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page in the common frame, whose head offers the other services that the caller may read."""
    from recsys_tasks.core.services import Service
    from recsys_tasks.pages.site import render

    service, every = request.app.state.service or Service("", None, None), own_services()
    ours = home(request)
    top = ours.removesuffix(service.path)
    others = readable(request, every) if len(every) > 1 and hasattr(request.state, "user") else []
    frame = {"home": ours, "top": top, "airflow": top.removesuffix("recsys/"), "service": service, "services": others}
    content = service.worded(render(template, view, **frame, **context))
    return HTMLResponse(content, status_code=status, headers=HEADERS)


async def bytes_of(request: Request, most: int) -> bytes | None:
    """What was sent with a request; None where it is more than so many bytes, of which no more are read."""
    found = b""
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            return None
    return found


def sorry(request: Request, error: Exception) -> Response:
    """The page that says what is missing, or what cannot be read; the same as JSON to a script that asks for that."""
    if not isinstance(error, Sorry):
        error = Sorry("The store cannot be read", f"{type(error).__name__}: {error}", 503)
    if request.headers.get("accept") == "application/json":
        return JSONResponse({"detail": error.text}, error.status, headers=SAFE | error.headers)
    shown = page(request, "note", "", error.status, heading=error.heading, text=error.text)
    shown.headers.update(error.headers)
    return shown


def store(request: Request) -> "PosixStore | ObjectStore":
    """The store of the service. It is imported here, because every process of Airflow loads these files and only one
    serves them.

    Raises:
        Sorry: nothing names it, it is not there, or the file that may name it cannot be read.
    """
    from recsys_tasks.core.roots import Bucket
    from recsys_tasks.storage.refusals import unavailable
    from recsys_tasks.storage.stores import store_at

    service = service_of(request)
    if service.name and service.problem:
        raise Sorry("The configuration is not sound", service.problem, 503)
    if isinstance(service.root, Bucket):
        return store_at(service.root.given(store_options(service)))
    root = _named(service.root, "RECSYS_ROOT", "store")
    if not os.access(root, os.R_OK | os.X_OK):
        text = f"{unavailable(root)} The API server needs the same store as the workers, and the right to read it."
        raise Sorry("The store cannot be read", text, 503)
    return store_at(root)


def store_options(service: "Service") -> dict[str, str]:
    """What opens the bucket of a service: its connection in Airflow, where there is one; else the environment does.

    Of a store on a disk there is none.
    """
    from airflow.exceptions import AirflowNotFoundException
    from airflow.models.connection import Connection

    from recsys_tasks.core.roots import Bucket, connection_options

    if not isinstance(service.root, Bucket):
        return {}
    try:
        found = Connection.get_connection_from_secrets(service.store_connection)
    except AirflowNotFoundException:
        return {}
    return connection_options(service.root.url, found.login, found.password, found.host, found.extra_dejson)


def policy(request: Request) -> "Config":
    """The configuration of the service.

    Raises:
        Sorry: the environment does not name it, or it is not sound.
    """
    from recsys_tasks.core.config import load_config
    from recsys_tasks.core.errors import ConfigError

    try:
        return load_config(_named(service_of(request).config, "RECSYS_CONFIG", "configuration"))
    except ConfigError as error:
        raise Sorry("The configuration is not sound", str(error), 503) from None


def _named(path: Path | None, variable: str, what: str) -> Path:
    """A path that something names.

    Raises:
        Sorry: nothing does.
    """
    if path is None:
        text = f"This server does not know the {what}. Set {variable} for the API server as for the workers."
        raise Sorry(f"No {what}", text, 503)
    return path
