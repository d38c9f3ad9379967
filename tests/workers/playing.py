"""The runs: what is asked of Airflow, in which order, and which machine loses its power."""

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from recsys_tasks.core.errors import RecsysError
from recsys_tasks.core.installation import TASKS as EVERY_TASK
from recsys_tasks.demo.airflow_api import ApiRefused
from recsys_tasks.demo.supervisor import RunningAirflow, Say
from workers.machine import Machine

DAY, FIRST = date(2026, 1, 11), date(2026, 1, 12)
TASKS = tuple(name for name in EVERY_TASK[: EVERY_TASK.index("look")] if name != "alert")
"""Those of a day that is told to nobody, in their order."""
ORDERS = ("forwards", "backwards", "killed")
"""The plans; each is a service with a store of its own."""
Orders = Mapping[str, list[date]]
"""Plan -> its dates, in the order in which they run."""
SECONDS = 3600.0
"""The longest that the runs of a service may take on a busy machine."""


def days_of(plan: str, dates: int) -> list[date]:
    """The dates of a plan, in their order; dates: of its backfill."""
    after = [FIRST + timedelta(days=n) for n in range(dates)]
    return {"forwards": [DAY, *after], "backwards": after[::-1], "killed": [DAY]}[plan]


def play(airflow: RunningAirflow, machines: Mapping[str, Machine], orders: Orders, say: Say) -> None:
    """All runs: those of two services beside each other, then those that are killed."""
    for name in orders:
        airflow.wait_until(lambda name=name: airflow.api.dag_is_known(dag_of(name)), 600, dag_of(name))
    if "backwards" in orders:
        days = orders["backwards"]
        backfill(airflow, "backwards", days[-1], days[0], run_backwards=True)
    if "forwards" in orders:
        backfill(airflow, "forwards", DAY, DAY)
        ended(airflow, "forwards", 1, say)
        backfill(airflow, "forwards", FIRST, orders["forwards"][-1])
    for name in orders.keys() & {"forwards", "backwards"}:
        ended(airflow, name, len(orders[name]), say)
    if "killed" in orders:
        backfill(airflow, "killed", DAY, DAY)
        for task in TASKS:
            say(f"killed in {task}: {kill_in(airflow, machines, task) or 'nobody, it was over too soon'}")
        ended(airflow, "killed", 1, say)


def dag_of(name: str) -> str:
    """The DAG that makes the days of a service."""
    return f"daily_recommendations_{name}"


def backfill(airflow: RunningAirflow, name: str, first: date, last: date, **options: Any) -> None:
    """Ask for dates; the first time, before the schedule itself makes a run."""

    def begun() -> bool:
        try:
            airflow.api.create_backfill(dag_of(name), f"{first}T00:00:00Z", f"{last}T00:00:00Z", **options)
        except ApiRefused as error:
            if "409" in str(error):  # the scheduler ends the one before within half a minute
                return False
            raise
        return True

    airflow.wait_until(begun, 600, f"a backfill of {name}", pause_s=5)
    airflow.api.unpause(dag_of(name))


def ended(airflow: RunningAirflow, name: str, dates: int, say: Say) -> None:
    """Wait until all runs of a service are there, one for each of so many dates, and none is left to do."""

    def over() -> bool:
        runs = airflow.api.runs(dag_of(name))
        return len(runs) == dates and all(run["state"] in {"success", "failed"} for run in runs)

    airflow.wait_until(over, SECONDS, f"the end of {name}")
    say(f"{name}: {[(run['logical_date'][:10], run['state']) for run in airflow.api.runs(dag_of(name))]}")


def kill_in(airflow: RunningAirflow, machines: Mapping[str, Machine], task: str) -> str:
    """Kill the machine that does a task, and switch it on again; its name, or nothing where the task was over."""
    (run,) = airflow.api.runs(dag_of("killed"))
    path = f"/dags/{dag_of('killed')}/dagRuns/{run['dag_run_id']}/taskInstances/{task}"
    while True:
        with suppress(RecsysError):
            found = airflow.api.get(path)
            if found["state"] == "running" and found["hostname"] in machines:
                machine = machines[found["hostname"]]
                machine.kill()
                machine.start()
                return machine.name
            if found["state"] in {"success", "failed", "skipped", "upstream_failed"}:
                return ""
        time.sleep(0.05)
