"""What a step decided, told to Airflow: the colour of a task, the event of the asset, the alerts of a run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from recsys_dag.alerting import (
    SaidNo,
    failed_tasks,
    failure_of,
    own_outbox,
    report_address,
    run_address,
    run_of,
    runs_address,
)
from recsys_dag.services import days_of, root_with_access
from recsys_tasks.alerting.alerts import Alert, of_drift, of_verdict

if TYPE_CHECKING:
    from recsys_tasks.core.services import Service
    from recsys_tasks.steps.results import Seen


def pass_or_fail(verdict: dict[str, Any], ti: Any) -> dict[str, Any]:
    """Keep the verdict where the UI and the alert find it, and fail the task unless it is a PASS.

    Raises:
        SaidNo: HOLD or BLOCK; never retried, a retry would say the same.
    """
    ti.xcom_push("verdict", verdict)
    if verdict["outcome"] != "PASS":
        raise SaidNo(f"{verdict['outcome']}: {'; '.join(verdict['reasons'])}")
    return verdict


def verdict_of(ti: Any) -> dict[str, Any] | None:
    """The verdict that the gate gave in this run; None when it gave none, whatever an earlier try left there."""
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=["gate"], run_ids=[ti.run_id])
    asked = states.get(ti.run_id, {}).get("gate") in {"success", "failed"}
    return ti.xcom_pull(task_ids="gate", key="verdict") if asked else None


def judgement_of(ti: Any) -> str:
    """Name of what the gate judged in this run.

    Raises:
        AirflowSkipException: it judged nothing.
    """
    verdict = verdict_of(ti)
    if verdict is None:
        raise AirflowSkipException("nothing was judged")
    return str(verdict["judgement"])


def run_alerts(ti: Any, dag_run: Any, service: "Service") -> list[Alert]:
    """What a run has to tell: a verdict that is no PASS, a slow decline, or which task failed before any verdict."""
    from recsys_tasks.steps import live_entry, live_sentence
    from recsys_tasks.storage.stores import store_at

    verdict = verdict_of(ti)
    if verdict is None:
        before = ti.task.get_flat_relative_ids(upstream=True)
        return [failure_of(dag_run, task) for task in failed_tasks(ti, sorted(before))]
    store = store_at(root_with_access(service))
    live = live_sentence(store, datetime.now(UTC), days_of(service))
    report = report_address(service, verdict["day"], verdict["judgement"])
    links = {"run": run_address(dag_run), "report": report}
    refused = []
    if verdict["outcome"] != "PASS":
        refused = [of_verdict(verdict, live, **links, newest_entry=live_entry(store), judged_by=run_of(dag_run))]
    return [*refused, *(of_drift(alarm, verdict["day"], live, **links) for alarm in verdict["alarms"])]


def hourly_alerts(seen: "Seen", service: "Service") -> list[Alert]:
    """What began or ended since the last look at what is live."""
    from recsys_tasks.steps import freshness_alerts

    return freshness_alerts(own_outbox(service), seen, runs_address(service.daily))


def tell_or_skip(outcome: dict[str, Any], event: Any) -> dict[str, Any]:
    """Put release number, date and precision into the asset's event.

    Raises:
        AirflowSkipException: nothing new went live, so there is no event.
    """
    if not outcome["published"]:
        raise AirflowSkipException(outcome["reason"])
    event.extra = {**outcome["live"], "precision": outcome["precision"]}
    return outcome


def delivered_or_skip(outcome: dict[str, Any], event: Any) -> dict[str, Any]:
    """Put what was delivered, where to, and its figures into the asset's event.

    Raises:
        AirflowSkipException: nothing is anywhere that was not there before, so there is no event.
    """
    if not outcome["delivered"]:
        raise AirflowSkipException(outcome["reason"])
    event.extra = {"place": outcome["place"], **outcome["made"]}
    return outcome


def seen_or_skip(seen: "Seen") -> dict[str, Any]:
    """What was seen, as it goes through XCom.

    Raises:
        AirflowSkipException: nothing was ever published, so there is nothing to look at.
    """
    if not seen.live:
        raise AirflowSkipException("nothing has been published yet")
    return seen.to_json()


def green_or_red(seen: dict[str, Any]) -> None:
    """Fail while what is live is stale or damaged.

    Raises:
        SaidNo: it is.
    """
    problems = [f"{seen['live']} The bound is {seen['bound_hours']:,} hours."] if seen["stale"] else []
    problems += [seen["damage"]] if seen["damage"] else []
    if problems:
        raise SaidNo(" ".join(problems))
