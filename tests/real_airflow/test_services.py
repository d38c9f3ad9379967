"""Two services and a broken file in a real Airflow that has none of their pools: runs, pools, and pages in Chromium."""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from browser import PLUGIN, needs_chromium, signed_in
from psycopg2.extensions import parse_dsn
from settings import TOML

from recsys_tasks.demo.airflow_api import ApiRefused
from recsys_tasks.demo.guarded import Program
from recsys_tasks.demo.supervisor import running_airflow
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

DAILY = "daily_recommendations"
SECONDS = 400.0
"""The longest that anything may take on a busy machine."""
DAYS = {"music": "2026-01-13", "talk": "2026-01-14"}


@pytest.fixture(scope="module")
def airflow():
    """An Airflow for a folder of services; the source of both is a connection of their own, and nobody made a pool."""
    home = Path(tempfile.mkdtemp(prefix="recsys-airflow-"))
    home.chmod(0o711)  # PostgreSQL's own account must be able to enter
    folder = home.with_suffix(".services")  # beside it: the home is emptied at the start
    folder.mkdir()
    for name, day in DAYS.items():
        (folder / f"{name}.toml").write_text(f"{TOML}[schedule]\nend_date = {day}\n")
    (folder / "broken.toml").write_text("[service")
    world = Program("world", [sys.executable, "-m", "recsys_tasks", "world", "make", "--preset", "small"])
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "RECSYS"))}
    try:
        with running_airflow(home, {"RECSYS_CONFIG": str(folder)}, base=outside, beside=[world]) as running:
            give_sources(running)
            yield running
    finally:
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(folder)


def give_sources(airflow):
    """Make the connection of each service, to the one database that there is."""
    parts = parse_dsn(airflow.environment["RECSYS_SOURCE_DSN"])
    for name in DAYS:
        connection = {"connection_id": f"recsys_source_{name}", "conn_type": "postgres", "schema": parts["dbname"]}
        connection |= {"login": parts["user"], "extra": json.dumps({"host": parts["host"]})}
        airflow.api.post("/connections", connection)


@pytest.fixture(scope="module")
def finished(airflow):
    """A day of each service, at the same time, after which no schedule makes another: DAG -> state of its run."""
    dags = [f"{DAILY}_{name}" for name in DAYS]
    for dag_id, day in zip(dags, DAYS.values(), strict=True):
        airflow.wait_until(lambda dag_id=dag_id: airflow.api.dag_is_known(dag_id), SECONDS, dag_id)
        airflow.api.create_backfill(dag_id, f"{day}T00:00:00Z", f"{day}T00:00:00Z")
        airflow.api.unpause(dag_id)

    def states():
        return {dag_id: run["state"] for dag_id in dags for run in airflow.api.runs(dag_id)}

    def ended():
        try:
            found = states()
        except ApiRefused:  # a busy machine answers late, when two runs begin at once
            return False
        return len(found) == len(dags) and set(found.values()) <= {"success", "failed"}

    airflow.wait_until(ended, SECONDS, "the end of both runs")
    return states()


@pytest.mark.scheduler
@pytest.mark.timeout(1800)
class TestServices:
    def test_a_pool_that_is_missing_holds_no_run(self, airflow, finished):
        """Nobody made the pools: the scheduler did, with one slot each, and both days went live in their own stores."""
        assert set(finished.values()) == {"success"}
        pools = {pool["name"]: pool["slots"] for pool in airflow.api.get("/pools")["pools"]}
        assert {name: slots for name, slots in pools.items() if name.startswith("recsys_state_")} == {
            "recsys_state_music": 1,
            "recsys_state_talk": 1,
        }
        root = Path(airflow.environment["RECSYS_ROOT"])
        for name, day in DAYS.items():
            assert Releases(PosixStore(root / name)).log().require_live().day.isoformat() == day
        events = airflow.api.get("/assets/events")["asset_events"]
        assert sorted(event["source_dag_id"] for event in events) == sorted(finished)

    def test_the_broken_file_is_an_import_error_of_its_own(self, airflow, finished):
        """Where Airflow shows such errors, with the name of the file."""
        (error,) = airflow.api.get("/importErrors")["import_errors"]
        assert "broken.toml: not TOML" in error["stack_trace"]
        assert error["filename"].endswith("recsys_services.py")

    @pytest.mark.browser
    @needs_chromium
    def test_the_pages_lead_from_one_to_another(self, airflow, finished):
        """The navigation leads to the first, its head to the others, and the tab of a DAG to its own."""
        with signed_in(airflow.url, airflow.user, airflow.password) as browsing:
            browsing.page.goto(PLUGIN)
            browsing.frame().locator("#sentence").get_by_text(DAYS["music"]).wait_for()
            browsing.shot("services-music")
            browsing.frame().get_by_role("link", name="talk").click()
            browsing.frame().locator("#sentence").get_by_text(DAYS["talk"]).wait_for()
            browsing.shot("services-talk")
            browsing.page.goto(f"/dags/{DAILY}_talk/plugin/recsys-live")
            browsing.frame().locator("#sentence").get_by_text(DAYS["talk"]).wait_for()
            browsing.shot("services-tab")
            assert browsing.complaints == []
            browsing.page.goto("/recsys/broken/live")
            browsing.page.get_by_text("broken.toml: not TOML").wait_for()
            browsing.shot("services-broken")
