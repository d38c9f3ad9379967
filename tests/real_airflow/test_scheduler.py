"""The real thing once, in an Airflow without our pools: two services and a broken file, live days and a blocked one."""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from browser import PLUGIN, needs_chromium, signed_in
from psycopg2.extensions import parse_dsn
from scheduler_runs import LOCAL_SETTINGS, SECONDS, Runs, text_of
from settings import TOML
from sinks import mail_sink, slack, smtp, web_sink, webhook

from recsys_tasks.demo.guarded import Program
from recsys_tasks.demo.supervisor import running_airflow
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

DAYS = {"music": "2026-01-13", "talk": "2026-01-14"}
DAGS = {name: f"daily_recommendations_{name}" for name in DAYS}
ALERTS = """
[alert]
connections = ["alert_mail", "alert_hook", "alert_slack"]
mail_to = ["ops@example.test"]
[freshness]
max_age_hours = 1_000_000
"""
pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(1800)]


def config(name):
    """The configuration of a service, whose schedule ends with its one day."""
    return f"{TOML}[schedule]\nend_date = {DAYS[name]}\n{ALERTS if name == 'music' else ''}"


BAD = config("music").replace('weight = "log"\na = 1.0', 'weight = "linear"\na = 1_000_000.0')
"""A slip of six zeros in the confidence: the model that comes of it knows little more than what was heard last."""


@pytest.fixture(scope="module")
def sinks():
    """A mail server and a web server on the loopback interface: (mail, web, their Airflow connections)."""
    with mail_sink() as mail, web_sink() as web:
        connections = {"MAIL": smtp(mail.port), "HOOK": webhook(web.port, "hook"), "SLACK": slack(web.port, "slack")}
        yield mail, web, {f"AIRFLOW_CONN_ALERT_{name}": json.dumps(values) for name, values in connections.items()}


@pytest.fixture(scope="module")
def airflow(sinks):
    """An Airflow for a folder of services; the source of both is a connection of their own, and nobody made a pool."""
    home = Path(tempfile.mkdtemp(prefix="recsys-airflow-"))
    home.chmod(0o711)  # PostgreSQL's own account must be able to enter
    folder = home.with_suffix(".services")  # beside it: the home is emptied at the start
    folder.mkdir()
    for name in DAYS:
        (folder / f"{name}.toml").write_text(config(name))
    (folder / "broken.toml").write_text("[service")
    world = Program("world", [sys.executable, "-m", "recsys_tasks", "world", "make", "--preset", "small"])
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "RECSYS"))}
    given = {"RECSYS_CONFIG": str(folder), **LOCAL_SETTINGS, **sinks[2]}
    try:
        with running_airflow(home, given, base=outside, beside=[world], pools={}) as running:
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
def service(airflow, sinks):
    """The Airflow when a day of each service has ended, at the same time; no schedule makes another."""
    runs = {name: Runs(airflow, dag_id) for name, dag_id in DAGS.items()}
    for name, dag_id in DAGS.items():
        airflow.wait_until(lambda dag_id=dag_id: airflow.api.dag_is_known(dag_id), SECONDS, dag_id)
        airflow.api.create_backfill(dag_id, f"{DAYS[name]}T00:00:00Z", f"{DAYS[name]}T00:00:00Z")
        airflow.api.unpause(dag_id)
    ended = {}
    for name, dag_id in DAGS.items():
        (run,) = airflow.api.runs(dag_id)
        ended[name] = runs[name].end(run["dag_run_id"])[0]
    mail, web, _ = sinks
    stores = {name: PosixStore(Path(airflow.environment["RECSYS_ROOT"]) / name) for name in DAYS}
    return SimpleNamespace(airflow=airflow, api=airflow.api, runs=runs, stores=stores, ended=ended, mail=mail, web=web)


class TestServices:
    def test_a_pool_that_is_missing_holds_no_run(self, service):
        """Nobody made the pools: the scheduler did, with one slot each, and both days went live in their own stores."""
        assert service.ended == dict.fromkeys(DAYS, "success")
        pools = {pool["name"]: pool["slots"] for pool in service.api.get("/pools")["pools"]}
        assert {name: slots for name, slots in pools.items() if name.startswith("recsys_state")} == {
            "recsys_state_music": 1,
            "recsys_state_talk": 1,
        }
        for name, day in DAYS.items():
            assert Releases(service.stores[name]).log().require_live().day.isoformat() == day
        events = service.api.get("/assets/events")["asset_events"]
        assert sorted(event["source_dag_id"] for event in events) == sorted(DAGS.values())
        assert {event["extra"]["release"] for event in events} == {1}
        assert min(event["extra"]["precision"] for event in events) > 0

    def test_the_broken_file_is_an_import_error_of_its_own(self, service):
        """Where Airflow shows such errors, with the name of the file."""
        (error,) = service.api.get("/importErrors")["import_errors"]
        assert "broken.toml: not TOML" in error["stack_trace"]
        assert error["filename"].endswith("recsys_services.py")

    @pytest.mark.browser
    @needs_chromium
    def test_the_pages_lead_from_one_to_another(self, service):
        """The navigation leads to the first, its head to the others, and the tab of a DAG to its own."""
        airflow = service.airflow
        with signed_in(airflow.url, airflow.user, airflow.password) as browsing:
            browsing.page.goto(PLUGIN)
            browsing.frame().locator("#sentence").get_by_text(DAYS["music"]).wait_for()
            browsing.shot("services-music")
            browsing.frame().get_by_role("link", name="talk").click()
            browsing.frame().locator("#sentence").get_by_text(DAYS["talk"]).wait_for()
            browsing.shot("services-talk")
            browsing.page.goto(f"/dags/{DAGS['talk']}/plugin/recsys-live")
            browsing.frame().locator("#sentence").get_by_text(DAYS["talk"]).wait_for()
            browsing.shot("services-tab")
            assert browsing.complaints == []
            browsing.page.goto("/recsys/broken/live")
            browsing.page.get_by_text("broken.toml: not TOML").wait_for()
            browsing.shot("services-broken")


class TestBlocked:
    def test_a_day_ends_while_a_channel_is_down_and_each_channel_hears_of_it_once(self, service):
        """Blocked, with the mail server down: nothing goes live, the run ends, and a delivery of its own goes on."""
        mail, web, runs = service.mail, service.web, service.runs["music"]
        folder = Path(service.airflow.environment["RECSYS_CONFIG"])

        def alerts():
            return len(mail.received), len(web.bodies("/hook")), len(web.bodies("/slack"))

        assert alerts() == (0, 0, 0), "of days that went live nobody is alerted"
        mail.answer = "450 later"
        (folder / "music.toml").write_text(BAD)
        runs.start("blocked", "2026-01-14")
        state, states = runs.end("blocked")
        assert (state, states["gate"], states["publish"]) == ("failed", "failed", "upstream_failed")
        assert states["alert"] == states["report"] == states["retention"] == "success"
        assert Releases(service.stores["music"]).log().require_live().release == 1
        service.airflow.wait_until(lambda: alerts() == (0, 1, 1), SECONDS, "the alert on the channels that are well")
        delivering = [run["state"] for run in service.api.runs("alert_delivery_music")]
        assert delivering == ["running"], "the day has ended, and its delivery tries again"
        mail.answer = ""
        service.airflow.wait_until(lambda: alerts() == (1, 1, 1), SECONDS, "the mail")
        check_the_alert(service)


def check_the_alert(service):
    """What arrived about the blocked day: one mail, one call of each webhook, with links that open."""
    airflow, ((receivers, letter),) = service.airflow, service.mail.received
    (hook,), (slack,) = service.web.bodies("/hook"), service.web.bodies("/slack")
    assert receivers == ["ops@example.test"]
    assert letter["Message-ID"] == f"<{hook['key']}@recsys>"
    assert letter["Subject"] == hook["subject"]
    assert re.search(r"BLOCK of 2026-01-14: precision 0\.\d+ is not above the popular tracks", hook["subject"])
    assert slack["text"].startswith(hook["subject"])
    assert "Release 1 (data of 2026-01-13" in text_of(letter)
    run, report = re.findall(r"http://\S+", text_of(letter))
    assert run == f"{airflow.url}/dags/{DAGS['music']}/runs/blocked"
    assert httpx.get(run).status_code == 200
    page = httpx.get(report, headers={"Authorization": f"Bearer {airflow.api.token()}"})
    assert page.status_code == 200
    assert "BLOCK" in page.text
    assert httpx.get(report).status_code == 401
