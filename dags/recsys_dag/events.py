"""What a step decided, told to Airflow: the colour of a task, the event of the asset, the alert."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from recsys_tasks.alerts import Alert

if TYPE_CHECKING:
    from recsys_tasks.store import Store


def gate_alert(store: "Store", ti: Any, dag_run: Any) -> Alert:
    """The verdict if the gate gave one; else that a step before it failed."""
    from recsys_tasks.overview import overview

    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=["gate"], run_ids=[dag_run.run_id])
    asked = states[dag_run.run_id].get("gate") == "failed"  # else a verdict that lies there is of an earlier try
    verdict = ti.xcom_pull(task_ids="gate", key="verdict") if asked else None
    if verdict is None:
        step = "the gate or a step before it"
        return Alert.of_failure(dag_run.run_id, step, "see the red task of the run", ti.log_url)
    return Alert.of_verdict(verdict, overview(store, datetime.now(UTC))["live"], ti.log_url)


def pass_or_fail(verdict: dict[str, Any], ti: Any) -> dict[str, Any]:
    """Keep the verdict where the UI and the alert find it, and fail the task unless it is a PASS.

    Raises:
        AirflowFailException: HOLD or BLOCK; never retried, a retry would say the same.
    """
    ti.xcom_push("verdict", verdict)
    if verdict["outcome"] != "PASS":
        raise AirflowFailException(f"{verdict['outcome']}: {'; '.join(verdict['reasons'])}")
    return verdict


def tell_or_skip(outcome: dict[str, Any], event: Any) -> dict[str, Any]:
    """Put release number, date and precision into the asset's event.

    Raises:
        AirflowSkipException: nothing new went live, so there is no event.
    """
    if not outcome["published"]:
        raise AirflowSkipException(outcome["reason"])
    event.extra = {**outcome["live"], "precision": outcome["precision"]}
    return outcome
