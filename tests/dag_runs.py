"""The DAGs as Airflow reads them, and what their runs told the sinks of a test."""

from pathlib import Path
from types import SimpleNamespace

DAGS = Path(__file__).parents[1] / "dags"
CANARY = "canary-of-the-connection"
"""Stands for the secret part of every connection: it may turn up nowhere else."""
CHANNELS = ["alert_mail", "alert_hook", "alert_slack"]
ALERTS = f"""
[alert]
connections = {CHANNELS}
mail_to = ["ops@example.test"]
[freshness]
max_age_hours = 1_000_000
"""


def load_bag():
    """What Airflow makes of the folder of DAGs now."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(DAGS))


def load_dag(name="daily_recommendations"):
    """A fresh DAG object: dag.test writes a run's conf into it."""
    bag = load_bag()
    assert bag.import_errors == {}
    assert sorted(bag.dags) == ["alert_delivery", "daily_recommendations", "recommendations_act", "release_freshness"]
    return bag.dags[name]


def forget_store():
    """Take away the note of the store that the runs of a test worked on: the next test has one of its own."""
    from airflow.models.variable import Variable

    Variable.delete("recsys_store_mark")


def received(sinks):
    """How many alerts each of the three channels received."""
    hooks = [len(sinks.web.bodies(f"/{CANARY}/{kind}")) for kind in ("hook", "slack")]
    return [len(sinks.mail.received), *hooks]


def states_of(run):
    """State of each task."""
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def run_by_hand(after, start=None, end=None, logical=None):
    """What a run that somebody started says of itself; without a logical date it has no data interval either."""
    return SimpleNamespace(
        run_type="manual", data_interval_start=start, data_interval_end=end, logical_date=logical, run_after=after
    )
