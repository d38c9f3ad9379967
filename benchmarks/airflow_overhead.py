"""What Airflow adds to a day: from the run's being queued to its end, less the steps' own work, and where it goes.

    .venv/bin/python -m benchmarks.airflow_overhead [--size small]

A whole Airflow (LocalExecutor, PostgreSQL, one api-server) runs days of the small world, one after another. The steps'
own work is what they recorded under ``runs/``. There is no rival here, and the limit is the number of tasks: each one
is a new process that imports Airflow and parses the DAG file, about a second of one core, and waits for one turn of the
scheduler; twelve tasks, of which at most two run side by side.
"""

import argparse
import statistics
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.harness import FULL, SMALL, Table, keep
from benchmarks.passing_airflow import DAG_ID, SMALL_TOML, passing_airflow
from recsys_tasks.demo.supervisor import RunningAirflow
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.run_records import RunRecords

FIRST = date(2026, 1, 9)
DAYS = {SMALL: 2, FULL: 6}
WAIT_S = 600.0
GOAL_S = 30.0
END = "[schedule]\nend_date = 2026-01-08\n"  # or today's run would be scheduled
PARTS = {
    "waiting for the scheduler (before a task, scheduled to queued)": ("scheduled_when", "queued_when"),
    "waiting for the executor (queued to started)": ("queued_when", "start_date"),
}


def main() -> None:
    """Run the days and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(DAYS), default=FULL)
    size = parser.parse_args().size
    with passing_airflow(SMALL_TOML + END, ["--preset", "small"]) as airflow:
        airflow.api.unpause(DAG_ID)
        store = PosixStore(Path(airflow.environment["RECSYS_ROOT"]))
        days = [accounts(airflow, store, n) for n in range(DAYS[size] + 1)][1:]  # the first imports everything cold
    middle = {name: statistics.median(day[name] for day in days) for name in days[0]}
    added = [day["queued to ended"] - day["the steps' own work"] for day in days]
    rows = [{"where a day goes": name, "seconds, median": f"{value:.1f}"} for name, value in middle.items()]
    met = "met" if statistics.median(added) < GOAL_S else "missed"
    keep(
        Table(
            "airflow_overhead",
            "Airflow's overhead for the DAG",
            size,
            f"{len(days)} days of the small world through a real scheduler, after a first one that is not counted.",
            [],
            f"Overhead {statistics.median(added):.1f} s ({min(added):.1f} to {max(added):.1f}); goal: under "
            f"{GOAL_S:.0f} s, {met}.",
            rows,
        )
    )


def accounts(airflow: RunningAirflow, store: PosixStore, n: int) -> dict[str, float]:
    """Run a day; where its seconds went."""
    run_id, day = f"overhead-{n}", FIRST + timedelta(days=n)
    airflow.api.post(
        f"/dags/{DAG_ID}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": {"day": day.isoformat()}}
    )
    airflow.wait_until(lambda: _run(airflow, run_id)["state"] in ("success", "failed"), WAIT_S, run_id, pause_s=0.5)
    run, tasks = _run(airflow, run_id), airflow.api.task_instances(DAG_ID, run_id)
    if run["state"] != "success":
        raise SystemExit(f"{run_id} failed: {[task['task_id'] for task in tasks if task['state'] == 'failed']}")
    work = {record["step"]: float(record["seconds"]) for record in RunRecords(store).of_run(run_id)}
    began = [task for task in tasks if task["start_date"]]
    inside = sum(_between(task, "start_date", "end_date") for task in began) - sum(work.values())
    return {
        "queued to ended": _between(run, "queued_at", "end_date"),
        "the steps' own work": sum(work.values()),
        "inside the tasks, not ours (imports, parsing, XCom)": inside,
        **{name: sum(_between(task, *ends) for task in began) for name, ends in PARTS.items()},
    }


def _between(values: Mapping[str, Any], start: str, end: str) -> float:
    """Seconds from one instant to another; 0 where one is missing."""
    if not values.get(start) or not values.get(end):
        return 0.0
    first, last = (datetime.fromisoformat(values[name].replace("Z", "+00:00")) for name in (start, end))
    return (last - first).total_seconds()


def _run(airflow: RunningAirflow, run_id: str) -> dict[str, Any]:
    return airflow.api.get(f"/dags/{DAG_ID}/dagRuns/{run_id}")


if __name__ == "__main__":
    main()
