"""Alerts out of Airflow: into the outbox first, then through every connection of ``[alert] connections``.

Tasks deliver with Airflow's retries and backoff until the last channel has the last alert. A callback stores its alert
and tries once: Airflow ends a callback after 20 seconds, and then even retries the task that had failed for good.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow.sdk.execution_time import task_runner

import recsys_tasks
from recsys_dag.channels import TAKEN
from recsys_dag.context import business_day
from recsys_dag.services import service_of
from recsys_tasks.alerting.alerts import Alert, of_failure
from recsys_tasks.core.errors import ConfigError, RecsysError, StorageError

if TYPE_CHECKING:
    from recsys_tasks.alerting.outbox import Outbox, Send
    from recsys_tasks.core.policy import AlertConfig
    from recsys_tasks.core.services import Service

CHANNELS = Path(__file__).with_name("channels.py")
SECONDS = 10  # that the other side of a connection has, once we speak to it
IN_A_TASK, IN_A_CALLBACK = 60, 15  # seconds with the start of the process that speaks to it
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


def deliver(service: "Service") -> list[str]:
    """Deliver whatever a service's outbox owes; what was taken now.

    Raises:
        AirflowSkipException: there was nothing to tell, or nobody is configured to be told.
        AlertsPending: a channel refused.
    """
    config = alert_config(service)
    if not config.connections:
        raise AirflowSkipException("no alert connection is configured")
    sender = _sender(service, config, IN_A_TASK)
    delivery = own_outbox(service).deliver(config.connections, sender, datetime.now(UTC))
    if delivery.refused:
        raise AlertsPending(f"Not delivered: {'; '.join(delivery.refused)}. Look at these connections.")
    if not delivery.taken:
        raise AirflowSkipException("there is nothing to tell")
    return list(delivery.taken)


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
    others = set(dag.task_ids) - dag.get_task("alert").get_flat_relative_ids(upstream=True) - {"alert"}
    for task in failed_tasks(ti, sorted(others)):
        _tell_at_once(failure_of(context["dag_run"], task), service_of(context["dag_run"]))


def failed_tasks(ti: Any, names: Iterable[str]) -> list[str]:
    """Which of these tasks of the same run have failed for good."""
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=list(names), run_ids=[ti.run_id]).get(ti.run_id, {})
    return [name for name, state in states.items() if state == "failed"]


def failure_of(dag_run: Any, task: str, reason: str = KILLED) -> Alert:
    """The alert about a failed task: of the same key, whoever notices first."""
    failed = {"dag": dag_run.dag_id, "run": dag_run.run_id, "task": task, "cleared": dag_run.clear_number}
    return of_failure(failed, reason, f"{run_address(dag_run)}/tasks/{quote(task, safe='')}", *_day_of(dag_run))


def _day_of(dag_run: Any) -> list[str]:
    """The date that a run is about, for the commands of an alert; none where it cannot be told, which stops no alert."""
    try:
        return [business_day(dag_run, dag_run.conf or {}).isoformat()]
    except (AirflowFailException, AttributeError, TypeError, ValueError):
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
    from recsys_tasks.steps.workplaces import store_at

    return Outbox(store_at(service.root))


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
    send, known = _sender(service, config, IN_A_CALLBACK), outbox.holds(alert.key)
    try:
        keep([alert], service)
    except StorageError as error:  # a full disk is no reason for silence: told without a note that it was
        log.error("The alert cannot be stored: %s", error)
        log.info("Told: %s.", list(send(alert, config.connections)))
    else:
        if config.connections and not known:
            delivery = outbox.deliver(config.connections, send, datetime.now(UTC), keys={alert.key}, wait=False)
            log.info("Told: %s. Not delivered yet: %s.", list(delivery.taken), list(delivery.refused))


def signed(alert: Alert, service: "Service") -> Alert:
    """An alert as it leaves: which service it is about stands in its subject, its key and the commands that it advises."""
    if not service.name:
        return alert
    lines = tuple(map(service.worded, alert.lines))
    return Alert(f"{alert.key}-{service.name}", f"{service.name}: {service.worded(alert.subject)}", lines)


def _sender(service: "Service", config: "AlertConfig", patience_s: int) -> "Send":
    """Sends an alert through connections of Airflow, in processes of their own (see channels.py)."""

    def send(alert: Alert, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        alert = signed(alert, service)
        content = {part: getattr(alert, part) for part in ("key", "subject", "text", "html", "slack")}
        content |= {"seconds": SECONDS, "mail_to": config.mail_to}
        messages = []
        for name in names:
            try:
                messages.append({"name": name, "connection": _connection(name), **content})
            except Exception as error:  # one that cannot be asked for must not keep the others from their alert
                yield name, type(error).__name__
        answers = dict.fromkeys((message["name"] for message in messages), f"no answer within {patience_s} s")
        for name, answer in _answers(json.dumps(messages), patience_s):
            del answers[name]
            yield name, "" if answer == TAKEN else answer
        yield from answers.items()

    return send


def _connection(name: str) -> dict[str, Any]:
    """A connection of Airflow as plain values."""
    connection = BaseHook.get_connection(name)
    parts = ("conn_type", "host", "login", "password", "schema", "port")
    return {part: getattr(connection, part) for part in parts} | {"extra": connection.extra_dejson}


def _answers(messages: str, patience_s: int) -> Iterator[tuple[str, str]]:
    """What the program says of each connection, as soon as it says it; its processes end when the patience does."""
    command, pipe = [sys.executable, "-P", str(CHANNELS)], subprocess.PIPE
    streams: dict[str, Any] = {"stdin": pipe, "stdout": pipe, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=_knowing_us(), text=True, start_new_session=True, **streams) as program:
        end = Timer(patience_s, os.killpg, (program.pid, signal.SIGKILL))
        end.start()
        try:
            assert program.stdin is not None  # noqa: S101 - a pipe, as the next one
            assert program.stdout is not None  # noqa: S101
            with program.stdin as to_it:
                to_it.write(messages)
            yield from map(json.loads, program.stdout)
        finally:
            end.cancel()


def _knowing_us() -> dict[str, str]:
    """The environment, in which another process finds the library where this one found it, behind all else."""
    ours = str(Path(recsys_tasks.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), ours]))}
