"""A DAG with a configuration, and somebody who takes its alerts."""

import json
from types import SimpleNamespace

import pytest
from dag_runs import ALERTS, CANARY, load_dag
from settings import TOML
from sinks import mail_sink, slack, smtp, web_sink, webhook


@pytest.fixture
def dag(airflow_home, monkeypatch, tmp_path):
    """The DAG of a configuration in which the small world's days pass."""
    (tmp_path / "config.toml").write_text(TOML)
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("RECSYS_ROOT", str(tmp_path / "store"))
    yield load_dag()
    forget_store()


def forget_store():
    """Take away the note of the store that the runs of a test worked on: the next test has one of its own."""
    from airflow.models.variable import Variable

    Variable.delete("recsys_store_mark")


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
