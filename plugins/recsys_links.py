"""Buttons on the tasks ``gate`` and ``publish``: the verdict with its reasons, and the asset that is live."""

from typing import Any
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink
from recsys_timetable import DailyUntil


class VerdictLink(BaseOperatorLink):
    """To the verdict, its reasons and its figures, as the gate left them."""

    name = "Verdict"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Path of the gate's values in the UI."""
        return f"/dags/{quote(ti_key.dag_id)}/runs/{quote(ti_key.run_id)}/tasks/gate/xcom"


class LiveIndexLink(BaseOperatorLink):
    """To the asset, whose events carry release number, date and precision."""

    name = "Live index"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Path of the asset's page in the UI."""
        return "/assets?name_pattern=live_index"


class RecsysPlugin(AirflowPlugin):
    """Makes the links and the timetable known to Airflow."""

    name = "recsys"
    operator_extra_links = [VerdictLink(), LiveIndexLink()]  # noqa: RUF012 - Airflow's own interface
    timetables = [DailyUntil]  # noqa: RUF012
