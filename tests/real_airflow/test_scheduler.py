"""The real thing once: Postgres, scheduler, api-server; days that go live, one that is blocked, killed tasks."""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
from scheduler_runs import DAG_ID, SECONDS, Runs, advised, text_of
from settings import TOML
from sinks import mail_sink, slack, smtp, web_sink, webhook

from recsys_tasks.demo.airflow_environment import CLONE
from recsys_tasks.demo.guarded import Program
from recsys_tasks.demo.supervisor import running_airflow
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

CONFIG = f"""{TOML}
[schedule]
end_date = 2026-01-14
[alert]
connections = ["alert_mail", "alert_hook", "alert_slack"]
mail_to = ["ops@example.test"]
[freshness]
max_age_hours = 1_000_000
"""
BAD = CONFIG.replace('weight = "log"\na = 1.0', 'weight = "linear"\na = 1_000_000.0')
"""A slip of six zeros in the confidence: the model that comes of it knows little more than what was heard last."""
HELD = CONFIG.replace("min_users = 100", "min_users = 5000")
DELIVERY = "alert_delivery"
IN_SECONDS = 120.0
"""A delivery begins some seconds after its event; on a busy machine, Airflow takes longer to start a task."""
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


@pytest.fixture
def sinks():
    """A mail server and a web server on the loopback interface: (mail, web, their Airflow connections)."""
    with mail_sink() as mail, web_sink() as web:
        connections = {"MAIL": smtp(mail.port), "HOOK": webhook(web.port, "hook"), "SLACK": slack(web.port, "slack")}
        yield mail, web, {f"AIRFLOW_CONN_ALERT_{name}": json.dumps(values) for name, values in connections.items()}


@pytest.fixture
def home():
    """A directory that PostgreSQL's own account may enter, which pytest's are not."""
    path = Path(tempfile.mkdtemp(prefix="recsys-airflow-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def check_the_alert(airflow, web, mail):
    """What arrived about the blocked day: one mail, one call of each webhook, with links that open."""
    receivers, letter = mail.received[1]
    hook, slack = web.bodies("/hook")[1], web.bodies("/slack")[1]
    assert mail.received[0][1]["Subject"].startswith("HOLD of 2026-01-15: only ")
    assert receivers == ["ops@example.test"]
    assert letter["Message-ID"] == f"<{hook['key']}@recsys>"
    assert letter["Subject"] == hook["subject"]
    assert re.match(r"BLOCK of 2026-01-15: precision 0\.\d+ is not above the popular tracks", hook["subject"])
    assert slack["text"].startswith(hook["subject"])
    assert "Release 1 (data of 2026-01-14" in text_of(letter)
    run, report = re.findall(r"http://\S+", text_of(letter))
    assert run == f"{airflow.url}/dags/{DAG_ID}/runs/blocked"
    assert httpx.get(run).status_code == 200
    page = httpx.get(report, headers={"Authorization": f"Bearer {airflow.api.token()}"})
    assert page.status_code == 200
    assert "BLOCK" in page.text
    assert httpx.get(report).status_code == 401


def delivering(airflow):
    """State of each run of the DAG that delivers, the oldest first."""
    return [run["state"] for run in airflow.api.runs(DELIVERY)]


@pytest.mark.scheduler
@pytest.mark.timeout(1800)
def test_days_go_live_a_bad_one_is_blocked_and_killed_tasks_are_reported(tmp_path, home, sinks):
    """A day goes live; a held and a blocked one end although the mail server is down, and each channel hears of each
    once; the next day publishes, after kills, by the command in the mail about them."""
    mail, web, connections = sinks
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    (tmp_path / "airflow_local_settings.py").write_text(POLICY)
    world = Program("world", [sys.executable, "-m", "recsys_tasks", "world", "make", "--preset", "small"])
    environment = connections | {"RECSYS_CONFIG": str(config), "PYTHONPATH": f"{tmp_path}{os.pathsep}{CLONE}"}
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "RECSYS"))}

    def alerts():
        return len(mail.received), len(web.bodies("/hook")), len(web.bodies("/slack"))

    with running_airflow(home, environment, base=outside, beside=[world]) as airflow:
        store, runs = PosixStore(Path(airflow.environment["RECSYS_ROOT"])), Runs(airflow)
        airflow.wait_until(lambda: airflow.api.dag_is_known(DAG_ID), SECONDS, "the DAG")
        airflow.api.create_backfill(DAG_ID, "2026-01-14T00:00:00Z", "2026-01-14T00:00:00Z")
        airflow.api.unpause(DAG_ID)
        (scheduled,) = airflow.api.runs(DAG_ID)
        assert runs.end(scheduled["dag_run_id"])[0] == "success"
        assert Releases(store).log().require_live().day.day == 14
        (event,) = airflow.api.get("/assets/events")["asset_events"]
        assert event["extra"]["release"] == 1
        assert event["extra"]["precision"] > 0
        assert alerts() == (0, 0, 0)

        mail.answer = "450 later"
        config.write_text(HELD)
        runs.start("held", "2026-01-15")
        state, states = runs.end("held")
        assert (state, states["gate"], states["alert"]) == ("failed", "failed", "success")
        airflow.wait_until(lambda: alerts() == (0, 1, 1), IN_SECONDS, "the alert on the channels that are well")
        assert delivering(airflow) == ["running"], "the day has ended, and its delivery tries again"
        mail.answer = ""
        config.write_text(BAD)
        runs.start("blocked", "2026-01-15")
        state, states = runs.end("blocked")
        assert (state, states["gate"], states["publish"]) == ("failed", "failed", "upstream_failed")
        assert states["alert"] == states["report"] == states["retention"] == "success"
        assert Releases(store).log().require_live().release == 1
        airflow.wait_until(lambda: alerts() == (2, 2, 2), SECONDS, "both alerts on every channel")
        check_the_alert(airflow, web, mail)

        config.write_text(CONFIG)
        runs.start("killed", "2026-01-16")
        runs.kill("killed", "train_als")
        state, states = runs.end("killed")
        assert (state, states["train_als"], states["alert"]) == ("failed", "failed", "success")
        airflow.wait_until(lambda: alerts() == (3, 3, 3), IN_SECONDS, "the alert about train_als")
        assert mail.received[2][1]["Subject"] == "train_als failed in killed"
        runs.follow(advised(mail.received[2][1], "airflow dags clear"))
        runs.kill("killed", "publish")
        state, states = runs.end("killed")
        assert (state, states["gate"], states["publish"]) == ("failed", "success", "failed")
        airflow.wait_until(lambda: alerts() >= (4, 4, 4), SECONDS, "the alert about publish, from the dag-processor")
        assert mail.received[3][1]["Subject"] == "publish failed in killed"
        runs.clear("killed", "publish")
        assert runs.end("killed")[0] == "success"
        assert Releases(store).log().require_live().day.day == 16
    assert alerts() == (4, 4, 4)
