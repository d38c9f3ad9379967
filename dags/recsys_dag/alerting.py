"""Alerts out of Airflow: into the outbox first, then through every connection of ``[alert] connections``.

A day's run stores what it has to tell; the DAG that delivers tries with retries and backoff until the last channel has
the last alert. A callback stores its alert and tries once: Airflow ends a callback after 20 seconds, and then even
retries the task that had failed for good.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow.sdk.execution_time import task_runner

from recsys_dag.context import business_day
from recsys_dag.sending import sender
from recsys_dag.services import days_of, root_with_access, service_of
from recsys_tasks.alerting.alerts import Alert, of_failure
from recsys_tasks.core.errors import ConfigError, RecsysError, StorageError
from recsys_tasks.release.commands import Run

if TYPE_CHECKING:
    from recsys_tasks.alerting.outbox import Delivery, Outbox
    from recsys_tasks.core.policy import AlertConfig
    from recsys_tasks.core.services import Service

IN_A_TASK, IN_A_CALLBACK = 60, 15  # seconds for an alert, with the start of the process that speaks to its channels
OUR_WORDS = (RecsysError, AirflowFailException, AirflowTaskTimeout, AirflowSensorTimeout)
KILLED = "It left no reason: its process was killed (was memory short?), or its machine went away."
log = logging.getLogger(__name__)


class AlertsPending(Exception):
    """A channel did not take an alert, which stays in the outbox; the task is retried."""


class SaidNo(AirflowFailException):
    """A task that is red on purpose; another task tells why."""


def keep(alerts: Iterable[Alert], service: "Service") -> None:
    """Store alerts, owed to the connections of this moment; one that was stored before stays as it was."""
    connections, outbox = alert_config(service).connections, own_outbox(service)
    for alert in alerts:
        if not connections:
            log.warning("Nobody is told: [alert] names no connection. %s\n%s", alert.subject, alert.text)
        outbox.put(alert, connections, datetime.now(UTC))


def keep_or_skip(alerts: Iterable[Alert], service: "Service") -> list[str]:
    """Store alerts; subjects of those that somebody is still owed, whoever stored them first.

    Raises:
        AirflowSkipException: nobody is owed any of them, so nothing has to be delivered.
    """
    found = list(alerts)
    keep(found, service)
    owed = own_outbox(service).owed(alert_config(service).connections, {alert.key for alert in found})
    if not owed:
        raise AirflowSkipException("there is nothing to tell")
    return owed


def try_once(service: "Service") -> list[str]:
    """Send whatever a service's outbox owes; what a channel refused, and why.

    Raises:
        AirflowSkipException: there was nothing to tell, or nobody is configured to be told.
    """
    delivery = _attempt(service)
    for refused in delivery.refused:
        log.warning("Not delivered: %s", refused)
    return list(delivery.refused)


def deliver(service: "Service") -> list[str]:
    """Send whatever a service's outbox owes; what was taken now.

    Raises:
        AirflowSkipException: there was nothing to tell, or nobody is configured to be told.
        AlertsPending: a channel refused.
    """
    delivery = _attempt(service)
    if delivery.refused:
        raise AlertsPending(f"Not delivered: {'; '.join(delivery.refused)}. Look at these connections.")
    return list(delivery.taken)


def hand_over(refused: Sequence[str]) -> list[str]:
    """What a channel refused, which the DAG that delivers is started for.

    Raises:
        AirflowSkipException: nothing was.
    """
    if not refused:
        raise AirflowSkipException("every channel has what it was owed")
    return list(refused)


def _attempt(service: "Service") -> "Delivery":
    config = alert_config(service)
    if not config.connections:
        raise AirflowSkipException("no alert connection is configured")
    send = sender(service, config, IN_A_TASK)
    delivery = own_outbox(service).deliver(config.connections, send, datetime.now(UTC))
    if not delivery.taken and not delivery.refused:
        raise AirflowSkipException("there is nothing to tell")
    return delivery


def tell_failure(context: Any) -> None:
    """``on_failure_callback`` of every task: it failed for good. Runs in its worker, or in the dag-processor."""
    error = context.get("exception")
    if not isinstance(error, SaidNo | AlertsPending):
        alert = failure_of(context["dag_run"], context["ti"].task_id, _reason(error))
        _tell_at_once(alert, service_of(context["dag_run"]))


def tell_what_nobody_told(context: Any) -> None:
    """``on_failure_callback`` of the DAG: a task was killed, for which Airflow then runs no callback.

    The alert task tells of what lies before it; this is for the others. What is in the outbox is not told again.
    """
    dag, ti = context["dag"], context.get("ti")
    if ti is None or not hasattr(task_runner, "SUPERVISOR_COMMS"):
        return  # no task failed; or ``dags test``: nobody can be asked for states, and nothing was killed
    others = set(dag.task_ids)
    if "alert" in others:
        others -= dag.get_task("alert").get_flat_relative_ids(upstream=True) | {"alert"}
    for task in failed_tasks(ti, sorted(others)):
        _tell_at_once(failure_of(context["dag_run"], task), service_of(context["dag_run"]))


def failed_tasks(ti: Any, names: Iterable[str]) -> list[str]:
    """Which of these tasks of the same run have failed for good."""
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=list(names), run_ids=[ti.run_id]).get(ti.run_id, {})
    return [name for name, state in states.items() if state == "failed"]


def failure_of(dag_run: Any, task: str, reason: str = KILLED) -> Alert:
    """The alert about a failed task: of the same key, whoever notices first."""
    run = run_of(dag_run)
    failed = {"dag": run.dag, "run": run.id, "task": task, "cleared": dag_run.clear_number}
    failed |= {"logical_date": run.logical_date}
    return of_failure(failed, reason, f"{run_address(dag_run)}/tasks/{quote(task, safe='')}", *_day_of(dag_run))


def run_of(dag_run: Any) -> Run:
    """How commands name a run."""
    logical_date = getattr(dag_run, "logical_date", None)
    return Run(dag_run.dag_id, dag_run.run_id, logical_date.isoformat() if logical_date else "")


def _day_of(dag_run: Any) -> list[str]:
    """The date that a run is about, for the commands of an alert; none where it cannot be told, which stops no alert."""
    try:
        days = days_of(service_of(dag_run))
        return [business_day(dag_run, dag_run.conf or {}, days).isoformat()]
    except (AirflowFailException, ConfigError, AttributeError, TypeError, ValueError):
        return []


def alert_config(service: "Service") -> "AlertConfig":
    """The table ``[alert]`` alone: a slip in another table must not silence the alert about it.

    Raises:
        ConfigError: no file is named, or it or a field of the table is wrong.
    """
    from recsys_tasks.core.config import load_table
    from recsys_tasks.core.policy import AlertConfig

    if service.config is None:
        raise ConfigError("No configuration named: set RECSYS_CONFIG to your TOML file (recsys.toml is an example).")
    return load_table(service.config, "alert", AlertConfig)


def run_address(dag_run: Any) -> str:
    """Page of a run in the UI."""
    return f"{_base()}/dags/{quote(dag_run.dag_id, safe='')}/runs/{quote(dag_run.run_id, safe='')}"


def runs_address(dag_id: str) -> str:
    """Page of a DAG's runs in the UI."""
    return f"{_base()}/dags/{quote(dag_id, safe='')}/runs"


def report_address(service: "Service", day: str, judgement: str) -> str:
    """Page of a judgement's report, which the plugin serves."""
    return f"{_base()}/recsys/{service.path}report/{quote(day, safe='')}/{quote(judgement, safe='')}"


def own_outbox(service: "Service") -> "Outbox":
    """The outbox in the store of a service.

    Raises:
        ConfigError: it has no store.
    """
    from recsys_tasks.alerting.outbox import Outbox
    from recsys_tasks.storage.stores import store_at

    return Outbox(store_at(root_with_access(service)))


def _base() -> str:
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")


def _reason(error: BaseException | None) -> str:
    """What the task said. Only texts of our own are repeated: another's may hold anything."""
    if error is None:
        return KILLED
    return str(error) if isinstance(error, OUR_WORDS) else f"{type(error).__name__}; its text stands in the log."


def _tell_at_once(alert: Alert, service: "Service") -> None:
    """Store an alert and try once; what is not taken stays for the next task that delivers."""
    config, outbox = alert_config(service), own_outbox(service)
    send, known = sender(service, config, IN_A_CALLBACK), outbox.holds(alert.key)
    try:
        keep([alert], service)
    except StorageError as error:  # a full disk is no reason for silence: told without a note that it was
        log.error("The alert cannot be stored: %s", error)
        log.info("Told: %s.", list(send(alert, config.connections)))
    else:
        if config.connections and not known:
            delivery = outbox.deliver(config.connections, send, datetime.now(UTC), keys={alert.key}, wait=False)
            log.info("Told: %s. Not delivered yet: %s.", list(delivery.taken), list(delivery.refused))
