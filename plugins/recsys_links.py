"""Buttons on the tasks ``gate`` and ``publish``: the report, the verdict with its reasons, the asset that is live."""

from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperatorLink


class ReportLink(BaseOperatorLink):
    """To the report of the run, for people who know nothing of the code."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Path of the page that ``recsys_pages`` serves."""
        return f"/recsys/report?{urlencode({'dag_id': ti_key.dag_id, 'run_id': ti_key.run_id}, quote_via=quote)}"


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
        """Path of the asset's page in the UI; its name ends as that of the DAG does."""
        return f"/assets?name_pattern={quote(ti_key.dag_id.replace('daily_recommendations', 'live_index', 1))}"
