"""A person's word in a run (``publish_older``, ``accept_data``) takes the right that the same act takes on the pages.

Airflow asks for the right to trigger a run, whatever its parameters say. So this middleware looks at what triggers one
of our DAGs through the API, as Airflow's own pages do, and refuses a word of somebody who may not edit the DAG; every
run of the DAG of acts is such a word. It sees neither ``airflow dags trigger`` nor a task of another DAG: a run of the
second kind is refused in its first task (``recsys_dag.context``); whoever may do the first has the account, and with it
the store.
"""

import json
import re
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from recsys_tasks.core.services import service_of_dag
from recsys_tasks.core.typed_text import WORDS
from recsys_ui.web import bytes_of, own_services

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRIGGER = re.compile(r"/api/v\d+/dags/([^/]+)/dagRuns/?")
LARGEST = 1 << 20
"""Bytes of what triggers a run; a larger one is refused, for nobody has looked at it."""
REFUSAL = "That is a word for which you need the right to edit the DAG, as on the pages of the recommendations."


class Words:
    """Refuses to trigger a run with a word of somebody who may not edit its DAG; all else passes as it came."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Look at a request, and hand it on."""
        dag = TRIGGER.fullmatch(_path(scope))
        edited = await run_in_threadpool(_edited, dag[1]) if dag and scope["method"] == "POST" else ""
        if dag is None or not edited:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        sent = await bytes_of(request, LARGEST)
        if sent is None:
            await _refusal(413, f"More than {LARGEST:,} bytes trigger no run.")(scope, receive, send)
            return
        is_word = edited != dag[1] or _holds_a_word(sent)
        refusal = await _refused(request, edited) if is_word else None
        await (refusal(scope, receive, send) if refusal else self._app(scope, _again(sent, receive), send))


def _path(scope: "Scope") -> str:
    """The address below the root of Airflow's API server; empty where this is no request."""
    path = str(scope.get("path", "")) if scope["type"] == "http" else ""
    return path.removeprefix(str(scope.get("root_path", "")))


def _edited(dag_id: str) -> str:
    """The DAG that one has to be allowed to edit for a word in a run of another one, or of itself; empty where a word
    means nothing. Where nobody can tell, the DAG may be one of ours."""
    try:
        found = service_of_dag(dag_id, own_services())
    except Exception:  # whatever it is: nobody else's run may fail for it
        return dag_id
    return found.daily if found is not None and dag_id in (found.daily, found.act) else ""


def _holds_a_word(sent: bytes) -> bool:
    """Whether a body triggers a run with a word; what is no such body, Airflow refuses itself."""
    try:
        conf = json.loads(sent)["conf"]
        return any(conf.get(word) for word in WORDS)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


async def _refused(request: Request, dag_id: str) -> JSONResponse | None:
    """The refusal of somebody who may not edit a DAG; None where they may, and for strangers, whom Airflow refuses."""
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag

    try:
        user = await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return None
    try:
        await run_in_threadpool(requires_access_dag("PUT", None, dag_id), request, user)
    except HTTPException:
        return _refusal(403, REFUSAL)
    return None


def _refusal(status: int, words: str) -> JSONResponse:
    return JSONResponse({"detail": words}, status)


def _again(sent: bytes, receive: "Receive") -> "Receive":
    """What hands out a body that was read already, and then whatever comes after it."""
    left: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": sent, "more_body": False}]

    async def received() -> "Message":
        return left.pop() if left else await receive()

    return received
