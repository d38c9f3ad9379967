"""Acting from the pages: roll back, pin, unpin, release a held candidate, have a date judged again, erase or
exclude a listener.

Only who may edit the DAG acts, and gives a reason. A body counts only as ``application/json``, which no form of another
site can send. The rights of the caller are checked before a byte of it is read. A run of a DAG of its own then does it,
in the name of the caller; this server only reads the store. Airflow's audit log of the DAG keeps who asked for what;
the release log keeps who did it and why.
"""

import json
import logging
import secrets
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.pages.acting import NoSuchAct, Signed, asked, standing
from recsys_tasks.pages.remembered import log_of
from recsys_tasks.storage.stored_mark import mark_of
from recsys_ui.act_runs import begin, run_of
from recsys_ui.turns import turn
from recsys_ui.web import SAFE, Sorry, bytes_of, home, may, page, service_of, store

LARGEST = 16_384  # bytes of a body
TITLES = {
    "rollback": "Roll back",
    "pin": "Pin",
    "unpin": "Unpin",
    "release": "Release a candidate",
    "judge_again": "Judge again",
    "erase": "Erase a listener",
    "exclude": "Exclude an account",
}
"""Act -> what the page of its run is called."""
router = APIRouter()
log = logging.getLogger(__name__)


def may_act(request: Request) -> None:
    """Let those pass who may edit the DAG of the service.

    Raises:
        HTTPException: the caller may not.
    """
    if not may(request, "PUT", service_of(request)):
        raise HTTPException(403, "Forbidden")


async def body(request: Request) -> bytes:
    """The bytes that were sent.

    Raises:
        HTTPException: they are not called JSON, or are too many.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send the reason as application/json.")
    found = await bytes_of(request, LARGEST)
    if found is None:
        raise HTTPException(413, f"That is more than {LARGEST:,} bytes. Say it shorter.")
    return found


@router.get("/acts", dependencies=[Depends(turn)])
def possible(request: Request, user: GetUserDep) -> JSONResponse:
    """Tell what this person may do, and upon what; the pages show buttons for it."""
    kept, service = store(request), service_of(request)
    rights = {
        "user": user.get_name(),
        "may_act": may(request, "PUT", service),
        "may_backfill": may(request, "POST", service, DagAccessEntity.RUN),
    }
    return JSONResponse(rights | standing(kept, log_of(kept)), headers=SAFE)


@router.post("/acts/{name}", dependencies=[Depends(may_act)])
def do(
    request: Request,
    name: str,
    sent: Annotated[bytes, Depends(body)],
    user: GetUserDep,
    _turn: Annotated[None, Depends(turn)],
) -> JSONResponse:
    """Have a run do it, or say why not; ``page`` is where its outcome will stand."""
    act, service = _parse(name, sent), service_of(request)
    mark = mark_of(store(request))
    run = f"{name}-{secrets.token_hex(8)}"
    begin(service, run, name, act, user.get_name(), mark.id if mark else None)
    _record(f"recommendations_{name}_asked", service.daily, user, act, run)
    return JSONResponse({"run": run, "page": f"{home(request)}act/{run}"}, 202, headers=SAFE)


@router.get("/act/{run}", dependencies=[Depends(turn)], response_class=HTMLResponse)
def outcome(request: Request, run: str) -> HTMLResponse:
    """Show what became of an act; while it waits or is being done, the page asks again by itself, without a script."""
    found = run_of(service_of(request), run)
    if found is None:
        raise Sorry("No such act", "There is no run of that name: Airflow has removed it since, or it never was.")
    return page(request, "act", "", words=TITLES.get(found["asked"].get("act"), "An act"), **found)


def _parse(name: str, sent: bytes) -> Signed:
    """The act that is asked for.

    Raises:
        HTTPException: there is no such act, or its body is malformed.
    """
    try:
        return asked(name, sent)
    except NoSuchAct as error:
        raise HTTPException(404, str(error)) from None
    except ConfigError as error:
        raise HTTPException(422, str(error)) from None


def _record(event: str, dag_id: str, user: Any, act: Signed, run: str) -> None:
    """Write a row of the audit log; the release log has the act even where this row cannot be written."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    extra, name = json.dumps(act.model_dump() | {"run": run}, ensure_ascii=False), user.get_name()
    try:
        with create_session(scoped=False) as session:
            session.add(Log(event=event, owner=name, owner_display_name=name, extra=extra, dag_id=dag_id))
    except Exception:
        log.exception("%s could not be written to the audit log", event)
