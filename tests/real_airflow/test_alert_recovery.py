"""Each kind of alert through a real scheduler, and out of it by the words of the mail alone; only with -m alerts."""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import execute
from scheduler_runs import DAG_ID, SECONDS, Runs, advised, text_of
from settings import TOML
from sinks import mail_sink, smtp

from recsys_tasks.demo.airflow_environment import CLONE
from recsys_tasks.demo.guarded import Program
from recsys_tasks.demo.supervisor import running_airflow
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

CONFIG = f"""{TOML}
[schedule]
end_date = 1999-12-31
[alert]
connections = ["alert_mail"]
mail_to = ["ops@example.test"]
[freshness]
max_age_hours = 1_000_000
"""
"""Nothing is scheduled: each test starts the runs of its own day."""
POLICY = """
import time

def task_policy(task):
    # for the runs "killed": a first try that stands still until it is killed, and is not retried
    if task.task_id in ("train_als", "publish"):
        task.retries = 0
        task._pre_execute_hook = stand_still

def stand_still(context):
    if context["run_id"] == "killed" and context["ti"].try_number == 1:
        time.sleep(100)
"""
SLIP = CONFIG.replace("[als]", "[als]\nfactor = 3")
pytestmark = [pytest.mark.alerts, pytest.mark.scheduler, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """An Airflow whose first day is live, with a mail server; every test leaves the configuration as it was."""
    home = Path(tempfile.mkdtemp(prefix="recsys-airflow-"))
    home.chmod(0o711)  # PostgreSQL's own account must be able to enter
    config = home.with_suffix(".toml")
    config.write_text(CONFIG)
    policy = tmp_path_factory.mktemp("policy")
    (policy / "airflow_local_settings.py").write_text(POLICY)
    world = [sys.executable, "-m", "recsys_tasks", "world", "make", "--preset", "small", "--days", "18"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "RECSYS"))}
    with mail_sink() as mail:
        environment = {"RECSYS_CONFIG": str(config), "AIRFLOW_CONN_ALERT_MAIL": json.dumps(smtp(mail.port))}
        environment["PYTHONPATH"] = f"{policy}{os.pathsep}{CLONE}"
        with running_airflow(home, environment, base=outside, beside=[Program("world", world)]) as airflow:
            runs = Runs(airflow)
            runs.follow("recsys run --date 2026-01-13")
            airflow.wait_until(lambda: airflow.api.dag_is_known(DAG_ID), SECONDS, "the DAG")
            airflow.api.unpause(DAG_ID)
            store = PosixStore(Path(airflow.environment["RECSYS_ROOT"]))
            yield SimpleNamespace(airflow=airflow, api=airflow.api, runs=runs, mail=mail, config=config, store=store)
    shutil.rmtree(home, ignore_errors=True)
    config.unlink()


@pytest.fixture
def told(service):
    """Waits for the one mail whose subject begins so (a blank ends it), and gives it; of what was told before, none."""
    service.config.write_text(CONFIG)
    service.mail.answer = ""
    service.mail.received.clear()

    def wait(subject):
        def found():
            return [mail for _, mail in service.mail.received if f"{mail['Subject']} ".startswith(subject)]

        service.airflow.wait_until(found, SECONDS, f"the mail {subject!r}")
        (mail,) = found()
        return mail

    yield wait
    service.config.write_text(CONFIG)


def live(service):
    """The date that is live."""
    return Releases(service.store).log().require_live().day.isoformat()


class TestDay:
    def test_stopped_data(self, service, told):
        """Nine of ten streams are missing: stopped and told; mended at the source, the run of the mail goes through."""
        day = "streamed_at >= '2026-01-14' AND streamed_at < '2026-01-15' AND event_id % 10 > 0"
        dsn = service.airflow.environment["RECSYS_SOURCE_DSN"]
        execute(dsn, f"CREATE TABLE lost AS SELECT * FROM streams WHERE {day}", f"DELETE FROM streams WHERE {day}")
        service.runs.start("thin", "2026-01-14")
        state, states = service.runs.end("thin")
        assert (state, states["check_data"], states["gate"]) == ("failed", "failed", "upstream_failed")
        mail = told("2026-01-14 quarantined: volume")
        execute(dsn, "INSERT INTO streams SELECT * FROM lost", "DROP TABLE lost")
        service.runs.follow(advised(mail, "airflow dags clear"))
        assert service.runs.end("thin")[0] == "success"
        assert len(service.mail.received) == 1

    def test_a_held_day_is_judged_again_and_published(self, service, told):
        """HOLD for a bound that is too high: changed, judged again by name, and the run that was held publishes."""
        service.config.write_text(CONFIG.replace("min_users = 100", "min_users = 5000"))
        service.runs.start("held", "2026-01-21", "2026-03-01T10:00:00Z")
        state, states = service.runs.end("held")
        assert (state, states["gate"], states["alert"]) == ("failed", "failed", "success")
        mail = told("HOLD of 2026-01-21: only ")
        service.config.write_text(CONFIG)
        assert "2026-01-21 is PASS" in service.runs.follow(advised(mail, "--judge-again"))
        service.runs.follow(advised(mail, "airflow tasks clear"))
        state, states = service.runs.end("held")
        assert (state, states["publish"], states["alert"]) == ("success", "success", "skipped")
        assert live(service) == "2026-01-21"

    def test_a_blocked_day_is_told_once_and_released_by_name(self, service, told):
        """BLOCK: a second run has nothing new to tell; the command of the mail puts the candidate live all the same."""
        bad = CONFIG.replace('weight = "log"\na = 1.0', 'weight = "linear"\na = 1_000_000.0')
        service.config.write_text(bad)
        for name in ("blocked", "again"):
            service.runs.start(name, "2026-01-22")
            state, states = service.runs.end(name)
            assert (state, states["gate"], states["publish"]) == ("failed", "failed", "upstream_failed")
            mail = told("BLOCK of 2026-01-22: precision ")
        assert states["alert"] == "skipped"
        service.runs.follow(advised(mail, "recsys release"))
        assert live(service) == "2026-01-22"
        service.runs.follow("recsys rollback 1 --by YOU --why REASON")
        service.runs.follow("recsys unpin --by YOU --why REASON")

    def test_an_older_date_publishes_nothing_and_tells_nobody(self, service, told):
        """A run for a date before what is live is green, its publish and its alert are skipped."""
        before = live(service)
        service.runs.start("older", "2026-01-12")
        state, states = service.runs.end("older")
        assert (state, states["gate"], states["publish"], states["alert"]) == (
            "success",
            "success",
            "skipped",
            "skipped",
        )
        assert (live(service), service.mail.received) == (before, [])

    def test_a_failed_task(self, service, told):
        """A slip in the configuration fails the first task that reads it; mended, the run goes through."""
        service.config.write_text(SLIP)
        service.runs.start("slip", "2026-01-13")
        assert service.runs.end("slip")[0] == "failed"
        mail = told("wait_for_day failed in slip")
        assert "ConfigError" in text_of(mail)
        service.config.write_text(CONFIG)
        service.runs.follow(advised(mail, "airflow dags clear"))
        assert service.runs.end("slip")[0] == "success"

    def test_killed_tasks(self, service, told):
        """As the kernel kills where memory is short: told, done again by the mail's words, killed again, published."""
        service.runs.start("killed", "2026-01-18")
        service.runs.kill("killed", "train_als")
        state, states = service.runs.end("killed")
        assert (state, states["train_als"], states["alert"]) == ("failed", "failed", "success")
        mail = told("train_als failed in killed")
        service.runs.follow(advised(mail, "airflow dags clear"))
        service.runs.kill("killed", "publish")
        state, states = service.runs.end("killed")
        assert (state, states["gate"], states["publish"]) == ("failed", "success", "failed")
        told("publish failed in killed")  # from the dag-processor
        service.runs.clear("killed", "publish")
        assert service.runs.end("killed")[0] == "success"
        assert live(service) == "2026-01-18"
        assert len(service.mail.received) == 2


class TestOutage:
    def test_a_channel_that_is_down_holds_no_day_and_loses_no_event(self, service, told):
        """Both runs end while the mail server refuses; the one delivery takes the second alert too, each mail once."""
        before = len(deliveries(service))
        service.mail.answer = "450 later"
        service.config.write_text(SLIP)
        for name in ("down", "still-down"):
            service.runs.start(name, "2026-01-13")
            state, states = service.runs.end(name)
            assert (state, states["alert"]) == ("failed", "success")
            service.airflow.wait_until(lambda: deliveries(service)[before:] == ["running"], SECONDS, "the delivery")
        service.mail.answer = ""
        for name in ("down", "still-down"):
            told(f"wait_for_day failed in {name} ")
            told(f"retention failed in {name} ")
        service.airflow.wait_until(
            lambda: deliveries(service)[before:] == ["success"] * 2, SECONDS, "the run that the events made together"
        )
        assert len(service.mail.received) == 4


def deliveries(service):
    """State of each run of the DAG that delivers, the oldest first."""
    return [run["state"] for run in service.api.runs("alert_delivery")]


class TestHour:
    def test_a_stale_release_is_told_at_both_ends(self, service, told):
        """Older than the bound: red and told; within it again: green and told; the command of the mail answers."""
        service.config.write_text(CONFIG.replace("1_000_000", "1"))
        service.api.unpause("release_freshness")
        assert look(service, "stale") == ("failed", "failed")
        mail = told("The live recommendations are stale")
        assert re.search(r"^1\. Look at the newest runs of daily_recommendations", text_of(mail), re.MULTILINE)
        assert "Release" in service.runs.follow(advised(mail, "recsys status"))
        service.config.write_text(CONFIG)
        assert look(service, "fresh") == ("success", "success")
        told("The live recommendations are fresh again")

    def test_what_nobody_delivered_is_delivered_within_the_hour(self, service, told):
        """The DAG that delivers is paused, so an event starts nothing: the hourly look sends the mail."""
        service.api.patch("/dags/alert_delivery", {"is_paused": True})
        service.config.write_text(CONFIG.replace("min_users = 100", "min_users = 5001"))
        service.runs.start("unheard", "2026-01-19")
        assert service.runs.end("unheard")[1]["alert"] == "success"
        assert service.mail.received == []
        service.config.write_text(CONFIG)
        service.api.unpause("release_freshness")
        assert look(service, "hour") == ("success", "success")
        told("HOLD of 2026-01-19")
        service.api.unpause("alert_delivery")


def look(service, name):
    """Have the hourly DAG look now: state of its run, and of its last task."""
    service.api.post("/dags/release_freshness/dagRuns", {"dag_run_id": name, "logical_date": None})
    state, states = service.runs.end(name, "release_freshness")
    return state, states["fresh_and_sound"]
