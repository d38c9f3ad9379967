"""The pages of the API server: the stored report of a judgement, or of a run.

Who may read the DAG ``daily_recommendations`` may read its reports, and nobody else. A page is one stored file, found
by looking its name up in the store; nothing that a caller sends becomes part of a path before it was found there.
"""

import html
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import HTMLResponse
from recsys_links import LiveIndexLink, ReportLink, VerdictLink
from recsys_timetable import DailyUntil

if TYPE_CHECKING:
    from recsys_tasks.store import Store

DAG_ID = "daily_recommendations"
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
JUDGEMENT = re.compile(r"[0-9a-f]{16}-([0-9a-f]{16}|none)")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
NOTE = """<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>No report</title>
<style>:root { color-scheme: light dark } body { font: 15px/1.5 system-ui, sans-serif; margin: 28px; max-width: 70ch }
</style><p>%s</p></html>"""

router = APIRouter(default_response_class=HTMLResponse)


class NoReport(Exception):
    """There is no page to show; its text says why, kindly."""


@router.get("/report/{date}/{judgement}")
def of_judgement(date: str, judgement: str) -> HTMLResponse:
    """The report of a judgement, by its date and its name."""
    return HTMLResponse(_stored(_store(), date, judgement), headers=HEADERS)


@router.get("/report")
def of_run(dag_id: str, run_id: str) -> HTMLResponse:
    """The report of what a run judged; Airflow shows this view on the runs of every DAG."""
    if dag_id != DAG_ID:
        raise NoReport(f"Reports are written by {DAG_ID}; a run of {dag_id} has none.")
    store = _store()
    judged = (store.read_run(run_id, "evaluate") or {}).get("result")
    if not judged:
        raise NoReport("This run has judged nothing yet. Its report is there when its task gate is over.")
    return HTMLResponse(_stored(store, judged["day"], judged["judgement"]), headers=HEADERS)


def _stored(store: "Store", date: str, judgement: str) -> bytes:
    """The page of a judgement.

    Raises:
        NoReport: the names are none that the store gives, or the page is not there.
    """
    from recsys_tasks.domain import parse_day
    from recsys_tasks.errors import ConfigError

    missing = NoReport("There is no such report: it is not written yet, was removed since, or never was.")
    if not DATE.fullmatch(date) or not JUDGEMENT.fullmatch(judgement):
        raise missing
    try:
        day = parse_day(date)
        found = next(path.name for path in store.evaluations_of(day) if path.name == judgement)
        return store.report_path(day, found).read_bytes()
    except (ConfigError, StopIteration, FileNotFoundError):
        raise missing from None


def _store() -> "Store":
    """The store; imported here, for every process of Airflow loads this file and only the API server serves it.

    Raises:
        NoReport: nobody told this server where it is.
    """
    from recsys_tasks.store import Store

    if not os.environ.get("RECSYS_ROOT"):
        raise NoReport("This server does not know the store. Set RECSYS_ROOT for the API server as for the workers.")
    return Store(Path(os.environ["RECSYS_ROOT"]))


def pages() -> FastAPI:
    """The app; each of its routes asks who the caller is and whether they may read the DAG."""
    from airflow.api_fastapi.core_api.security import requires_access_dag

    may_read = Depends(requires_access_dag(method="GET", param_dag_id=DAG_ID))
    app = FastAPI(dependencies=[may_read], openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(router)
    app.add_exception_handler(NoReport, _kindly)
    return app


def _kindly(_request: Any, error: Exception) -> HTMLResponse:
    return HTMLResponse(NOTE % html.escape(str(error)), status_code=404, headers=HEADERS)


class RecsysPlugin(AirflowPlugin):
    """Makes pages, links and the timetable known to Airflow."""

    name = "recsys"
    operator_extra_links = [ReportLink(), VerdictLink(), LiveIndexLink()]  # noqa: RUF012 - Airflow's own interface
    timetables = [DailyUntil]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Report",
            "href": "/recsys/report?dag_id={DAG_ID}&run_id={RUN_ID}",
            "destination": "dag_run",
            "url_route": "recsys-report",
        }
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Built when the API server asks: what it needs costs a second, and every worker loads this file."""
        return [{"app": pages(), "url_prefix": "/recsys", "name": "recsys pages"}]
