"""A DAG with a configuration, and somebody who takes its alerts."""

import json
import sys
import time
from types import SimpleNamespace

import pytest
from dag_runs import ALERTS, CANARY, forget_store, load_dag
from settings import TOML
from sinks import mail_sink, slack, smtp, web_sink, webhook


@pytest.fixture(scope="package", autouse=True)
def no_idle_seconds():
    """Shorten the second that ``dag.test`` sleeps, with nothing at work, for each task that cannot run any more."""
    sleep = time.sleep

    def shorter(seconds):
        caller = sys._getframe(1).f_code
        idle = caller.co_name == "test" and caller.co_filename.endswith("airflow/sdk/definitions/dag.py")
        sleep(seconds / 20 if idle else seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", shorter)
        yield


@pytest.fixture
def dag(airflow_home, monkeypatch, tmp_path):
    """The DAG of a configuration in which the small world's days pass."""
    (tmp_path / "config.toml").write_text(TOML)
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("RECSYS_ROOT", str(tmp_path / "store"))
    yield load_dag()
    forget_store()


@pytest.fixture
def sinks(dag, monkeypatch, tmp_path):
    """A configuration whose alerts go to a mail server and to two webhooks on the loopback interface."""
    with mail_sink() as mail, web_sink() as web:
        connections = {
            "ALERT_MAIL": smtp(mail.port, password=CANARY),
            "ALERT_HOOK": webhook(web.port, f"{CANARY}/hook"),
            "ALERT_SLACK": slack(web.port, f"{CANARY}/slack"),
        }
        for name, values in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(values))
        (tmp_path / "config.toml").write_text(TOML + ALERTS)
        yield SimpleNamespace(mail=mail, web=web)
