"""What came of each plan, beside the same dates run on one disk in one process."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

from settings import SIGNED, artefacts_of, config

from benchmarks.object_server import ObjectServer
from recsys_tasks.demo.supervisor import RunningAirflow
from recsys_tasks.release.releases import Releases
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.copying import copy_store
from recsys_tasks.steps.whole_day import run_day
from recsys_tasks.storage.posix import PosixStore
from workers.playing import Orders, dag_of

HEADS = ("dates", "runs", "tasks by machine", "tries", "files", "differing", "releases", "last candidate")


def report(folder: Path, airflow: RunningAirflow, server: ObjectServer, orders: Orders) -> int:
    """Print what came of each service beside a reference on one disk; 1 where a byte differs."""
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    wrong = False
    for name in orders:
        copy_store(server.bucket(f"workers/{name}", folder / "cache"), folder / f"{name}-copy", now(), lambda _: None)
        reference = Workplace(
            PosixStore(folder / f"{name}-reference"), config(), airflow.environment["RECSYS_SOURCE_DSN"]
        )
        for day in orders[name]:
            run_day(reference, day, SIGNED, now)
        differing = differing_files(folder / f"{name}-copy", folder / f"{name}-reference")
        copied, expected = (entries(folder / f"{name}-{kind}") for kind in ("copy", "reference"))
        wrong |= bool(differing) or copied != expected
        stored = (len(artefacts_of(folder / f"{name}-copy")), len(differing), len(copied), copied[-1][2][:16])
        print(
            f"| {' | '.join(map(str, (name, *run_figures(airflow, dag_of(name)), *stored)))} |",
            *differing[:5],
            sep="\n  ",
        )
    return int(wrong)


def differing_files(first: Path, second: Path) -> list[str]:
    """Names of the stored files that two stores do not have alike."""
    one, other = artefacts_of(first), artefacts_of(second)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def entries(store: Path) -> list[tuple[str, date, str]]:
    """What was published: kind, date and candidate of each entry of the log."""
    return [(entry.kind, entry.day, entry.candidate) for entry in Releases(PosixStore(store)).log().entries]


def run_figures(airflow: RunningAirflow, dag: str) -> tuple[str, str, int]:
    """States of the runs, machines of the tasks, and all tries together."""
    tasks = airflow.api.task_instances(dag)
    states = Counter(run["state"] for run in airflow.api.runs(dag))
    hosts = Counter(task["hostname"] for task in tasks if task["hostname"])
    return in_words(states), in_words(hosts), sum(task["try_number"] for task in tasks)


def in_words(counted: Counter[str]) -> str:
    """Names with their numbers."""
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)
