"""Days on two Celery workers that share no disk, against the same days on one machine: the same bytes, or exit code 1.

Each worker has a network, a host name, processes and a disk of its own (Linux namespaces, so this needs root), and
reaches only the API server, Redis, the object store and the database of the source. One day, then five dates forwards;
five dates backwards; and a day in each of whose tasks the machine loses its power.
"""

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is first imported

from settings import SIGNED, TOML, artefacts_of, config

from benchmarks.object_server import BUCKET, ObjectServer, shared_server
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.core.installation import TASKS as EVERY_TASK
from recsys_tasks.demo.airflow_api import ApiRefused
from recsys_tasks.demo.guarded import Program
from recsys_tasks.demo.supervisor import RunningAirflow, running_airflow
from recsys_tasks.release.releases import Releases
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.copying import copy_store
from recsys_tasks.steps.whole_day import run_day
from recsys_tasks.storage.posix import PosixStore
from workers.doors import serve_here
from workers.machine import Machine

DAY, FIRST = date(2026, 1, 11), date(2026, 1, 12)
TASKS = tuple(name for name in EVERY_TASK[: EVERY_TASK.index("look")] if name != "alert")
"""Those of a day that is told to nobody, in their order."""
ORDERS = ("forwards", "backwards", "killed")
"""The plans; each is a service with a store of its own."""
Orders = dict[str, list[date]]
"""Plan -> its dates, in the order in which they run."""
SECONDS = 3600.0
"""The longest that the runs of a service may take on a busy machine."""


def main() -> int:
    """Run all of it; 0 where every store has the bytes of its reference."""
    parser = argparse.ArgumentParser(prog="scripts/workers_check", description=__doc__)
    parser.add_argument("plans", nargs="*", metavar="PLAN", help=f"of {', '.join(ORDERS)}; all by default")
    parser.add_argument("--dates", type=int, default=5, choices=range(1, 6), help="of each backfill (default 5)")
    args = parser.parse_args()
    if unknown := set(args.plans) - set(ORDERS):
        parser.error(f"there is no plan {', '.join(sorted(unknown))}")
    orders = {name: days_of(name, args.dates) for name in args.plans or ORDERS}
    if os.geteuid() or not shutil.which("redis-server"):
        print("This needs root, for namespaces, and redis-server (apt-get install redis-server).", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="recsys-workers-"))
    folder.chmod(0o711)  # PostgreSQL's own account must be able to enter
    try:
        with everything(folder, orders) as (airflow, machines, server):
            play(airflow, machines, orders)
            return report(folder, airflow, server, orders)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def everything(folder: Path, orders: Orders) -> Iterator[tuple[RunningAirflow, dict[str, Machine], ObjectServer]]:
    """Servers, Airflow and two machines, until the end."""
    server, home, doors, configs = shared_server(), folder / "home", folder / "doors", folder / "services"
    for each in (doors, configs):
        each.mkdir()
    for name, days in orders.items():
        (configs / f"{name}.toml").write_text(f"{TOML}[schedule]\nend_date = {days[0]}\n")
    world = Program("world", [sys.executable, "-m", "recsys_tasks", "world", "make", "--preset", "small"])
    with redis(folder) as broker:
        given = surroundings(home, configs, broker, server)
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "RECSYS"))}
        with running_airflow(home, given, base=outside, beside=[world], say=say) as airflow:
            ports = [broker, *(urlsplit(url).port or 0 for url in (airflow.url, server.endpoint))]
            threading.Thread(target=lambda: asyncio.run(serve_here(doors, ports)), daemon=True).start()
            environment = {**airflow.environment, **sources(airflow, orders), "PYTHONPATH": search_path(airflow)}
            names = ("worker-1", "worker-2")
            machines = {name: Machine(name, home / "airflow", doors, ports, environment) for name in names}
            try:
                for machine in machines.values():
                    machine.start()
                airflow.wait_until(lambda: all(" ready." in m.log for m in machines.values()), 600, "the workers")
                yield airflow, machines, server
            finally:
                for machine in machines.values():
                    machine.kill()


def surroundings(home: Path, configs: Path, broker: int, server: ObjectServer) -> dict[str, str]:
    """What all processes of Airflow are told, on whatever machine."""
    address = f"redis://127.0.0.1:{broker}/0"
    return {
        **server.environment,
        "RECSYS_CONFIG": str(configs),
        "RECSYS_ROOT": f"s3://{BUCKET}/workers",
        "RECSYS_CACHE": str(home / "airflow" / "cache"),  # on the disk that each machine has for itself
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": address,
        "AIRFLOW__CELERY__RESULT_BACKEND": address,
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",  # a busy machine needs more than the 30 s of Airflow
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",  # seconds until a killed task is missed
    }


def sources(airflow: RunningAirflow, orders: Orders) -> dict[str, str]:
    """The address of the source, which all services share."""
    address = airflow.environment["RECSYS_SOURCE_DSN"]
    return {f"RECSYS_SOURCE_DSN_{name.upper()}": address for name in orders}


def search_path(airflow: RunningAirflow) -> str:
    """Where a machine finds this package, too."""
    return os.pathsep.join([str(Path(__file__).parents[1]), airflow.environment["PYTHONPATH"]])


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """A Redis that keeps nothing; its port."""
    with socket.socket() as drawn:
        drawn.bind(("127.0.0.1", 0))
        port = drawn.getsockname()[1]
    words = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.terminate()


def days_of(plan: str, dates: int) -> list[date]:
    """The dates of a plan, in their order; dates: of its backfill."""
    after = [FIRST + timedelta(days=n) for n in range(dates)]
    return {"forwards": [DAY, *after], "backwards": after[::-1], "killed": [DAY]}[plan]


def play(airflow: RunningAirflow, machines: dict[str, Machine], orders: Orders) -> None:
    """All runs: those of two services beside each other, then those that are killed."""
    for name in orders:
        airflow.wait_until(lambda name=name: airflow.api.dag_is_known(dag_of(name)), 600, dag_of(name))
    if "backwards" in orders:
        days = orders["backwards"]
        backfill(airflow, "backwards", days[-1], days[0], run_backwards=True)
    if "forwards" in orders:
        backfill(airflow, "forwards", DAY, DAY)
        ended(airflow, "forwards", 1)
        backfill(airflow, "forwards", FIRST, orders["forwards"][-1])
    for name in orders.keys() & {"forwards", "backwards"}:
        ended(airflow, name, len(orders[name]))
    if "killed" in orders:
        backfill(airflow, "killed", DAY, DAY)
        for task in TASKS:
            say(f"killed in {task}: {kill_in(airflow, machines, task) or 'nobody, it was over too soon'}")
        ended(airflow, "killed", 1)


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


def ended(airflow: RunningAirflow, name: str, dates: int) -> None:
    """Wait until all runs of a service are there, one for each of so many dates, and none is left to do."""

    def over() -> bool:
        runs = airflow.api.runs(dag_of(name))
        return len(runs) == dates and all(run["state"] in {"success", "failed"} for run in runs)

    airflow.wait_until(over, SECONDS, f"the end of {name}")
    say(f"{name}: {[(run['logical_date'][:10], run['state']) for run in airflow.api.runs(dag_of(name))]}")


def kill_in(airflow: RunningAirflow, machines: dict[str, Machine], task: str) -> str:
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


def report(folder: Path, airflow: RunningAirflow, server: ObjectServer, orders: Orders) -> int:
    """Print what came of each service beside a reference on one disk; 1 where a byte differs."""
    print("| dates | runs | tasks by machine | tries | files | differing | releases |\n|---|---|---|---|---|---|---|")
    wrong = 0
    for name, days in orders.items():
        dag, root = dag_of(name), server.bucket(f"workers/{name}", folder / "cache")
        copy_store(root, folder / f"{name}-copy", datetime.now(UTC), lambda _: None)
        reference = Workplace(
            PosixStore(folder / f"{name}-reference"), config(), airflow.environment["RECSYS_SOURCE_DSN"]
        )
        for day in days:
            run_day(reference, day, SIGNED, lambda: datetime.now(UTC))
        found, expected = artefacts_of(folder / f"{name}-copy"), artefacts_of(folder / f"{name}-reference")
        differing = sorted(each for each in found.keys() | expected.keys() if found.get(each) != expected.get(each))
        logs = [Releases(PosixStore(folder / f"{name}-{kind}")).log() for kind in ("copy", "reference")]
        entries = [[(entry.kind, entry.day, entry.candidate) for entry in log.entries] for log in logs]
        wrong += bool(differing) or entries[0] != entries[1]
        tasks = airflow.api.task_instances(dag)
        states = Counter(run["state"] for run in airflow.api.runs(dag))
        hosts = Counter(task["hostname"] for task in tasks if task["hostname"])
        tries = sum(task["try_number"] for task in tasks)
        cells = (name, in_words(states), in_words(hosts), tries, len(found), len(differing), len(entries[0]))
        print(f"| {' | '.join(map(str, cells))} |", *differing[:5], sep="\n  ")
    return int(bool(wrong))


def in_words(counted: "Counter[str]") -> str:
    """Names with their numbers."""
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))


def say(line: str) -> None:
    """Tell how far it is, with the time."""
    print(f"{datetime.now(UTC):%H:%M:%S}  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
