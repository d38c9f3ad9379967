"""The plugin: our pages, links and timetable made known to Airflow.

Who may read the DAG ``daily_recommendations`` may read the pages; who may edit it may act on them; nobody else gets
anything but a refusal. Airflow itself mounts a plugin's app open to everybody.
"""

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from recsys_links import LiveIndexLink, ReportLink, VerdictLink
from recsys_timetable import BusinessDaily, DailyUntil

if TYPE_CHECKING:
    from fastapi import FastAPI


def pages() -> "FastAPI":
    """The app; each of its routes asks who the caller is and whether they may read the DAG."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI
    from recsys_ui import acts, asking, browse, reports, views
    from recsys_ui.web import DAG_ID, Sorry, sorry

    from recsys_tasks.core.errors import RecsysError

    may_read = Depends(requires_access_dag(method="GET", param_dag_id=DAG_ID))
    app = FastAPI(dependencies=[may_read], openapi_url=None, docs_url=None, redoc_url=None)
    for room in (views, browse, asking, acts, reports):
        app.include_router(room.router)
    for refusal in (Sorry, RecsysError, OSError):
        app.add_exception_handler(refusal, sorry)
    return app


def _view(name: str, href: str, destination: str, route: str, **more: str) -> dict[str, str]:
    return {"name": name, "href": href, "destination": destination, "url_route": route, **more}


class RecsysPlugin(AirflowPlugin):
    """Makes pages, links and the timetable known to Airflow."""

    name = "recsys"
    operator_extra_links = [ReportLink(), VerdictLink(), LiveIndexLink()]  # noqa: RUF012 - Airflow's own interface
    timetables = [DailyUntil, BusinessDaily]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        _view("Recommendations", "/recsys/live", "nav", "recommendations", category="browse"),
        _view("Recommendations", "/recsys/dag?dag_id={DAG_ID}", "dag", "recsys-live"),
        _view("Report", "/recsys/report?dag_id={DAG_ID}&run_id={RUN_ID}", "dag_run", "recsys-report"),
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Built when the API server asks: what it needs costs a second, and every worker loads this file."""
        return [{"app": pages(), "url_prefix": "/recsys", "name": "recsys pages"}]
