"""The plugin: our pages, links, timetable and pools made known to Airflow.

Whatever fails here becomes one page that says what is missing: the API server, and every other program of Airflow that
loads plugins, lives on.
"""

import logging
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)
OPERATOR_LINKS: list[Any] = []
TIMETABLES: list[Any] = []
LISTENERS: list[Any] = []
try:
    import recsys_pools
    from recsys_links import LiveIndexLink, ReportLink, VerdictLink
    from recsys_timetable import BusinessDaily, DailyUntil
except Exception:
    log.exception("Links, timetable and pools of the recommendations cannot be loaded")
else:
    OPERATOR_LINKS = [ReportLink(), VerdictLink(), LiveIndexLink()]
    TIMETABLES, LISTENERS = [DailyUntil, BusinessDaily], [recsys_pools]


def pages() -> "FastAPI":
    """The app of all pages; where it cannot be made, the app of the one page that says why."""
    from recsys_ui import missing

    try:
        from recsys_needs import lacking

        if said := lacking():
            log.error("The pages of the recommendations cannot be shown. %s", said)
            return missing.app(said)
        from recsys_ui.front import front

        return front()
    except (Exception, SystemExit) as error:
        log.exception("The pages of the recommendations cannot be shown")
        return missing.app(f"{type(error).__name__}: {error}. The log of the API server says more.")


def _view(name: str, href: str, destination: str, route: str, **more: str) -> dict[str, str]:
    return {"name": name, "href": href, "destination": destination, "url_route": route, **more}


class RecsysPlugin(AirflowPlugin):
    """Makes pages, links, the timetable and the pools known to Airflow."""

    name = "recsys"
    operator_extra_links = OPERATOR_LINKS
    timetables = TIMETABLES
    listeners = LISTENERS
    external_views = [  # noqa: RUF012 - Airflow's own interface
        _view("Recommendations", "/recsys/live", "nav", "recommendations", category="browse"),
        _view("Recommendations", "/recsys/dag?dag_id={DAG_ID}", "dag", "recsys-live"),
        _view("Report", "/recsys/report?dag_id={DAG_ID}&run_id={RUN_ID}", "dag_run", "recsys-report"),
    ]

    @property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        """Looks at what triggers a run; only the API server asks for it."""
        try:
            from recsys_ui.words import Words
        except (Exception, SystemExit):  # then there are no pages either, and one says why
            log.exception("Whoever may trigger a run may say publish_older and accept_data in it")
            return []
        return [{"middleware": Words, "name": "recsys words"}]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Built when the API server asks: what it needs costs a second, and every worker loads this file."""
        try:
            return [{"app": pages(), "url_prefix": "/recsys", "name": "recsys pages"}]
        except (Exception, SystemExit):  # not even the page that says so can be made
            log.exception("There are no pages of the recommendations")
            return []
