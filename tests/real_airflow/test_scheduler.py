"""The real thing once: Postgres, scheduler, api-server; days that go live, one that is blocked, killed tasks."""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
from settings import TOML
from sinks import mail_sink, slack, smtp, web_sink, webhook

from recsys_tasks.demo.airflow_environment import CLONE
from recsys_tasks.demo.guarded import Program
from recsys_tasks.demo.supervisor import running_airflow
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

DAG_ID = "daily_recommendations"
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
SECONDS = 400.0
"""The longest that anything may take on a busy machine."""
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


class Runs:
    """Starts runs by hand, and waits for what becomes of them."""

    def __init__(self, airflow):
        self.airflow, self.api = airflow, airflow.api

    def start(self, name, day):
        """A run of this name for a day."""
        self.api.post(f"/dags/{DAG_ID}/dagRuns", {"dag_run_id": name, "logical_date": None, "conf": {"day": day}})

    def end(self, name):
        """State of the run once it has ended, and of each of its tasks."""
        path = f"/dags/{DAG_ID}/dagRuns/{name}"
        self.airflow.wait_until(lambda: self.api.get(path)["state"] in {"success", "failed"}, SECONDS, f"{name}'s end")
        states = {task["task_id"]: task["state"] for task in self.api.task_instances(DAG_ID, name)}
        return self.api.get(path)["state"], states

    def kill(self, name, task):
        """Kill the process of a task as soon as it runs, as the kernel does where memory is short."""
        path = f"/dags/{DAG_ID}/dagRuns/{name}/taskInstances/{task}"

        def running():
            found = self.api.get(path)
            return found["state"] == "running" and found["pid"]

        self.airflow.wait_until(running, SECONDS, f"{task} of {name}", pause_s=0.2)
        os.kill(self.api.get(path)["pid"], signal.SIGKILL)

    def clear(self, name, task):
        """Have a task and what hangs on it run again."""
        body = {"dag_run_id": name, "task_ids": [task], "include_downstream": True, "dry_run": False}
        self.api.post(f"/dags/{DAG_ID}/clearTaskInstances", body | {"only_failed": False})


def check_the_alert(airflow, web, mail):
    """What arrived about the blocked day: one mail, one call of each webhook, with links that open."""
    ((receivers, letter),) = mail.received
    (hook,), (slack,) = web.bodies("/hook"), web.bodies("/slack")
    assert receivers == ["ops@example.test"]
    assert letter["Message-ID"] == f"<{hook['key']}@recsys>"
    assert letter["Subject"] == hook["subject"]
    assert re.match(r"BLOCK of 2026-01-15: precision 0\.\d+ is not above the popular tracks", hook["subject"])
    assert slack["text"].startswith(hook["subject"])
    assert "Release 1 (data of 2026-01-14" in hook["text"]
    run, report = re.findall(r"http://\S+", hook["text"])
    assert run == f"{airflow.url}/dags/{DAG_ID}/runs/blocked"
    assert httpx.get(run).status_code == 200
    page = httpx.get(report, headers={"Authorization": f"Bearer {airflow.api.token()}"})
    assert page.status_code == 200
    assert "BLOCK" in page.text
    assert httpx.get(report).status_code == 401


@pytest.mark.scheduler
@pytest.mark.timeout(1800)
def test_days_go_live_a_bad_one_is_blocked_and_killed_tasks_are_reported(tmp_path, home, sinks):
    """A day goes live; a bad model is blocked, and each channel hears it once; the next day publishes, after kills."""
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

        config.write_text(BAD)
        runs.start("blocked", "2026-01-15")
        state, states = runs.end("blocked")
        assert (state, states["gate"], states["publish"]) == ("failed", "failed", "upstream_failed")
        assert states["alert"] == states["report"] == states["retention"] == "success"
        assert Releases(store).log().require_live().release == 1
        assert alerts() == (1, 1, 1)
        check_the_alert(airflow, web, mail)
        runs.start("again", "2026-01-15")
        state, states = runs.end("again")
        assert (state, states["alert"], alerts()) == ("failed", "skipped", (1, 1, 1))

        config.write_text(CONFIG)
        runs.start("killed", "2026-01-16")
        runs.kill("killed", "train_als")
        state, states = runs.end("killed")
        assert (state, states["train_als"], states["alert"], alerts()) == ("failed", "failed", "success", (2, 2, 2))
        assert mail.received[1][1]["Subject"] == "train_als failed in killed"
        runs.clear("killed", "train_als")
        runs.kill("killed", "publish")
        state, states = runs.end("killed")
        assert (state, states["gate"], states["publish"]) == ("failed", "success", "failed")
        airflow.wait_until(lambda: alerts() >= (3, 3, 3), SECONDS, "the alert about publish, from the dag-processor")
        assert mail.received[2][1]["Subject"] == "publish failed in killed"
        runs.clear("killed", "publish")
        assert runs.end("killed")[0] == "success"
        assert Releases(store).log().require_live().day.day == 16
    assert alerts() == (3, 3, 3)
