"""Whether a change makes an ordinary day slower: this checkout and another one run the same days, in turns.

    git worktree add ../before main
    python -m benchmarks.before_and_after --other ../before [--size small|full] [--days 8]

Each of the two has a store of its own, and both read the same source. Their first run makes yesterday (all earlier
partitions, the matrix, a cold training, a release) and is not measured. Then they take turns, one process for each day,
and whoever went first on one day goes second on the next. The two need have nothing in common but the command line
(``python -m recsys_tasks run``), its environment, the TOML file and the form of the run records, from which the
seconds of each step are read. So all steps of a day share a process here, where Airflow gives each its own.

A ratio is this checkout's seconds over the other's on the same day; the table shows the median over the days and the
extremes. ``whole process`` is the day with the interpreter and the imports, ``CPU`` what the process itself spent of
processor time (the database's share is not in it), which says more on a machine that others use too. The two stores
are compared in the end, artefact by artefact (``same_arrays``): a ratio between two programs that did different
work would mean nothing. To learn the noise of a machine, name one checkout twice: ``--this X --other X``.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from benchmarks.harness import FULL, SMALL, Table, as_markdown, machine, touch_memory
from benchmarks.same_arrays import compare_stores
from benchmarks.source_day import server_with
from benchmarks.synthetic import FIRST, Service, service_of

HERE = Path(__file__).parents[1]
HISTORY_DAYS = 14
"""Days before the first measured one; the data checks compare a day with the seven before it."""
MEASURED_DAYS = 8
LEAST_DAYS = 3
"""With fewer, a median is no defence against a slow minute of the machine."""
DIVISORS = {SMALL: 200, FULL: 4}
"""The share of the whole service (``synthetic.service_of``)."""
TOUCHED_SHARE = 0.2
"""Share of the free memory that is touched before each run; a day at full size needs less than 3 GB."""
POLICY = f"""
[source]
history_start = {FIRST}
[catalogue]
table = "tracks"
[als]
weight = "log"
a = 2.0
regularization = 10.0
[evaluation]  # named: both checkouts hide the same listeners
salt = "recsys"
[gate]  # a synthetic day must pass on its first run: its noise is not the question
min_users = 100
margin = 0.5
"""
CATALOGUE = """CREATE TABLE tracks AS SELECT track_id, 'Title ' || track_id AS title,
    'Artist ' || track_id % 5000 AS artist, DATE '2026-01-01' AS released_on
    FROM (SELECT DISTINCT track_id FROM streams) AS played"""


@dataclass(frozen=True)
class Checkout:
    """A version of the code, and the store that it alone writes."""

    code: Path
    root: Path


@dataclass(frozen=True)
class DayRun:
    """What one run of a day took."""

    steps: Mapping[str, float]  # seconds by step, in the order in which they began
    process_seconds: float
    cpu_seconds: float
    megabytes: float  # of the step that needed most


@dataclass(frozen=True)
class Round:
    """The same day, run by both."""

    before: DayRun
    after: DayRun


def main() -> None:
    """Run the days of both checkouts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=Path, required=True, help="the checkout to compare with, usually the older one")
    parser.add_argument("--this", type=Path, default=HERE, help="the changed checkout, by default the one of this file")
    parser.add_argument("--size", choices=(SMALL, FULL), default=FULL)
    parser.add_argument("--days", type=int, default=MEASURED_DAYS, help="how many days both run, in turns")
    args = parser.parse_args()
    if args.days < LEAST_DAYS:
        parser.error(f"--days {args.days}: at least {LEAST_DAYS} are needed for a median")
    for code in (args.other, args.this):
        if not (code / "recsys_tasks").is_dir():
            parser.error(f"{code}: there is no recsys_tasks in it")
    service = service_of(DIVISORS[args.size], HISTORY_DAYS + args.days)
    with tempfile.TemporaryDirectory(prefix="recsys-before-after-") as folder:
        before, after = Checkout(args.other, Path(folder, "before")), Checkout(args.this, Path(folder, "after"))
        rounds = run_in_turns(service, before, after)
        different = [str(found) for found in compare_stores(before.root, after.root) if found.outcome != "equal"]
    print(as_markdown(table_of(service, args.size, rounds)))
    print("\n".join(different) if different else "Both stores hold the same arrays and tables.")
    print(machine())


def run_in_turns(service: Service, before: Checkout, after: Checkout) -> list[Round]:
    """Make yesterday in both stores, then run the days after it in turns."""
    rounds = []
    with server_with(service, range(service.days)) as dsn, tempfile.NamedTemporaryFile("w", suffix=".toml") as policy:
        add_catalogue(dsn)
        policy.write(POLICY)
        policy.flush()
        for number in range(HISTORY_DAYS - 1, service.days):
            runs = {}
            for checkout in (before, after) if number % 2 else (after, before):
                runs[checkout] = run_day(checkout, service.day(number).isoformat(), policy.name, dsn)
                name = checkout.root.name
                print(f"{service.day(number)} {name:7}{runs[checkout].process_seconds:7.2f} s", file=sys.stderr)
            rounds.append(Round(runs[before], runs[after]))
    return rounds[1:]


def add_catalogue(dsn: str) -> None:
    """Give every track of the source a title and an artist."""
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute(CATALOGUE)
    connection.close()


def run_day(checkout: Checkout, day: str, policy: str, dsn: str) -> DayRun:
    """Run a day by the command line, in a process of its own.

    Raises:
        RuntimeError: the day failed, or its candidate was not released.
    """
    checkout.root.mkdir(exist_ok=True)
    settings = {"RECSYS_ROOT": str(checkout.root), "RECSYS_CONFIG": policy, "RECSYS_SOURCE_DSN": dsn}
    environment = {**os.environ, **settings, "PYTHONPATH": str(checkout.code.resolve())}
    command = [sys.executable, "-m", "recsys_tasks", "run", "--date", day]
    touch_memory(TOUCHED_SHARE)
    cpu, began = children_seconds(), time.perf_counter()
    done = subprocess.run(command, cwd=checkout.code, env=environment, check=False, capture_output=True, text=True)
    seconds, cpu = time.perf_counter() - began, children_seconds() - cpu
    if done.returncode:
        raise RuntimeError(f"{checkout.code} did not release {day}:\n{done.stdout[-500:]}\n{done.stderr[-2000:]}")
    records = [json.loads(path.read_bytes()) for path in checkout.root.glob(f"runs/cli__{day}__*/*.json")]
    steps = {record["step"]: record["seconds"] for record in sorted(records, key=lambda each: each["began"])}
    return DayRun(steps, seconds, cpu, max(record["peak_megabytes"] for record in records))


def children_seconds() -> float:
    """Processor seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table_of(service: Service, size: str, rounds: Sequence[Round]) -> Table:
    """The seconds of each step and of the day, before and after."""
    steps = list(rounds[0].after.steps)
    rows = [row(step, rounds, lambda run, step=step: run.steps.get(step, 0.0)) for step in steps]
    rows += [
        row("all steps", rounds, lambda run: sum(run.steps.values())),
        row("whole process", rounds, lambda run: run.process_seconds),
        row("CPU", rounds, lambda run: run.cpu_seconds),
    ]
    before, after = (max(run.megabytes for run in runs) for runs in zip(*map(both, rounds), strict=True))
    about = (
        f"{len(rounds)} days in turns, of {service.streams_a_day:,} streams, {service.users:,} listeners and "
        f"{service.tracks:,} tracks, after {HISTORY_DAYS} days. Peak memory of a step: {before:,.0f} MB before, "
        f"{after:,.0f} MB after."
    )
    return Table("before_and_after", "An ordinary day before and after", size, about, (), extra=rows)


def both(of: Round) -> tuple[DayRun, DayRun]:
    """Its two runs."""
    return of.before, of.after


def row(name: str, rounds: Sequence[Round], seconds: Callable[[DayRun], float]) -> dict[str, str]:
    """A line of the table: medians of both, and the ratio of each round. A step that took no time has none."""
    before, after = [seconds(each.before) for each in rounds], [seconds(each.after) for each in rounds]
    ratios = sorted(ours / theirs for ours, theirs in zip(after, before, strict=True) if theirs)
    return {
        "step": name,
        "before": f"{statistics.median(before):.2f} s",
        "after": f"{statistics.median(after):.2f} s",
        "after / before": f"{statistics.median(ratios):.3f}" if ratios else "",
        "lowest to highest": f"{ratios[0]:.3f} to {ratios[-1]:.3f}" if ratios else "",
    }


if __name__ == "__main__":
    main()
