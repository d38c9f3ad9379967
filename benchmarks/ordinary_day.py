"""A whole ordinary day, each step in a process of its own, against the pipeline as one would first write it.

    python -m benchmarks.ordinary_day [--size small|full]

The day is run through the steps of the DAG on a store that holds yesterday: partitions, matrix, model and a live
release, all made by the same steps; the source holds the day and those before it that are read again for late streams.
Peak memory is the process's own (interpreter and imports included). Growth is
the exponent of a step's seconds between two services, the second ten times the first in listeners, tracks, streams and
pairs: 1 is in proportion.

The naive pipeline (``naive_pipeline``) runs where its history fits. At the largest size two days are run, and on the
matrix of each it trains, builds and evaluates right after our step that does the same, so that a slow minute of the
machine moves both; its 20 iterations are reckoned from one and from three. Reading and counting, for which the rows
would have to fit into memory as Python's tuples, are reckoned from two smaller sizes by their own exponents, which are
1 at least: they look at every row. There is no one physical limit of a day: each step has its own, in its own question.

A virtual machine may take two seconds to give a gigabyte that nobody had lately: half of what is free is touched before
each step of either side. What the naive pipeline reads beyond that it gets as it comes.
"""

import argparse
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.day_steps import Steps, alone, grown, lines_of, rows_of, typical
from benchmarks.harness import FULL, SMALL, Table, keep
from benchmarks.naive_pipeline import STEPS as THEIR_STEPS
from benchmarks.naive_processes import naive_beside, naive_step, their_day
from benchmarks.our_steps import DAYS, LATE, STEPS, one_step
from benchmarks.source_day import server_with
from benchmarks.synthetic import Service, save_history, service_of
from recsys_tasks.core.roots import Root
from recsys_tasks.matrix.play_matrix import MatrixFigures
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import Models
from recsys_tasks.storage.posix import PosixStore

ROUNDS = {SMALL: 1, FULL: 2}
"""Ordinary days, the last ones of all."""
SIZES = {SMALL: (400, 40), FULL: (10, 1)}  # the whole service divided by these
TURNS = dict(zip(("train_als", "build_index", "evaluate"), THEIR_STEPS[2:], strict=True))
"""Our step -> the naive one that comes right after it."""


def main() -> None:
    """Run the days at two sizes, and the naive ones where they fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes of the steps, as the pipeline's own doors do
    smaller, larger = (service_of(divisor, DAYS) for divisor in SIZES[size])
    reckoned = size == FULL
    (first,), _, _ = our_days(smaller, 1)
    ours, rests, sizes = our_days(larger, ROUNDS[size], in_turns=reckoned)
    naive = [their_day(service) for service in ((service_of(100, DAYS), smaller) if reckoned else (larger,))]
    reading = [grown(*pair) for pair in zip(*naive, strict=True)][:2] if reckoned else naive[0]
    theirs = [reading + rest for rest in rests]
    both = lines_of(ours, theirs, reckoned)
    faster, most = both[1].ratio, both[0].megabytes / 1024
    met = f"asked for: at least 10x faster ({faster:.1f}x), at most 8 GB ({most:.1f} GB in the largest step)."
    about = (
        f"A day of {larger.streams_a_day:,} streams onto {sizes.pairs:,} pairs of {sizes.users:,} listeners "
        f"and {sizes.tracks:,} tracks, {larger.tracks // DAYS:,} of these new; {DAYS - 1} days before it."
    )
    rows = rows_of(first, typical(ours), naive, typical(theirs))
    keep(Table("ordinary_day", "A whole ordinary day", size, about, both, met, rows))


def our_days(service: Service, rounds: int, in_turns: bool = False) -> tuple[list[Steps], list[Steps], MatrixFigures]:
    """The last days after a finished yesterday, step by step; the naive steps in turn with ours; the matrix's sizes."""
    root, yesterday = Path(tempfile.mkdtemp(prefix="recsys-day-")), DAYS - 1 - rounds
    ours, theirs = [], []
    try:
        with server_with(service, range(yesterday - LATE, DAYS)) as dsn:
            save_history(PosixStore(root), service, yesterday + 1)
            run(root, dsn, service, yesterday)
            for number in range(yesterday + 1, DAYS):
                with naive_beside(root, service, number) as naive:
                    taken, rest = run(root, dsn, service, number, naive if in_turns else None)
                ours.append(taken)
                theirs.append(rest)
        store, day = PosixStore(root), service.day(DAYS - 1)
        return ours, theirs, Matrices(store).figures(day, Models(store).of(day)[0].key.matrix)
    finally:
        shutil.rmtree(root)


def run(
    root: Root, dsn: str, service: Service, number: int, naive: ProcessPoolExecutor | None = None
) -> tuple[Steps, Steps]:
    """All steps of a day, each in a fresh process; what each took, and what those of the naive pipeline took."""
    results: dict[str, Any] = {}
    ours, theirs = [], []
    for step in STEPS:
        results[step], taken = alone(one_step, step, root, dsn, service, number, results)
        print(f"{service.day(number)} {taken}", flush=True)
        ours.append(taken)
        if naive is not None and step in TURNS:
            theirs.append(naive.submit(naive_step, TURNS[step]).result())
            print(f"{service.day(number)} naive: {theirs[-1]}", flush=True)
    return ours, theirs


if __name__ == "__main__":
    main()
