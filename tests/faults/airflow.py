"""Airflow's own processes killed in the middle of a run: the run ends well, and publishes once."""

import signal
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from time import monotonic, sleep

import psutil
from processes import guard_of
from settings import TOML

from benchmarks.passing_airflow import DAG_ID, passing_airflow
from faults.ground import Ground
from faults.invariants import violations
from faults.outcome import Outcome
from recsys_tasks.demo.airflow_api import ApiRefused
from recsys_tasks.demo.guarded import Component
from recsys_tasks.demo.supervisor import RunningAirflow
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

FIRST = date(2026, 1, 9)
DAYS = 8
KINDS = ("worker", "scheduler", "api-server", "dag-processor")
LONGEST_S = 600.0
LONGEST = "most seconds from the kill to the end"
STARTED = ("running", "success")
IMPATIENT = {  # a task whose process vanished is noticed after seconds, not after minutes
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
}


def airflow_kills(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """One day after the other; in each, one of Airflow's processes is killed while one of the tasks runs."""
    config = f"{TOML}[schedule]\nend_date = 2026-01-08\n"  # or today's run would be scheduled
    with passing_airflow(config, ["--preset", "small"], IMPATIENT) as airflow:
        airflow.api.unpause(DAG_ID)
        store = PosixStore(Path(airflow.environment["RECSYS_ROOT"]))
        for n in range(min(count, DAYS)):
            day, kind = FIRST + timedelta(days=n), KINDS[n % len(KINDS)]
            task = random.choice(["extract_streams", "train_als", "build_index", "publish"])
            body = {"dag_run_id": f"fault-{n}", "logical_date": None, "conf": {"day": day.isoformat()}}
            airflow.api.post(f"/dags/{DAG_ID}/dagRuns", body)
            _wait(lambda n=n, task=task: _states(airflow, n).get(task) in STARTED, f"{task} of {day}")
            sleep(random.uniform(0, 2))
            _kill(airflow, kind)
            began = monotonic()
            ended = _wait(lambda n=n: _ended(airflow, n), f"the end of {day}")
            longest = max(outcome.figures.get(LONGEST, 0), monotonic() - began)
            outcome.figures[LONGEST] = longest
            releases = [entry for entry in Releases(store).log().releases if entry.day == day]
            broken = violations(store) + [f"{len(releases)} releases of {day}"] * (len(releases) != 1)
            outcome.add(f"{kind} killed during {task}", broken + [f"the run {ended}"] * (ended != "success"))


def _kill(airflow: RunningAirflow, kind: str) -> None:
    """kill -9 of a component, which is then started again; or of a task's process, which is not."""
    name = "scheduler" if kind == "worker" else kind
    place = next(n for n, component in enumerate(airflow.components) if component.program.name == name)
    component = airflow.components[place]
    (program,) = psutil.Process(guard_of(component)).children()
    if kind == "worker":
        for child in program.children(recursive=True):
            if child.is_running() and not child.children() and child.ppid() != program.pid:
                child.send_signal(signal.SIGKILL)
        return
    program.kill()
    while component.exit_code() is None:
        sleep(0.05)
    airflow.components[place] = Component(component.program, airflow.environment, component.log)


def _states(airflow: RunningAirflow, n: int) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in airflow.api.task_instances(DAG_ID, f"fault-{n}")}


def _ended(airflow: RunningAirflow, n: int) -> str:
    """The state of a run that has ended; empty while it runs."""
    state = airflow.api.get(f"/dags/{DAG_ID}/dagRuns/fault-{n}")["state"]
    return state if state in ("success", "failed") else ""


def _wait(asked: Callable[[], str | bool], what: str) -> str:
    """Ask until there is an answer; an api-server that is just starting does not count."""
    deadline = monotonic() + LONGEST_S
    while monotonic() < deadline:
        try:
            if answer := asked():
                return str(answer)
        except ApiRefused:
            pass
        sleep(0.3)
    return f"{what} did not come about within {LONGEST_S:.0f} s"
