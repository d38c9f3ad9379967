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
import math
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.harness import FULL, SMALL, Line, Side, Table, keep, line, touch_memory
from benchmarks.naive_pipeline import STEPS as THEIR_STEPS
from benchmarks.naive_pipeline import NaiveRest, chosen_of, naive_day
from benchmarks.source_day import server_with
from benchmarks.synthetic import Service, save_history
from recsys_tasks import steps
from recsys_tasks.core.config import Config
from recsys_tasks.core.domain import Day
from recsys_tasks.core.memory import peak_megabytes
from recsys_tasks.matrix.play_matrix import day_counts, without_users
from recsys_tasks.steps import Signature, Workplace, recorded
from recsys_tasks.storage.store import Store

T = TypeVar("T")
DAYS, LATE = 31, 3
ROUNDS = {SMALL: 1, FULL: 2}
"""Ordinary days, the last ones of all."""
SIZES = {SMALL: (400, 40), FULL: (10, 1)}  # the whole service divided by these
STEPS = ("extract_streams", "check_data", "increment_matrix", "train_als", "build_index", "evaluate", "gate", "publish")
STEPS += ("report", "retention")
TURNS = dict(zip(("train_als", "build_index", "evaluate"), THEIR_STEPS[2:], strict=True))
"""Our step -> the naive one that comes right after it."""
RECKONED = "reckoned: reading and counting from two smaller sizes, training from 3 of its 20 iterations"
SIGNED = Signature("bench", "a benchmark", "2026-01-01T00:00:00+00:00")
GATE = {"min_users": 100, "margin": 0.5}


@dataclass(frozen=True)
class Taken:
    """What a step took."""

    step: str
    seconds: float
    megabytes: float


Steps = list[Taken]
_naive: list[NaiveRest] = []  # in the process of its own


def main() -> None:
    """Run the days at two sizes, and the naive ones where they fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes of the steps, as the pipeline's own doors do
    smaller, larger = (service_of(divisor) for divisor in SIZES[size])
    reckoned = size == FULL
    (first,), _, _ = our_days(smaller, 1)
    ours, rests, sizes = our_days(larger, ROUNDS[size], in_turns=reckoned)
    naive = [their_day(service) for service in ((service_of(100), smaller) if reckoned else (larger,))]
    reading = [_grown(*pair) for pair in zip(*naive, strict=True)][:2] if reckoned else naive[0]
    theirs = [reading + rest for rest in rests]
    both = lines_of(ours, theirs, reckoned)
    faster, most = both[1].ratio, both[0].megabytes / 1024
    met = f"asked for: at least 10x faster ({faster:.1f}x), at most 8 GB ({most:.1f} GB in the largest step)."
    about = (
        f"A day of {larger.streams_a_day:,} streams onto {sizes['pairs']:,} pairs of {sizes['users']:,} listeners "
        f"and {sizes['tracks']:,} tracks, {larger.tracks // DAYS:,} of these new; {DAYS - 1} days before it."
    )
    rows = rows_of(first, typical(ours), naive, typical(theirs))
    keep(Table("ordinary_day", "A whole ordinary day", size, about, both, met, rows))


def typical(days: Sequence[Steps]) -> Steps:
    """The median of each step, and the most memory that it took."""
    return [
        Taken(parts[0].step, statistics.median(p.seconds for p in parts), max(p.megabytes for p in parts))
        for parts in zip(*days, strict=True)
    ]


def service_of(divisor: int) -> Service:
    """A service of so small a share of 1,000,000 listeners, 620,000 tracks and 60,000,000 pairs."""
    return Service(1_000_000 // divisor, 620_000 // divisor, 2_060_000 // divisor, DAYS)


def policy(service: Service) -> Config:
    """The policy of the benchmark: noise of a synthetic day is not what is asked about."""
    return service.config(gate=GATE)


def our_days(service: Service, rounds: int, in_turns: bool = False) -> tuple[list[Steps], list[Steps], dict[str, Any]]:
    """The last days after a finished yesterday, step by step; the naive steps in turn with ours; the matrix's sizes."""
    root, yesterday = Path(tempfile.mkdtemp(prefix="recsys-day-")), DAYS - 1 - rounds
    ours, theirs = [], []
    try:
        with server_with(service, range(yesterday - LATE, DAYS)) as dsn:
            save_history(Store(root), service, yesterday + 1)
            run(root, dsn, service, yesterday)
            for number in range(yesterday + 1, DAYS):
                with naive_beside(root, service, number) as naive:
                    taken, rest = run(root, dsn, service, number, naive if in_turns else None)
                ours.append(taken)
                theirs.append(rest)
        store, day = Store(root), service.day(DAYS - 1)
        return ours, theirs, store.matrix_figures(day, store.models_of(day)[0]["key"]["matrix"])
    finally:
        shutil.rmtree(root)


def run(
    root: Path, dsn: str, service: Service, number: int, naive: ProcessPoolExecutor | None = None
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


@contextmanager
def naive_beside(root: Path, service: Service, number: int) -> Iterator[ProcessPoolExecutor]:
    """The process of the naive pipeline, which loads the day's stored matrix when it is first asked for a step."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=begin_naive, initargs=(root, service, number)) as process:
        yield process


def begin_naive(root: Path, service: Service, number: int) -> None:
    """What the naive pipeline has when it has counted, from the matrix that our model was trained on."""
    store, day = Store(root), service.day(number)
    matrix = store.load_matrix(day, store.models_of(day)[0]["key"]["matrix"])
    of_day = day_counts(store.load_partition(*matrix.chain[-1]), matrix.users, matrix.tracks)
    chosen = np.isin(np.arange(len(matrix.users)), chosen_of(np.flatnonzero(np.diff(of_day.indptr))))
    _naive.append(NaiveRest(*without_users(matrix.counts, of_day, chosen), policy(service), root))


def naive_step(step: str) -> Taken:
    """One of the naive pipeline's steps."""
    touch_memory()
    return Taken(*_naive[-1].step(step))


def alone(work: Callable[..., T], *args: Any) -> T:
    """What a function gives in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args).result()


def one_step(
    step: str, root: Path, dsn: str, service: Service, number: int, so_far: dict[str, Any]
) -> tuple[Any, Taken]:
    """One step with what those before it handed on; its result, and what it took."""
    at, day = Workplace(Store(root), policy(service), dsn), service.day(number)
    handed = {
        "extract_streams": (),
        "check_data": (SIGNED,),
        "increment_matrix": (),
        "train_als": (so_far.get("increment_matrix", {}).get("matrix"),),
        "build_index": (so_far.get("train_als", {}).get("model"),),
        "evaluate": (so_far.get("build_index", {}).get("candidate"),),
        "gate": (so_far.get("evaluate", {}).get("judgement"),),
        "publish": (so_far.get("build_index", {}).get("candidate"), SIGNED),
        "report": (so_far.get("evaluate", {}).get("judgement"),),
    }
    touch_memory()
    begun = time.perf_counter()
    with recorded(at.store, str(number), step, SIGNED.by, lambda: datetime.now(UTC)) as record:
        if step == "retention":
            record["result"] = steps.retain(at, datetime.now(UTC))
        else:
            work = steps.write_report if step == "report" else getattr(steps, step)
            record["result"] = work(at, day, *handed[step])
    return record["result"], Taken(step, time.perf_counter() - begun, peak_megabytes())


def their_day(service: Service) -> list[Taken]:
    """The naive pipeline on the same day, with its whole history in the source, in one fresh process."""
    with server_with(service, range(DAYS)) as dsn, tempfile.TemporaryDirectory() as folder:
        day = service.day(DAYS - 1)
        return [Taken(*each) for each in alone(whole_naive_day, dsn, day, policy(service), Path(folder))]


def whole_naive_day(dsn: str, day: Day, config: Config, folder: Path) -> list[tuple[str, float, float]]:
    """The naive pipeline, after a touch of the memory."""
    touch_memory()
    return naive_day(dsn, day, config, folder)


def exponent(smaller: Taken, larger: Taken) -> float:
    """Growth of a step over services of which the second is ten times the first."""
    return math.log10(max(larger.seconds, 1e-3) / max(smaller.seconds, 1e-3))


def _grown(smaller: Taken, larger: Taken) -> Taken:
    """A step ten times larger still, by its own exponents, its seconds in proportion at least."""
    memory = larger.megabytes**2 / max(smaller.megabytes, 1.0)
    return Taken(larger.step, larger.seconds * 10 ** max(1.0, exponent(smaller, larger)), memory)


def lines_of(ours: Sequence[Steps], theirs: Sequence[Steps], reckoned: bool) -> list[Line]:
    """Both sides' days as lines: the sums of their steps, and the most memory of any."""
    sides = (
        Side("ours, all steps", note="each step a process; memory of the largest", work=len),
        Side("naive pipeline", note=RECKONED if reckoned else "", work=len),
    )
    totals = [[sum(taken.seconds for taken in day) for day in days] for days in (ours, theirs)]
    peaks = [max(taken.megabytes for day in days for taken in day) for days in (ours, theirs)]
    return [line(side, total, totals[0], peak) for side, total, peak in zip(sides, totals, peaks, strict=True)]


def rows_of(
    first: Sequence[Taken], ours: Sequence[Taken], naive: Sequence[Sequence[Taken]], theirs: Sequence[Taken]
) -> list[dict[str, str]]:
    """The second table: each step at both sizes, and the naive steps below."""
    pairs = [(small, large, "") for small, large in zip(first, ours, strict=True)]
    if len(naive) > 1:
        pairs += [(small, large, "naive: ") for small, large in zip(naive[-1], theirs, strict=True)]
    rows = [
        {
            "step": f"{prefix}{large.step}",
            "seconds": f"{large.seconds:.2f}",
            "peak memory": f"{large.megabytes:,.0f} MB",
            "seconds at a tenth": f"{small.seconds:.2f}",
            "growth": f"{exponent(small, large):.2f}" if large.seconds >= 0.1 else "",
        }
        for small, large, prefix in pairs
    ]
    if len(naive) == 1:
        plain = {"seconds at a tenth": "", "growth": ""}
        rows += [
            {
                "step": f"naive: {taken.step}",
                "seconds": f"{taken.seconds:.2f}",
                "peak memory": f"{taken.megabytes:,.0f} MB",
            }
            | plain
            for taken in naive[0]
        ]
    return rows


if __name__ == "__main__":
    main()
