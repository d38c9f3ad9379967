"""Calls to Airflow's REST API (version 2): the few that the demo and the end-to-end tests need."""

from collections.abc import Mapping
from typing import Any

import httpx

from recsys_tasks.core.errors import RecsysError

HEALTH_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
Json = dict[str, Any]


class ApiRefused(RecsysError):
    """Airflow's API answered with an error, or not at all: the message has its own words."""


class NoAnswer(ApiRefused):
    """No answer in time, as from a busy machine: the same question may be answered later."""


class AirflowApi:
    """One user's view of one Airflow; the token is fetched when it is first needed."""

    def __init__(self, url: str, user: str, password: str, timeout_s: float = 30) -> None:
        self.url = url
        self._credentials = {"username": user, "password": password}
        # Proxies of the environment are for the outside world, not for the loopback interface.
        self._client = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)
        self._token: str | None = None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def token(self) -> str:
        """Bearer token of the user."""
        if self._token is None:
            self._token = str(self._answer("POST", "/auth/token", json=self._credentials)["access_token"])
        return self._token

    def get(self, path: str, **query: Any) -> Json:
        """GET below ``/api/v2``."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """POST below ``/api/v2``."""
        return self._call("POST", path, json=dict(body))

    def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        """PATCH below ``/api/v2``."""
        return self._call("PATCH", path, json=dict(body))

    def unhealthy(self) -> list[str]:
        """Names of the parts that are not healthy yet; ``api-server`` alone when it does not answer."""
        try:
            answer = self._client.get("/api/v2/monitor/health", timeout=5)
            answer.raise_for_status()
            health = answer.json()
        except (httpx.HTTPError, ValueError):
            return ["api-server"]
        return [part for part in HEALTH_PARTS if (health.get(part) or {}).get("status") != "healthy"]

    def ensure_pool(self, name: str, slots: int) -> None:
        """Create the pool, unless there is one of that name."""
        if name not in {pool["name"] for pool in self.get("/pools", limit=100)["pools"]}:
            self.post("/pools", {"name": name, "slots": slots, "include_deferred": False})

    def import_errors(self) -> list[str]:
        """What the DAG files that cannot be imported complain of."""
        found = self.get("/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in found]

    def dag_is_known(self, dag_id: str) -> bool:
        """Whether the DAG file has been read and the DAG can be run."""
        found = self.get("/dags", dag_id_pattern=dag_id, exclude_stale=True)["dags"]
        return any(dag["dag_id"] == dag_id and not dag.get("has_import_errors") for dag in found)

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start."""
        self.patch(f"/dags/{dag_id}", {"is_paused": False})

    def create_backfill(self, dag_id: str, first: str, last: str, **options: Any) -> int:
        """Create one run for each interval that starts in [first, last], one at a time; return the backfill's id."""
        body = {"dag_id": dag_id, "from_date": first, "to_date": last, "max_active_runs": 1, **options}
        return int(self.post("/backfills", body)["id"])

    def runs(self, dag_id: str) -> list[Json]:
        """The DAG's runs, oldest data first."""
        found: list[Json] = self.get(f"/dags/{dag_id}/dagRuns", limit=100, order_by="run_after")["dag_runs"]
        return found

    def task_instances(self, dag_id: str, run_id: str = "~") -> list[Json]:
        """The newest try of each task of a run; ``~``: of all runs."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[Json] = self.get(path, limit=100, order_by="-start_date")["task_instances"]
        return found

    def _call(self, method: str, path: str, **options: Any) -> Json:
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self._answer(method, f"/api/v2{path}", headers=headers, **options)

    def _answer(self, method: str, path: str, **options: Any) -> Json:
        """The answer's JSON.

        Raises:
            NoAnswer: there was none.
            ApiRefused: it was an error.
        """
        try:
            answer = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise NoAnswer(f"{method} {self.url}{path}: {error!r}. Is the api-server up?") from None
        if answer.is_error:
            raise ApiRefused(f"{method} {self.url}{path}: {answer.status_code} {answer.text[:500]}")
        body: Json = answer.json() if answer.content else {}
        return body
