"""The services that the environment names, as DAGs: one of each kind for every service."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, BaseHook, CronDataIntervalTimetable, get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException
from recsys_timetable import BusinessDaily, DailyUntil

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.core.config import ScheduleConfig, load_table
from recsys_tasks.core.delivering import DeliverConfig
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.installation import TasksConfig
from recsys_tasks.core.roots import Bucket, Root, connection_options, root_of
from recsys_tasks.core.services import Service, service_of_dag, services

log = logging.getLogger(__name__)


def own_services() -> list[Service]:
    """The services that RECSYS_CONFIG and RECSYS_ROOT name."""
    return services(config_path(), root_of(os.environ.get("RECSYS_ROOT"), os.environ), os.environ)


def make_dags(make: Callable[[Service], None]) -> None:
    """Make a DAG for each service; one that cannot be made keeps no other one away.

    An import error would: Airflow schedules no DAG of such a file. So of several services, ``recsys_services.py`` tells
    which of them are refused, and why.

    Raises:
        ConfigError: there is only one service, and its DAG cannot be made.
    """
    every = own_services()
    for service in every:
        if not (problem := problem_of(service)):
            make(service)
        elif len(every) == 1:
            raise ConfigError(problem)


def problem_of(service: Service) -> str:
    """Why a service has no DAGs; empty where it has."""
    if service.problem:
        return service.problem
    if isinstance(service.root, Path) and not service.root.is_absolute():
        said = f"RECSYS_ROOT is {service.root}, which every task would look for in a folder of its own."
        return f"{said} Set it to an absolute path, or to the address of a bucket."
    try:
        schedule_of(service)
    except ConfigError as error:
        return str(error)
    unknown = sorted(name for name in resources_of(service).executors() if not _is_executor(name))
    said = f"{service.config}: [tasks] names {', '.join(unknown)}, which [core] executor of this Airflow does not."
    return f"{said} Add it there, or name one of those." if unknown else ""


def schedule_of(service: Service) -> Any:
    """The business days of the service, without an end or until the last scheduled day.

    From the table ``[schedule]`` alone: a slip in another table fails a task, with an alert, where it would make the
    whole DAG vanish.

    Raises:
        ConfigError: the file is missing or not TOML, or a field of the table is wrong.
    """
    table = _schedule_table(service)
    last = table.end_date.isoformat() if table.end_date else ""
    if not table.days.is_default:
        return BusinessDaily(table.timezone, table.day_starts_at, last)
    return DailyUntil(last) if last else CronDataIntervalTimetable("0 0 * * *", timezone="UTC")


def days_of(service: Service) -> BusinessDays:
    """Which instants belong to which date of a service, from the table ``[schedule]`` alone.

    Raises:
        ConfigError: the file is missing or not TOML, or a field of the table is wrong.
    """
    return _schedule_table(service).days


def _schedule_table(service: Service) -> ScheduleConfig:
    return load_table(service.config, "schedule", ScheduleConfig) if service.config else ScheduleConfig()


def use_resources(dag: DAG, service: Service) -> None:
    """Let the tasks of a DAG run where the table ``[tasks]`` says."""
    resources = resources_of(service)
    for task in dag.tasks:
        for name, value in resources.of(task.task_id).items():
            setattr(task, name, value)


def resources_of(service: Service) -> TasksConfig:
    """The table ``[tasks]``; a slip in it fails every task that reads the whole file, the first of a run among them."""
    try:
        return load_table(service.config, "tasks", TasksConfig) if service.config else TasksConfig()
    except ConfigError as error:
        log.warning("The tasks run where they run by default. %s", error)
        return TasksConfig()


def live_index(service: Service) -> Asset:
    """The asset whose events tell of new releases."""
    return Asset(service.asset, uri=service.asset_uri)


def delivers(service: Service) -> bool:
    """Whether a service delivers products; where its table cannot be read, the DAG is there to say why."""
    try:
        return bool(service.config and load_table(service.config, "deliver", DeliverConfig).products)
    except ConfigError as error:
        log.warning("Nothing can be delivered. %s", error)
        return True


def delivered(service: Service) -> Asset:
    """The asset whose events tell that products of a release went out."""
    return Asset(service.delivered_asset, uri=service.delivered_asset_uri)


def owed_alerts(service: Service) -> Asset:
    """The asset whose events say that alerts wait in the outbox; each of them starts the DAG that delivers."""
    return Asset(service.alert_asset, uri=service.alert_asset_uri)


def service_of(dag_run: Any) -> Service:
    """The service that a run works for.

    Raises:
        ConfigError: its configuration is gone, or cannot be read.
    """
    every = own_services()
    found = service_of_dag(dag_run.dag_id, every)
    if found is None:
        problems = " ".join(service.problem for service in every if service.problem)
        raise ConfigError(f"No service of RECSYS_CONFIG makes the DAG {dag_run.dag_id}. {problems}".rstrip())
    return found


def this_service() -> Service:
    """The service that the running task works for.

    Raises:
        AirflowFailException: its configuration is gone, or cannot be read.
    """
    try:
        return service_of(get_current_context()["dag_run"])
    except ConfigError as error:
        raise AirflowFailException(f"ConfigError: {error}") from None


def root_with_access(service: Service) -> Root | None:
    """The root of a service; that of a bucket with what its connection in Airflow, where there is one, says.

    Without one, the environment of the worker opens the bucket. No DAG file asks for it while it is read.
    """
    if not isinstance(service.root, Bucket):
        return service.root
    try:
        found = BaseHook.get_connection(service.store_connection)
    except AirflowNotFoundException:
        return service.root
    options = connection_options(service.root.url, found.login, found.password, found.host, found.extra_dejson)
    return service.root.given(options)


def config_path() -> Path | None:
    """What ``RECSYS_CONFIG`` names; None where it is not set."""
    value = os.environ.get("RECSYS_CONFIG")
    return Path(value) if value else None


def _is_executor(name: str) -> bool:
    if conf.getboolean("core", "multi_team", fallback=False):
        return True  # a team's own executors are known to Airflow alone, which looks at them itself
    from airflow.exceptions import UnknownExecutorException
    from airflow.executors.executor_loader import ExecutorLoader

    try:
        ExecutorLoader.lookup_executor_name_by_str(name)
    except UnknownExecutorException:
        return False
    return True
