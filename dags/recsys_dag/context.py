"""From the context of a running task to what the library wants: a day, a workplace, a signature."""

import json
import logging
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, Variable, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from recsys_dag.services import root_with_access, this_service
from recsys_tasks.core.domain import parse_day
from recsys_tasks.core.errors import (
    PublishConflict,
    RecsysError,
    SinkUnavailable,
    SourceUnavailable,
    StoreUnavailable,
    TrainerUnavailable,
)
from recsys_tasks.core.typed_text import WORDS, reason_of

if TYPE_CHECKING:
    from recsys_tasks.core.business_days import BusinessDays
    from recsys_tasks.core.services import Service
    from recsys_tasks.steps import Signature, Workplace
    from recsys_tasks.steps.one_store import StoreUsed
    from recsys_tasks.steps.results import Result
    from recsys_tasks.storage.store import ArtefactStore

RETRIABLE = (SourceUnavailable, SinkUnavailable, TrainerUnavailable, PublishConflict, StoreUnavailable)
BY_HAND = "manual"
"""Kind of the runs that a person triggers; to trigger one with a word takes the right to edit the DAG
(``recsys_ui.words``). A run of another kind bears the name of somebody who need not know of it: whoever ran the DAG
whose task triggered this one."""
FIRST_STEPS, STORE = ("wait_for_day", "extract_streams"), "store"
"""The task that a run begins with, and the one where somebody left it out; the key of XCom under which it says on which
store it worked."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskRun:
    """What the body of a task needs."""

    service: "Service"
    at: "Workplace"
    day: date
    signature: "Signature"
    params: Mapping[str, Any]
    record: MutableMapping[str, Any]

    def keep(self, result: "Result") -> dict[str, Any]:
        """Put what a step returned into the record of the run, where the report's page finds it, and hand it on."""
        reference = result.to_json()
        self.record["result"] = reference
        return reference


def business_day(dag_run: Any, params: Mapping[str, Any], days: "BusinessDays") -> date:
    """The business day that a run is about, whatever started it.

    A typed-in day goes first; then the interval's start (scheduled, backfill, manual with a logical date); a run
    without a logical date is about the last day that was over when it might start.

    Raises:
        AirflowFailException: the data interval holds no time at all, or was cut by another rule of what a day is; or a
            backfill names one day for all its dates.
    """
    kind = getattr(dag_run.run_type, "value", dag_run.run_type)
    if params.get("day"):
        if kind == "backfill":
            raise AirflowFailException("Leave `day` empty in a backfill: each of its runs is about its own date.")
        return parse_day(params["day"])
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    if start is not None and end is not None and end <= start:
        raise AirflowFailException(f"The run's data interval is empty ({start} to {end}). Name the day (param day).")
    if kind in ("scheduled", "backfill") and start is not None and start != days.start(days.of(start)):
        raise AirflowFailException(
            f"The run's data interval begins at {days.clock(start)}, and no day does: the zone or the hour of [schedule] "
            "changed since. Trigger the day by its name (param day)."
        )
    instant = start or dag_run.logical_date
    return days.of(instant) if instant else days.last_finished(dag_run.run_after)


def source_address(service: "Service") -> str | None:
    """libpq address of the source: the service's connection in Airflow, else its variable of the environment."""
    return _address(service.connection, service.dsn_variable)


def sink_address(service: "Service") -> str | None:
    """libpq address of the sink, found alike; None: there is none."""
    return _address(service.sink_connection, service.sink_variable)


def _address(name: str, variable: str) -> str | None:
    try:
        connection = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return os.environ.get(variable)
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import make_dsn

    parts = {
        "host": connection.host,
        "port": connection.port,
        "user": connection.login,
        "password": connection.password,
        "dbname": connection.schema,
    }
    given = {extra: str(value) for extra, value in connection.extra_dejson.items()}  # sslmode, sslrootcert, ...
    try:
        return str(make_dsn(**given, **{part: value for part, value in parts.items() if value}))
    except (ProgrammingError, TypeError):
        raise AirflowFailException(
            f"Connection {name} has extras that libpq does not know, or twice: {', '.join(given)}."
        ) from None


@contextmanager
def task_run(step: str, with_source: bool = False) -> Iterator[TaskRun]:
    """Give a task its workplace on the store of its run, keep a record of it, and tell Airflow which failures a retry
    cannot mend.

    Raises:
        AirflowFailException: the failure is final; its text says what to do.
    """
    from recsys_tasks.steps import Signature, recorded

    context, service = get_current_context(), this_service()
    dag_run, params, begun_on = context["dag_run"], context["params"], _begun_on(step, context["ti"])
    with own_workplace(service, with_source) as at:
        day = business_day(dag_run, params, at.days)
        if at.days.end(day) > datetime.now(UTC):
            ends = at.days.clock(at.days.end(day))
            raise AirflowFailException(f"{day} is not over yet: it ends at {ends}. Give an earlier day.")
        signature = Signature(signer(dag_run, params), "passed the gate", datetime.now(UTC).isoformat(), dag_run.run_id)
        with recorded(at.store, dag_run.run_id, step, signature.by, lambda: datetime.now(UTC), begun_on) as record:
            if begun_on is None:
                context["ti"].xcom_push(STORE, record["store"])
                note_store(service, record["store"])
            yield TaskRun(service, at, day, signature, params, record)


@contextmanager
def delivering() -> Iterator[tuple["Service", "Workplace", "Signature"]]:
    """Give a task that delivers what is live, whichever day that is of, its service, its workplace and who signs.

    Raises:
        AirflowFailException: the failure is final; its text says what to do.
    """
    from recsys_tasks.steps import Signature

    context, service = get_current_context(), this_service()
    dag_run, now = context["dag_run"], datetime.now(UTC).isoformat()
    with own_workplace(service) as at:
        if at.config.products.never_again_table:  # what listeners do not want again stands in the source
            at = replace(at, dsn=source_address(service))
        yield service, at, Signature(signer(dag_run, context["params"]), "what is live", now, dag_run.run_id)


def _begun_on(step: str, ti: Any) -> "StoreUsed | None":
    """The store that the first step of a run worked on; None where this is that step."""
    from recsys_tasks.core.records import from_json
    from recsys_tasks.steps.one_store import StoreUsed

    before = FIRST_STEPS[: FIRST_STEPS.index(step)] if step in FIRST_STEPS else FIRST_STEPS
    found = next(filter(None, (ti.xcom_pull(task_ids=each, key=STORE) for each in before)), None)
    return from_json(StoreUsed, found) if found else None


def signer(dag_run: Any, params: Mapping[str, Any]) -> str:
    """Who signs for the run: the person who triggered it, else Airflow with the kind of the run.

    Raises:
        AirflowFailException: a parameter is a person's word, and no person gave it.
        ConfigError: it is no text that may be kept.
    """
    for word in (name for name in WORDS if (params.get(name) or "").strip()):
        reason_of(params[word])
        named_person(dag_run, word)
    return str(getattr(dag_run, "triggering_user_name", None) or f"airflow ({_kind(dag_run)})")


def named_person(dag_run: Any, word: str) -> str:
    """Who triggered a run by hand, as Airflow noted it: nothing that a run is given names anybody.

    Args:
        dag_run: the run.
        word: what it takes a person for.

    Raises:
        AirflowFailException: no person did.
    """
    person = getattr(dag_run, "triggering_user_name", None)
    if not person or _kind(dag_run) != BY_HAND:
        raise AirflowFailException(
            f"{word} is a named person's word, and no person gave it to this run ({_kind(dag_run)}). Trigger one by "
            "hand, signed in."
        )
    return str(person)


def _kind(dag_run: Any) -> str:
    return str(getattr(dag_run.run_type, "value", dag_run.run_type))


def note_store(service: "Service", used: Mapping[str, str]) -> None:
    """Note, for every worker of this Airflow, on which store the runs of a service work; the first run does."""
    if Variable.get(service.store_variable, default=None) is None:
        Variable.set(service.store_variable, json.dumps(used), description="The store of the recommendations")


def require_noted_store(service: "Service", store: "ArtefactStore") -> None:
    """See, before anything is read or made, that this worker has the store that the runs of a service work on.

    Raises:
        OtherStore: it has another one, or none.
        ConfigError: what is noted cannot be read.
    """
    from recsys_tasks.core.errors import ConfigError
    from recsys_tasks.steps.one_store import StoreUsed, require_store

    name = service.store_variable
    noted = Variable.get(name, default=None)
    if noted is None:
        return
    try:
        used = StoreUsed(**json.loads(noted))
    except (TypeError, ValueError):
        raise ConfigError(
            f"Airflow's variable {name} is no note of a store. Delete it: the next run notes it."
        ) from None
    others = f"the runs of this service work on {used}"
    begun = f"If the store was moved or begun anew on purpose, delete Airflow's variable {name}"
    require_store(store, used.id, f"{others}. {begun}")


@contextmanager
def own_workplace(service: "Service", with_source: bool = False) -> Iterator["Workplace"]:
    """The workplace of a service; what the library refuses in it fails the task for good.

    Raises:
        AirflowFailException: the failure is final; its text says what to do.
    """
    from recsys_tasks.steps.workplaces import workplace

    address = source_address(service) if with_source else None
    try:
        at = workplace(root_with_access(service), service.config, address, log.info)
        require_noted_store(service, at.store)
        yield at
    except RETRIABLE:
        raise
    except RecsysError as error:
        raise AirflowFailException(service.worded(f"{type(error).__name__}: {error}")) from None
