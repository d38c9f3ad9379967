"""From a finished run to the alert that tells of it."""

from datetime import UTC, datetime
from typing import Any

from recsys_tasks.alerts import Alert
from recsys_tasks.overview import overview
from recsys_tasks.store import Store


def gate_alert(store: Store, ti: Any, dag_run: Any) -> Alert:
    """The verdict if the gate gave one; else that a step before it failed."""
    verdict = ti.xcom_pull(task_ids="gate", key="verdict")
    if verdict is None:
        return Alert.of_failure(dag_run.run_id, "a step before the gate", "see the red task of the run", ti.log_url)
    return Alert.of_verdict(verdict, overview(store, datetime.now(UTC))["live"], ti.log_url)
