"""The real thing once: Postgres, scheduler, api-server; days that go live, and one that the gate holds back."""

import json
import os
import shutil
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from settings import TOML

from recsys_tasks.demo.airflow_environment import choose_ports
from recsys_tasks.demo.guarded import Program
from recsys_tasks.demo.supervisor import running_airflow
from recsys_tasks.releases import read_log
from recsys_tasks.store import Store

DAG_ID = "daily_recommendations"
CONFIG = f"""{TOML}
[schedule]
end_date = 2026-01-15
[alert]
connections = ["alert_mail", "alert_hook"]
mail_to = ["ops@example.test"]
"""
SECONDS = 200.0


class WebhookSink(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    received: list[dict] = []  # noqa: RUF012 - one sink a test run

    def do_POST(self):
        """Take a JSON body."""
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


class MailSink:
    """Keeps what it is sent."""

    def __init__(self):
        self.received = []

    async def handle_DATA(self, _server, _session, envelope):
        """Take a mail."""
        self.received.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"


@pytest.fixture
def sinks():
    """A web server and a mail server on the loopback interface: (both sinks, their Airflow connections)."""
    web = HTTPServer(("127.0.0.1", 0), WebhookSink)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    mail_sink = MailSink()
    port = choose_ports().worker_log
    mail = Controller(mail_sink, hostname="127.0.0.1", port=port)
    mail.start()
    plain = {"disable_ssl": True, "disable_tls": True, "from_email": "recsys@example.test"}
    connections = {
        "AIRFLOW_CONN_ALERT_HOOK": json.dumps(
            {"conn_type": "http", "host": "127.0.0.1", "port": web.server_port, "schema": "http"}
        ),
        "AIRFLOW_CONN_ALERT_MAIL": json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": plain}),
    }
    yield WebhookSink, mail_sink, connections
    web.shutdown()
    mail.stop()


@pytest.fixture
def home():
    """A directory that PostgreSQL's own account may enter, which pytest's are not."""
    path = Path(tempfile.mkdtemp(prefix="recsys-airflow-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def ended(airflow, count):
    """Whether so many runs have ended."""
    return [run["state"] in {"success", "failed"} for run in airflow.api.runs(DAG_ID)] == [True] * count


@pytest.mark.scheduler
@pytest.mark.timeout(600)
def test_days_go_live_and_a_held_one_turns_red_and_alerts_once(tmp_path, home, sinks):
    """Two days go live with an event each; a held one is red, alerts once by mail and by webhook, changes nothing."""
    web, mail, connections = sinks
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    world = Program("world", [sys.executable, "-m", "recsys_tasks", "world", "make", "--preset", "small"])
    environment = connections | {"RECSYS_CONFIG": str(config)}
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "RECSYS"))}
    with running_airflow(home, environment, base=outside, beside=[world]) as airflow:
        store = Store(Path(airflow.environment["RECSYS_ROOT"]))
        airflow.wait_until(lambda: airflow.api.dag_is_known(DAG_ID), SECONDS, "the DAG")
        airflow.api.create_backfill(DAG_ID, "2026-01-14T00:00:00Z", "2026-01-15T00:00:00Z")
        airflow.api.unpause(DAG_ID)
        airflow.wait_until(lambda: ended(airflow, 2), SECONDS, "the end of both days")
        assert [entry.day.day for entry in read_log(store).entries] == [14, 15]
        events = airflow.api.get("/assets/events")["asset_events"]
        assert sorted(event["extra"]["release"] for event in events) == [1, 2]
        assert all(event["extra"]["precision"] > 0 for event in events)

        config.write_text(CONFIG.replace("min_users = 100", "min_users = 5000"))
        run_id = "held"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": {"day": "2026-01-16"}}
        airflow.api.post(f"/dags/{DAG_ID}/dagRuns", body)
        path = f"/dags/{DAG_ID}/dagRuns/{run_id}"
        airflow.wait_until(lambda: airflow.api.get(path)["state"] in {"success", "failed"}, SECONDS, "the held run")
        assert airflow.api.get(path)["state"] == "failed"
        states = {task["task_id"]: task["state"] for task in airflow.api.task_instances(DAG_ID, run_id)}
        assert states["alert"] == states["retention"] == "success"
        assert (states["gate"], states["publish"]) == ("failed", "upstream_failed")
        assert read_log(store).require_live().release == 2

    (hook,) = web.received
    assert "HOLD: the recommendations of 2026-01-16 were not published" in hook["text"]
    assert "Release 2 (data of 2026-01-15" in hook["text"]
    ((receivers, content),) = mail.received
    assert receivers == ["ops@example.test"]
    assert f"<{hook['key']}@recsys>" in content
