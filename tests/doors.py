"""A whole Airflow on the small world, and the doors through which a backfill comes that need no browser."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg2
from scheduler_runs import LOCAL_SETTINGS
from settings import TOML, artefacts_of

from benchmarks.passing_airflow import DAG_ID, passing_airflow
from recsys_tasks.core.config import load_config
from recsys_tasks.core.domain import parse_day
from recsys_tasks.demo.supervisor import RunningAirflow
from recsys_tasks.steps import Workplace
from recsys_tasks.storage.posix import PosixStore

SECONDS = 600.0
"""The longest that anything may take on a busy machine."""
TODAY = datetime.now(UTC).date()  # the scheduler itself makes the run of yesterday, and no other
WORLD = [TODAY - timedelta(days=n) for n in range(12, -1, -1)]
DAYS = FIRST, SECOND, YESTERDAY = WORLD[-4:-1]
SCHEDULE = f"[schedule]\ngrace_minutes = 0\nlongest_wait_hours = 0\nend_date = {YESTERDAY}\n"
"""So that just after midnight nobody waits for yesterday to be complete, and midnight itself brings no other day."""


@contextmanager
def backfilled_airflow() -> Iterator["Doors"]:
    """An Airflow in which a backfill of three dates came beside the scheduled run of the last of them."""
    # Other dates ask other listeners: as many as the gate asks by itself, so that no date's few are its misfortune.
    config = TOML.replace("2026-01-05", WORLD[0].isoformat()).replace("recall_queries = 200\n", "") + SCHEDULE
    world = ["--preset", "small", "--start", WORLD[0].isoformat(), "--days", str(len(WORLD))]
    with passing_airflow(config, world, LOCAL_SETTINGS) as airflow:
        doors = Doors(airflow)
        airflow.api.unpause(DAG_ID)
        airflow.wait_until(lambda: YESTERDAY in doors.runs(), SECONDS, "the scheduled run")
        doors.by_api(FIRST, YESTERDAY)
        doors.ended()
        doors.first = doors.runs()
        yield doors


class Doors:
    """The DAG's backfills, the runs that come of them, and the store that they work on."""

    def __init__(self, airflow: RunningAirflow) -> None:
        self.airflow, self.api = airflow, airflow.api
        self.at = Workplace(
            PosixStore(Path(airflow.environment["RECSYS_ROOT"])),
            load_config(Path(airflow.environment["RECSYS_CONFIG"])),
            airflow.environment["RECSYS_SOURCE_DSN"],
        )
        self.source_before = self.source()
        self.first: dict[date, dict[str, Any]] = {}  # the runs as they were when the first backfill had ended

    def by_api(self, first: date, last: date, **options: Any) -> None:
        """POST /api/v2/backfills; what ``options`` do not name is Airflow's own default."""
        body = {"dag_id": DAG_ID, "from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z"}
        self.api.post("/backfills", body | options)

    def by_command(self, first: date, last: date, *options: str) -> None:
        """``airflow backfill create``, as an operator types it."""
        dates = ["--from-date", first.isoformat(), "--to-date", last.isoformat()]
        words = [sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", DAG_ID, *dates, *options]
        done = subprocess.run(words, env=self.airflow.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    def runs(self) -> dict[date, dict[str, Any]]:
        """The run of each date."""
        return {parse_day(run["logical_date"][:10]): run for run in self.api.runs(DAG_ID)}

    def ended(self) -> dict[date, str]:
        """Wait until no run is left to do, and end the backfill they belong to; date -> kind and state of its run."""

        def all_ended() -> bool:
            return all(run["state"] in {"success", "failed"} for run in self.runs().values())

        self.airflow.wait_until(all_ended, SECONDS, "the end of all runs")
        for found in self.backfills():
            if found["completed_at"] is None:  # the scheduler looks every 30 seconds only
                self._ask("PUT", f"/backfills/{found['id']}/cancel")
        return {day: f"{run['run_type']} {run['state']}" for day, run in self.runs().items()}

    def backfills(self) -> list[dict[str, Any]]:
        """All backfills of the DAG, the oldest first."""
        return list(self.api.get("/backfills", dag_id=DAG_ID, order_by="id")["backfills"])

    def tries(self) -> Counter[date]:
        """Date -> how often its run began."""
        tasks = self.api.task_instances(DAG_ID)
        begun = {task["logical_date"]: task["try_number"] for task in tasks if task["task_id"] == "extract_streams"}
        return Counter({parse_day(when[:10]): number for when, number in begun.items()})

    def call_failed(self, day: date) -> None:
        """Say that the run of a date failed, as an operator may in the UI."""
        self.api.patch(f"/dags/{DAG_ID}/dagRuns/{self.runs()[day]['dag_run_id']}", {"state": "failed"})

    def source(self) -> dict[str, Any]:
        """Name of each of the source's tables -> its number of rows and a digest of them all."""
        connection = psycopg2.connect(self.at.dsn)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT relname FROM pg_stat_user_tables ORDER BY 1")
                return {name: _digest(cursor, name) for (name,) in cursor.fetchall()}
        finally:
            connection.close()

    def _ask(self, method: str, path: str) -> None:
        """Ask the API for what its client has no word for."""
        headers = {"Authorization": f"Bearer {self.api.token()}"}
        answer = httpx.request(method, f"{self.airflow.url}/api/v2{path}", headers=headers, trust_env=False, timeout=60)
        assert answer.status_code in (200, 409), answer.text


def data_of(root: Path) -> dict[str, bytes]:
    """Every file of the partitions, and of the matrices with their vocabularies: name -> bytes."""
    kinds = ("partitions/", "matrices/")
    return {name: content for name, content in artefacts_of(root).items() if name.startswith(kinds)}


def _digest(cursor: Any, table: str) -> tuple[int, int]:
    cursor.execute(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t")
    rows, digest = cursor.fetchone()
    return rows, int(digest)
