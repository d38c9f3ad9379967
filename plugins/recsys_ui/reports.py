"""The stored report of a judgement, or of a run: one stored file, found by looking its name up in the store.

Nothing that a caller sends becomes part of a path before it was found there.
"""

import re
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from recsys_ui.turns import turn
from recsys_ui.web import SAFE, Sorry, service_of, store

if TYPE_CHECKING:
    from recsys_tasks.storage.store import ArtefactStore

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
JUDGEMENT = re.compile(r"[0-9a-f]{16}-([0-9a-f]{16}|none)")
HEADERS = SAFE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
}
NO_REPORT = "No report"

router = APIRouter(default_response_class=HTMLResponse, dependencies=[Depends(turn)])


@router.get("/report/{date}/{judgement}")
def of_judgement(request: Request, date: str, judgement: str) -> HTMLResponse:
    """Send the report of a judgement, by its date and its name."""
    return _sent(request, date, judgement)


@router.get("/report")
def of_run(request: Request, dag_id: str, run_id: str) -> HTMLResponse:
    """Send the report of what a run judged; Airflow shows this view on the runs of every DAG."""
    ours = service_of(request).daily
    if dag_id != ours:
        raise Sorry(NO_REPORT, f"Reports are written by {ours}; a run of {dag_id} has none.")
    from recsys_tasks.storage.run_records import RunRecords

    judged = (RunRecords(store(request)).last(run_id, "evaluate") or {}).get("result")
    if not judged:
        raise Sorry(NO_REPORT, "This run has judged nothing yet. Its report is there when its task gate is over.")
    return _sent(request, judged["day"], judged["judgement"])


def _sent(request: Request, date: str, judgement: str) -> HTMLResponse:
    content = _stored(store(request), date, judgement).decode()
    return HTMLResponse(service_of(request).worded(content), headers=HEADERS)


def _stored(kept: "ArtefactStore", date: str, judgement: str) -> bytes:
    """The page of a judgement.

    Raises:
        Sorry: the names are none that the store gives, or the page is not there.
    """
    from recsys_tasks.core.domain import parse_day
    from recsys_tasks.core.errors import ConfigError, NotStored
    from recsys_tasks.release.judgements import Judgements

    missing = Sorry(NO_REPORT, "There is no such report: it is not written yet, was removed since, or never was.")
    if not DATE.fullmatch(date) or not JUDGEMENT.fullmatch(judgement):
        raise missing
    try:
        day = parse_day(date)
        judgements = Judgements(kept)
        return judgements.report(next(found for found in judgements.of(day) if found.name == judgement))
    except (ConfigError, StopIteration, NotStored):
        raise missing from None
