"""The DAG on Airflow itself (SQLite, no scheduler): its shape, its days, its green and its red run."""

import os
import sys
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from psycopg2.extensions import parse_dsn
from settings import TOML

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory):
    """An Airflow of the test's own, set up before it is first imported."""
    home = tmp_path_factory.mktemp("airflow")
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test alone, long enough for the signature of a token",
    }
    patch = pytest.MonkeyPatch()
    for name, value in settings.items():
        patch.setenv(name, value)
    for folder in ("dags", "plugins"):
        patch.syspath_prepend(str(ROOT / folder))
    assert "airflow" not in sys.modules, "Airflow must be configured before it is imported"
    from airflow.utils.db import initdb

    initdb()
    yield home
    patch.undo()


def load_dag():
    """A fresh DAG object: dag.test writes a run's conf into it."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    assert list(bag.dags) == ["daily_recommendations"]
    return bag.dags["daily_recommendations"]


@pytest.fixture
def dag(airflow_home, monkeypatch, tmp_path):
    """The DAG of a configuration in which the small world's days pass."""
    (tmp_path / "config.toml").write_text(TOML)
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("RECSYS_ROOT", str(tmp_path / "store"))
    return load_dag()


class TestShape:
    def test_it_reads_as_the_design_says(self, dag):
        """Every step hangs on the one before; publish is a leaf beside the alert; retention is a teardown."""
        chain = ["wait_for_day", "extract_streams", "increment_matrix", "train_als"]
        chain += ["build_index", "evaluate", "gate", "publish"]
        for before, after in pairwise(chain):
            assert after in dag.task_dict[before].downstream_task_ids
        assert dag.task_dict["gate"].downstream_task_ids == {"publish", "alert"}
        assert dag.task_dict["publish"].downstream_task_ids == {"retention"}
        retention = dag.task_dict["retention"]
        assert (retention.is_teardown, retention.on_failure_fail_dagrun) == (True, False)

    def test_its_policy(self, dag):
        """No catch-up, one run at a time, retries with backoff and a time limit on every task, one slot for state."""
        assert (dag.catchup, dag.max_active_runs, dag.start_date.year) == (False, 1, 2000)
        for task in dag.tasks:
            assert task.retries >= 3
            assert task.retry_exponential_backoff
            assert task.execution_timeout is not None
            assert not task.depends_on_past
        writers = set(dag.task_dict) - {"wait_for_day", "alert"}
        assert {dag.task_dict[name].pool for name in writers} == {"recsys_state"}
        assert dag.task_dict["wait_for_day"].reschedule
        assert dag.doc_md
        assert dag.tags == {"recommendations"}

    def test_a_task_body_is_short(self):
        """At most six lines of code a task: what can be tested without Airflow is tested without it."""
        import ast

        tree = ast.parse((ROOT / "dags" / "daily_recommendations.py").read_text())
        bodies = {n.name: n.body[1:] for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        assert len(bodies) == 10
        lines = {name: sum(s.end_lineno - s.lineno + 1 for s in body) for name, body in bodies.items()}
        assert max(lines.values()) <= 6, lines


START = datetime(2026, 11, 22, tzinfo=UTC)


class TestBusinessDay:
    @pytest.mark.parametrize(
        ("params", "interval", "logical", "after", "day"),
        [
            ({}, START, START, datetime(2026, 11, 23, tzinfo=UTC), date(2026, 11, 22)),
            ({"day": "2026-11-01"}, START, START, START, date(2026, 11, 1)),
            ({"day": None}, None, None, datetime(2026, 11, 23, 9, tzinfo=UTC), date(2026, 11, 22)),
            ({}, None, START, START, date(2026, 11, 22)),
            ({"day": "2024-02-29"}, None, None, START, date(2024, 2, 29)),
            ({}, None, None, datetime(2027, 1, 1, 0, 30, tzinfo=UTC), date(2026, 12, 31)),
        ],
    )
    def test_every_kind_of_run_has_its_day(self, dag, params, interval, logical, after, day):
        """Scheduled, backfill, typed-in, manual and without a logical date, over leap day and year end."""
        from recsys_dag.context import business_day

        run = SimpleNamespace(data_interval_start=interval, logical_date=logical, run_after=after)
        assert business_day(run, params) == day


class TestSource:
    def test_the_connection_brings_its_extras(self, airflow_home, monkeypatch):
        """What the connection says of TLS reaches libpq, and wins over the environment's address."""
        from recsys_dag.context import source_address

        monkeypatch.setenv("RECSYS_SOURCE_DSN", "host=other")
        monkeypatch.setenv("AIRFLOW_CONN_RECSYS_SOURCE", "postgres://reader:x@db:5433/music?sslmode=verify-full")
        assert parse_dsn(source_address()) == {
            "host": "db",
            "port": "5433",
            "user": "reader",
            "password": "x",
            "dbname": "music",
            "sslmode": "verify-full",
        }

    def test_an_extra_that_libpq_does_not_know_is_named(self, airflow_home, monkeypatch):
        """A mistyped sslmode must not mean no check of the certificate."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import source_address

        monkeypatch.setenv("AIRFLOW_CONN_RECSYS_SOURCE", "postgres://reader:x@db/music?sslmod=verify-full")
        with pytest.raises(AirflowFailException, match="sslmod"):
            source_address()


class TestAlert:
    @pytest.mark.parametrize("order", [("dead", "hook"), ("hook", "dead")])
    def test_a_dead_channel_neither_silences_nor_repeats_the_others(self, airflow_home, monkeypatch, tmp_path, order):
        """The webhook has the alert once, before or after the dead one; the task fails, a retry repeats nothing."""
        from recsys_dag.alerting import AlertRefused, send

        from recsys_tasks.alerts import Alert
        from recsys_tasks.store import Store

        received = []

        class Sink(BaseHTTPRequestHandler):
            def do_POST(self):
                received.append(self.path)
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        web = HTTPServer(("127.0.0.1", 0), Sink)
        Thread(target=web.serve_forever, daemon=True).start()
        (tmp_path / "config.toml").write_text(f"{TOML}\n[alert]\nconnections = {list(order)}\n")
        monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "config.toml"))
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", f"http://:secret-path@127.0.0.1:{web.server_port}/http")
        monkeypatch.setenv("AIRFLOW_CONN_DEAD", "http://:token-7718@127.0.0.1:1/http")
        alert = Alert.of_failure("run", "task", "boom", "")
        for _attempt in range(2):
            with pytest.raises(AlertRefused, match="dead") as refused:
                send(alert, Store(tmp_path))
            assert "token-7718" not in str(refused.value)
        web.shutdown()
        assert received == ["/secret-path"]


class TestRuns:
    def test_a_good_day_is_published(self, dag, world_dsn, monkeypatch, tmp_path):
        """Green: every task succeeds, the alert is skipped, the release is live and the asset's event tells of it."""
        from recsys_tasks.releases import read_log
        from recsys_tasks.store import Store

        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        run = dag.test(run_conf={"day": "2026-01-13"})
        states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
        assert str(run.state) == "success"
        assert states.pop("alert") == "skipped"
        assert set(states.values()) == {"success"}
        assert read_log(Store(tmp_path / "store")).require_live().day == date(2026, 1, 13)
        assert sorted(os.listdir(tmp_path / "store" / "runs" / run.run_id.replace("/", "_"))) == sorted(
            f"{name}.json" for name in states
        )

    def test_a_run_by_hand_after_the_schedules_end_runs(self, dag, world_dsn, monkeypatch, tmp_path):
        """The schedule ends at its date; a manual run with a later logical date is no empty green one."""
        from airflow.timetables.base import TimeRestriction

        (tmp_path / "config.toml").write_text(f"{TOML}\n[schedule]\nend_date = 2026-01-14\n")
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        ending = load_dag()
        unrestricted = TimeRestriction(None, None, False)
        assert ending.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=unrestricted) is None
        run = ending.test(logical_date=datetime(2026, 9, 1, tzinfo=UTC), run_conf={"day": "2026-01-13"})
        assert len(run.get_task_instances()) == 10
        assert (tmp_path / "store" / "releases" / "log" / "1.json").exists()

    def test_a_gate_that_says_no_makes_the_run_red(self, dag, world_dsn, monkeypatch, tmp_path):
        """Red: the gate fails without a retry, nothing is published, the alert runs, and retention tidies up."""
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        (tmp_path / "config.toml").write_text(TOML.replace("min_users = 100", "min_users = 5000"))
        run = dag.test(run_conf={"day": "2026-01-13"})
        tasks = {ti.task_id: ti for ti in run.get_task_instances()}
        assert str(run.state) == "failed"
        assert (str(tasks["gate"].state), tasks["gate"].try_number) == ("failed", 1)
        assert str(tasks["publish"].state) == "upstream_failed"
        assert str(tasks["alert"].state) == "skipped", "no connection is configured"
        assert str(tasks["retention"].state) == "success"
        assert not (tmp_path / "store" / "releases").exists()
