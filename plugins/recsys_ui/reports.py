"""The stored report of a judgement, or of a run: one stored file, found by looking its name up in the store.

Nothing that a caller sends becomes part of a path before it was found there.
"""

import re
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from recsys_ui.web import DAG_ID, SAFE, Sorry, store

if TYPE_CHECKING:
    from recsys_tasks.storage.store import ArtefactStore

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
JUDGEMENT = re.compile(r"[0-9a-f]{16}-([0-9a-f]{16}|none)")
HEADERS = SAFE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
}
NO_REPORT = "No report"

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/report/{date}/{judgement}")
def of_judgement(date: str, judgement: str) -> HTMLResponse:
    """Send the report of a judgement, by its date and its name."""
    return HTMLResponse(_stored(store(), date, judgement), headers=HEADERS)


@router.get("/report")
def of_run(dag_id: str, run_id: str) -> HTMLResponse:
    """Send the report of what a run judged; Airflow shows this view on the runs of every DAG."""
    if dag_id != DAG_ID:
        raise Sorry(NO_REPORT, f"Reports are written by {DAG_ID}; a run of {dag_id} has none.")
    from recsys_tasks.storage.run_records import RunRecords

    kept = store()
    judged = (RunRecords(kept).last(run_id, "evaluate") or {}).get("result")
    if not judged:
        raise Sorry(NO_REPORT, "This run has judged nothing yet. Its report is there when its task gate is over.")
    return HTMLResponse(_stored(kept, judged["day"], judged["judgement"]), headers=HEADERS)


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
