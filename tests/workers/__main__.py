"""Days on two workers that share no disk, against the same days on one machine: the same bytes, or exit code 1.

Each worker has a network, a host name, processes and a disk of its own (Linux namespaces, so this needs root), and
reaches only the API server, the broker, the object store and the database of the source. One day, then five dates
forwards; five dates backwards; and a day in each of whose tasks the machine loses its power.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is first imported

from settings import TOML

from benchmarks.object_server import BUCKET, ObjectServer, shared_server
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.demo.guarded import Program, ending_in_order
from recsys_tasks.demo.supervisor import RunningAirflow, running_airflow
from workers.comparing import report
from workers.doors import serve_here
from workers.executors import EXECUTORS, Executor, redis
from workers.machine import Machine
from workers.playing import ORDERS, Orders, days_of, play

NAMES = ("worker-1", "worker-2")


@dataclass(frozen=True)
class Ground:
    """What runs until the end."""

    airflow: RunningAirflow
    machines: dict[str, Machine]
    server: ObjectServer


def main() -> int:
    """Run all of it; 0 where every store has the bytes of its reference."""
    parser = argparse.ArgumentParser(prog="scripts/workers_check", description=__doc__)
    parser.add_argument("plans", nargs="*", metavar="PLAN", help=f"of {', '.join(ORDERS)}; all by default")
    parser.add_argument("--dates", type=int, default=5, choices=range(1, 6), help="of each backfill (default 5)")
    parser.add_argument("--executor", default="celery", choices=EXECUTORS, help="whose workers (default celery)")
    args = parser.parse_args()
    if unknown := set(args.plans) - set(ORDERS):
        parser.error(f"there is no plan {', '.join(sorted(unknown))}")
    if os.geteuid() or not shutil.which("redis-server"):
        print("This needs root, for namespaces, and redis-server (apt-get install redis-server).", file=sys.stderr)
        return 2
    with ending_in_order():
        try:
            return check({name: days_of(name, args.dates) for name in args.plans or ORDERS}, EXECUTORS[args.executor])
        except RecsysError as error:
            print(f"workers_check: {error}", file=sys.stderr)
            return 1


def check(orders: Orders, executor: Executor) -> int:
    """Run the plans, and compare; 1 where a byte differs."""
    folder = Path(tempfile.mkdtemp(prefix="recsys-workers-"))
    folder.chmod(0o711)  # PostgreSQL's own account must be able to enter
    try:
        with everything(folder, orders, executor) as ground:
            play(ground.airflow, ground.machines, orders, say)
            return report(folder, ground.airflow, ground.server, orders)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def everything(folder: Path, orders: Orders, executor: Executor) -> Iterator[Ground]:
    """Servers, Airflow and two machines, until the end."""
    server, home, doors, configs = shared_server(), folder / "home", folder / "doors", folder / "services"
    for each in (doors, configs):
        each.mkdir()
    for name, days in orders.items():
        (configs / f"{name}.toml").write_text(f"{TOML}[schedule]\nend_date = {days[0]}\n")
    world = Program("world", [sys.executable, "-m", "recsys_tasks", "world", "make", "--preset", "small"])
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "RECSYS"))}
    with ExitStack() as stack:
        broker = stack.enter_context(redis(folder)) if executor.has_broker else 0
        given = surroundings(home, configs, server) | dict(executor.of_all(broker))
        airflow = stack.enter_context(running_airflow(home, given, base=outside, beside=[world], say=say))
        ports = [*filter(None, [broker]), *(urlsplit(url).port or 0 for url in (airflow.url, server.endpoint))]
        threading.Thread(target=lambda: asyncio.run(serve_here(doors, ports)), daemon=True).start()
        environment = {
            **airflow.environment,
            **executor.of_workers(airflow.url),
            **sources(airflow, orders),
            "PYTHONPATH": search_path(airflow),
        }
        machines = {
            name: Machine(name, home / "airflow", doors, ports, executor.worker(name), environment) for name in NAMES
        }
        for machine in machines.values():
            stack.callback(machine.kill)
            machine.start()
        airflow.wait_until(lambda: all(executor.ready in m.log for m in machines.values()), 600, "the workers")
        yield Ground(airflow, machines, server)


def surroundings(home: Path, configs: Path, server: ObjectServer) -> dict[str, str]:
    """What all processes of Airflow are told, on whatever machine and executor."""
    return {
        **server.environment,
        "RECSYS_CONFIG": str(configs),
        "RECSYS_ROOT": f"s3://{BUCKET}/workers",
        "RECSYS_CACHE": str(home / "airflow" / "cache"),  # on the disk that each machine has for itself
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


def say(line: str) -> None:
    """Tell how far it is, with the time."""
    print(f"{datetime.now(UTC):%H:%M:%S}  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
