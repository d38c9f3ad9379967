"""The door of all pages: every service has an app of its own, and an address below ``/recsys`` leads to one of them.

The services are looked up for every request, so that a file that was added, mended or removed needs no new start.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount, Router

from recsys_tasks.core.errors import RecsysError
from recsys_tasks.core.services import Service, service_of_dag
from recsys_ui import acts, asking, browse, missing, reports, views
from recsys_ui.web import SAFE, Sorry, home, own_services, readable, sorry

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

choice = APIRouter()


def front() -> FastAPI:
    """The app that Airflow mounts."""
    found = bare()
    found.mount("", hand_on)
    return found


async def hand_on(scope: "Scope", receive: "Receive", send: "Send") -> None:
    """Let the app of the service answer that the address names; one that names none asks for a choice."""
    every = await run_in_threadpool(own_services)
    named = [Mount(f"/{service.name}", app_of(service)) for service in every if service.name]
    unnamed = next((app_of(service) for service in every if not service.name), choose())
    await Router([*named, Mount("", unnamed)])(scope, receive, send)


@lru_cache(maxsize=64)
def app_of(service: Service) -> FastAPI:
    """The pages of one service; each of them asks who the caller is and whether they may read its DAG."""
    found = bare(dependencies=[Depends(requires_access_dag(method="GET", param_dag_id=service.daily)), Depends(noted)])
    found.state.service = service
    for room in (views, browse, asking, acts, reports):
        found.include_router(room.router)
    return found


@lru_cache(maxsize=1)
def choose() -> FastAPI:
    """What answers where every service has a name, and the address has none."""
    found = bare(dependencies=[Depends(noted)])
    found.state.service = None
    found.include_router(choice)
    return found


@choice.get("/")
@choice.get("/live")
def first(request: Request) -> RedirectResponse:
    """Lead to the first service that the caller may read; those with a problem come last."""
    every = sorted(own_services(), key=lambda service: bool(service.problem))
    if not every:
        raise Sorry("No service", "RECSYS_CONFIG names a folder without a *.toml. Put one there for each service.")
    if not (mine := readable(request, every)):
        raise HTTPException(403, "Forbidden")
    return RedirectResponse(f"{home(request)}{mine[0].path}live", 307, headers=SAFE)


choice.get("/static/{name}")(views.static)  # a refusal has the frame of all pages


@choice.get("/dag")
def of_dag(request: Request, dag_id: str) -> RedirectResponse:
    """Lead the tab of a DAG to its service; Airflow shows it on every DAG."""
    return _lead(request, "dag", dag_id=dag_id)


@choice.get("/report")
def of_run(request: Request, dag_id: str, run_id: str) -> RedirectResponse:
    """Lead the tab of a run to its service; Airflow shows it on the runs of every DAG."""
    return _lead(request, "report", dag_id=dag_id, run_id=run_id)


def _lead(request: Request, page: str, **asked: str) -> RedirectResponse:
    found = service_of_dag(asked["dag_id"], own_services())
    if found is None:
        raise Sorry("Nothing to show", f"{asked['dag_id']} has no part in the recommendations.", 200)
    return RedirectResponse(f"{home(request)}{found.path}{page}?{urlencode(asked)}", 307, headers=SAFE)


def bare(**more: Any) -> FastAPI:
    """An app without listings, in which a refusal is a page."""
    found = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, **more)
    for refusal in (Sorry, RecsysError, OSError):
        found.add_exception_handler(refusal, sorry)
    found.add_exception_handler(ImportError, lambda _request, error: missing.page(str(error)))
    return found


def noted(request: Request, user: GetUserDep) -> None:
    """Note who asks: the head of a page offers what else they may read."""
    request.state.user = user
