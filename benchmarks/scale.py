"""An ordinary day of ten times the pairs of ``ordinary_day``, and of a tenth and a hundredth of it: time and memory.

    python -m benchmarks.scale --divisor 100 --divisor 10                # 6 and 60 million pairs
    nice -n 10 python -m benchmarks.scale --divisor 1 --folder /large    # 600 million: 20 GB of disk, an hour

Divisor 1 is a service of 10 million listeners, 3 million tracks and 20 million streams a day. A month of partitions is
written day by day, yesterday is folded, trained, built and published by the steps of the DAG, and then the day's steps
run, each in a process of its own. Nothing but the day's streams lies in the database, and no late day is read again.
Every training is of one iteration: that is what a warm day needs, and yesterday's only has to be there.

Seconds are of the clock, ``CPU`` is what the process spent of processor time (the database's share is not in it), which
says more on a machine that others use too. ``resident`` counts mapped pages of files, which the system takes back when
it needs them; ``anonymous`` is what it cannot: the memory that a machine must have. Growth is the exponent of a step's
CPU seconds between two sizes, the second ten times the first.

A smaller service than the whole one is no more than one slice: nothing of it lies in files without a name. It is
folded and trained once more with slices that are as much smaller as it is: then everything that grows with pairs,
listeners or tracks is in proportion to the whole service, and so is its memory beyond that of the libraries.

What no later step reads is removed between the steps, so that the largest size fits on a small disk: the source after
the extraction, older partitions and the cells of yesterday's matrix after the fold.
"""

import argparse
import math
import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.day_steps import alone
from benchmarks.our_steps import SIGNED, STEPS, policy, works
from benchmarks.source_day import server_with
from benchmarks.synthetic import Service, save_days
from recsys_tasks.core.memory import peak_megabytes, status_megabytes
from recsys_tasks.matrix.play_matrix import fold
from recsys_tasks.matrix.row_ranges import SLICE_PAIRS
from recsys_tasks.matrix.split import hold_out
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Parent, TrainingData
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps import Workplace, recorded
from recsys_tasks.steps.results import Result
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.scratch import scratch_in

DAYS = 31
WHOLE = Service(10_000_000, 3_000_000, 20_000_000, DAYS)
CHANGES: Mapping[str, dict[str, object]] = {"source": {"late_window_days": 0}, "als": {"max_iterations": 1}}
SLICED = ("fold, slices in proportion", "training, slices in proportion")
SAMPLED_S = 0.02
"""Seconds between two looks at the anonymous memory, of which the system keeps no peak."""


@dataclass(frozen=True)
class Cost:
    """What a step took."""

    step: str
    seconds: float
    cpu: float  # seconds, user and system
    resident: float  # megabytes at the most, mapped pages among them
    anonymous: float  # megabytes at the most

    def __str__(self) -> str:
        sizes = f"{self.resident:,.0f} MB resident, {self.anonymous:,.0f} MB anonymous"
        return f"{self.step}: {self.seconds:.1f} s, {self.cpu:.1f} s of CPU, {sizes}"


def main() -> None:
    """Run a day at each size that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--divisor", type=int, action="append", required=True, help="of the whole service; repeatable")
    parser.add_argument("--folder", type=Path, help="where the store lies while it is needed")
    asked = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    smaller: list[Cost] | None = None
    for divisor in asked.divisor:
        root = Path(tempfile.mkdtemp(prefix="recsys-scale-", dir=asked.folder))
        try:
            costs, pairs = a_day(root, divisor)
        finally:
            shutil.rmtree(root)
        print(as_table(costs, smaller, pairs), flush=True)
        smaller = costs


def service_of(divisor: int) -> Service:
    """So small a share of the whole service."""
    return Service(WHOLE.users // divisor, WHOLE.tracks // divisor, WHOLE.streams_a_day // divisor, DAYS)


def a_day(root: Path, divisor: int) -> tuple[list[Cost], int]:
    """The steps of the last day of a service after a finished yesterday, and the pairs of its matrix."""
    service = service_of(divisor)
    alone(save_days, PosixStore(root), service, range(DAYS - 1))
    print("the history is written", flush=True)
    run(root, service, DAYS - 2, STEPS[1:], "", {})
    results: dict[str, Any] = {}
    with server_with(service, [DAYS - 1]) as dsn:
        costs = run(root, service, DAYS - 1, STEPS[:1], dsn, results)
    costs += run(root, service, DAYS - 1, STEPS[1:3], "", results)
    if divisor == 1:
        forget_history(root, service)
    costs += run(root, service, DAYS - 1, STEPS[3:], "", results)
    if divisor > 1:
        costs += [alone(in_slices, step, root, service, SLICE_PAIRS // divisor) for step in SLICED]
    at = Workplace(PosixStore(root), policy(service, CHANGES), "")
    key = at.models.of(service.day(DAYS - 1))[0].key
    return costs, at.matrices.figures(key.day, key.matrix).pairs


def in_slices(step: str, root: Path, service: Service, pairs: int) -> Cost:
    """The fold or the training of the last day with slices of so many pairs; nothing is kept of it."""
    at, day = Workplace(PosixStore(root), policy(service, CHANGES), ""), service.day(DAYS - 1)
    mine, before = at.models.of(day)[0], at.models.of(day - timedelta(days=1))[0]
    key, als = mine.key, Als(at.config.als, slice_pairs=pairs)
    with measured(step) as costs, at.store.workspace() as folder:
        scratch = scratch_in(folder)
        if step == SLICED[0]:
            link, yesterday = (
                at.matrices.chain(day, key.matrix)[-1],
                at.matrices.load(before.key.day, before.key.matrix),
            )
            fold(yesterday, day, at.partitions.load(*link), link[1], scratch, pairs)
        else:
            matrix = at.matrices.load(day, key.matrix)
            training = hold_out(matrix, at.splits.load(day, str(key.split))).training
            component = als.open(arrays_of(at.models.load(before.key.day, before.digest)))
            parent = Parent(component, *at.matrices.vocabularies(before.key.day, before.key.matrix))
            als.fit(TrainingData(training, matrix.users, matrix.tracks, scratch=scratch), parent)
    print(costs[0], flush=True)
    return costs[0]


def run(
    root: Path, service: Service, number: int, steps: tuple[str, ...], dsn: str, results: dict[str, Any]
) -> list[Cost]:
    """Some steps of a day, each in a fresh process; ``results`` takes what each hands on."""
    costs = []
    for step in steps:
        results[step], cost = alone(one_step, step, root, dsn, service, number, results)
        print(f"{service.day(number)} {cost}", flush=True)
        costs.append(cost)
    return costs


def one_step(
    step: str, root: Path, dsn: str, service: Service, number: int, so_far: Mapping[str, Any]
) -> tuple[Result, Cost]:
    """One step with what those before it handed on."""
    at = Workplace(PosixStore(root), policy(service, CHANGES), dsn)
    work: Callable[[], Result] = works(at, service.day(number), so_far)[step]
    with (
        measured(step) as costs,
        recorded(at.store, str(number), step, SIGNED.by, lambda: datetime.now(UTC)) as record,
    ):
        result = work()
        record["result"] = result.to_json()
    return result, costs[0]


@contextmanager
def measured(step: str) -> Iterator[list[Cost]]:
    """A list that holds what the block took once it is over."""
    costs: list[Cost] = []
    begun, before = time.perf_counter(), cpu_seconds()
    with most_anonymous() as most:
        yield costs
    costs.append(Cost(step, time.perf_counter() - begun, cpu_seconds() - before, peak_megabytes(), most[0]))


def cpu_seconds() -> float:
    """What this process has spent of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def most_anonymous() -> Iterator[list[float]]:
    """A list whose one number is the most anonymous memory that was seen, in megabytes."""
    most, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLED_S):
            most[0] = max(most[0], status_megabytes("RssAnon") or 0.0)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield most
    finally:
        over.set()
        watching.join()


def forget_history(root: Path, service: Service) -> None:
    """Remove what no step after the fold reads: the counts of earlier dates, and the cells of earlier matrices."""
    newest = service.day(DAYS - 1).isoformat()
    earlier = [*root.glob("partitions/*/plays-*.parquet"), *root.glob("matrices/*/[ip]*.npy")]
    for file in earlier:
        if newest not in str(file):
            file.unlink()


def as_table(costs: list[Cost], smaller: list[Cost] | None, pairs: int) -> str:
    """The day as a table in Markdown, with the growth since a tenth of it."""
    rows = [f"An ordinary day of {pairs:,} pairs\n", "| step | s | CPU s | resident MB | anonymous MB | growth |"]
    rows.append("| --- | --- | --- | --- | --- | --- |")
    for place, cost in enumerate(costs):
        growth = f"{math.log10(cost.cpu / smaller[place].cpu):.2f}" if smaller and cost.cpu >= 1 else ""
        cells = cost.step, f"{cost.seconds:.1f}", f"{cost.cpu:.1f}", f"{cost.resident:,.0f}", f"{cost.anonymous:,.0f}"
        rows.append(f"| {' | '.join(cells)} | {growth} |")
    totals = [sum(cost.cpu for cost in day) for day in (costs, smaller or [])]
    grown = f", growth {math.log10(totals[0] / totals[1]):.2f}" if smaller else ""
    return "\n".join(
        [*rows, f"\nIn all {sum(cost.seconds for cost in costs):.0f} s, {totals[0]:.0f} s of CPU{grown}.\n"]
    )


if __name__ == "__main__":
    main()
