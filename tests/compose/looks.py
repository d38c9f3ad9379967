"""What is looked at, by the doors that people and programs use: the API, the pages, the reader, the command line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from compose.engines import Failed
from compose.stack import Stack, wait_until
from recsys_tasks.demo.airflow_api import AirflowApi, ApiRefused

DAG = "daily_recommendations"
PAGES = ("live", "history", "candidates", "ask", "deliveries")
VIEWER, VIEWER_PASSWORD = "vic", "a viewer of this check"
ENDED = {"success", "failed"}
RUN_SECONDS, KNOWN_SECONDS, READY_SECONDS = 1800.0, 300.0, 120.0
ANSWER_SECONDS = 180.0
"""A busy machine may take as long for a page that it makes for the first time."""


@dataclass
class Looking:
    """The addresses of a stack, and who may enter."""

    stack: Stack
    values: Mapping[str, str]
    """The variables of its ``.env``."""

    def api(self, user: str = "admin", password: str = "") -> AirflowApi:
        """Airflow's API, seen by a person."""
        return AirflowApi(self._airflow, user, password or self.values["AIRFLOW_ADMIN_PASSWORD"], ANSWER_SECONDS)

    def run_day(self, day: str) -> list[str]:
        """Run a date by a backfill; the machines that did its tasks.

        Raises:
            Failed: the run did not end well.
        """
        api, found = self.api(), list[dict[str, Any]]()
        wait_until(lambda: api.dag_is_known(DAG), KNOWN_SECONDS, lambda: f"{DAG} is not known: {api.import_errors()}")
        api.create_backfill(DAG, f"{day}T00:00:00Z", f"{day}T00:00:00Z")
        api.unpause(DAG)

        def over() -> bool:
            found[:] = [run for run in api.runs(DAG) if run["logical_date"].startswith(day)]
            return bool(found) and all(run["state"] in ENDED for run in found)

        wait_until(over, RUN_SECONDS, lambda: f"{found}", pause_s=5)
        tasks = api.task_instances(DAG, found[0]["dag_run_id"])
        if found[0]["state"] != "success":
            raise Failed(f"The run of {day} failed: {[(task['task_id'], task['state']) for task in tasks]}")
        return sorted({task["hostname"] for task in tasks if task["hostname"]})

    def log_of(self, day: str, task: str) -> str:
        """The text of a task's log, as the UI shows it."""
        api = self.api()
        (run,) = [run for run in api.runs(DAG) if run["logical_date"].startswith(day)]
        answer = api.get(f"/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances/{task}/logs/1", full_content=True)
        return "\n".join(str(line.get("event", "")) for line in answer["content"])

    def add_viewer(self) -> None:
        """A person who may look, and no more."""
        named = ["--firstname", "Vic", "--lastname", "Viewer", "--email", "vic@example.invalid"]
        said = ["--username", VIEWER, "--password", VIEWER_PASSWORD, "--role", "Viewer", *named]
        self.stack.within("api-server", "airflow", "users", "create", *said)

    def refused(self, user: str, password: str) -> bool:
        """Whether nobody gets in by this password."""
        try:
            self.api(user, password).token()
        except ApiRefused as error:
            return " 401 " in str(error)
        return False

    def page(self, name: str, api: AirflowApi | None = None) -> httpx.Response:
        """A page of the plugin, as a person sees it; without one, as a stranger does."""
        headers = {"Authorization": f"Bearer {api.token()}"} if api else {}
        return httpx.get(f"{self._airflow}/recsys/{name}", headers=headers, timeout=ANSWER_SECONDS, trust_env=False)

    def live(self) -> dict[str, Any]:
        """What the command line says is live."""
        found: dict[str, Any] = json.loads(self.stack.within("scheduler", "recsys", "status", "--json"))["live"]
        return found

    def served(self, path: str, token: str = "") -> httpx.Response:
        """An answer of the reader."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = f"http://127.0.0.1:{self.values['RECSYS_SERVICE_PORT']}{path}"
        return httpx.get(address, headers=headers, timeout=ANSWER_SECONDS, trust_env=False)

    def wait_until_served(self, release: int) -> None:
        """Wait until the reader answers from a release."""
        token, said = self.values["READER_TOKEN"], ""

        def ready() -> bool:
            nonlocal said
            try:
                answer = self.served("/v1/popular?k=3", token)
            except httpx.HTTPError as error:
                said = repr(error)
                return False
            said = f"{answer.status_code} {answer.text}"
            return answer.is_success and answer.json()["release"] == release

        wait_until(ready, READY_SECONDS, lambda: said)

    @property
    def _airflow(self) -> str:
        return f"http://127.0.0.1:{self.values['AIRFLOW_PORT']}"
