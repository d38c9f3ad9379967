"""A whole ordinary day, each step in a process of its own, against the pipeline as one would first write it.

    python -m benchmarks.ordinary_day [--size small|full]

The day is run through the steps of the DAG on a store that holds yesterday: partitions, matrix, model and a live
release, all made by the same steps; the source holds the day and those before it that are read again for late streams.
Peak memory is the process's own (interpreter and imports included). Growth is
the exponent of a step's seconds between two services, the second ten times the first in listeners, tracks, streams and
pairs: 1 is in proportion.

The naive pipeline (``naive_pipeline``) runs where its history fits. At the largest size it trains, builds and evaluates
on the matrix of that size, its 20 iterations reckoned from one and from three. Reading and counting, for which the rows
would have to fit into memory as Python's tuples, are reckoned from two smaller sizes by their own exponents, which are
1 at least: they look at every row. There is no one physical limit of a day: each step has its own, in its own question.
"""

import argparse
import math
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.harness import FULL, SMALL, Line, Table, keep
from benchmarks.naive_pipeline import chosen_of, naive_day, naive_rest
from benchmarks.source_day import server_with
from benchmarks.synthetic import Service, save_history
from recsys_tasks import steps
from recsys_tasks.config import Config
from recsys_tasks.memory import peak_megabytes
from recsys_tasks.play_matrix import day_counts, without_users
from recsys_tasks.steps import Signature, Workplace, recorded
from recsys_tasks.store import Store

T = TypeVar("T")
DAYS, LATE = 31, 3
SIZES = {SMALL: (400, 40), FULL: (10, 1)}  # the whole service divided by these
STEPS = ("extract_streams", "check_data", "increment_matrix", "train_als", "build_index", "evaluate", "gate", "publish")
STEPS += ("report", "retention")
RECKONED = "reckoned: reading and counting from two smaller sizes, training from 3 of its 20 iterations"
SIGNED = Signature("bench", "a benchmark", "2026-01-01T00:00:00+00:00")
GATE = {"min_users": 100, "margin": 0.5}


@dataclass(frozen=True)
class Taken:
    """What a step took."""

    step: str
    seconds: float
    megabytes: float


def main() -> None:
    """Run the day at two sizes, and the naive one where it fits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes of the steps, as the pipeline's own doors do
    smaller, larger = (service_of(divisor) for divisor in SIZES[size])
    reckoned = size == FULL
    first, _, _ = our_day(smaller)
    ours, sizes, rest = our_day(larger, and_theirs=reckoned)
    naive = [their_day(service) for service in ((service_of(100), smaller) if reckoned else (larger,))]
    theirs = [rest.get(pair[0].step) or _grown(*pair) for pair in zip(*naive, strict=True)] if reckoned else naive[0]
    lines = lines_of(ours, theirs, reckoned)
    faster = lines[1].seconds / lines[0].seconds
    most = max(taken.megabytes for taken in ours)
    met = f"asked for: at least 10x faster ({faster:.1f}x), at most 8 GB ({most / 1024:.1f} GB in the largest step)."
    about = (
        f"One day of {larger.streams_a_day:,} streams onto {sizes['pairs']:,} pairs of {sizes['users']:,} listeners "
        f"and {sizes['tracks']:,} tracks, {larger.tracks // DAYS:,} of these new; {DAYS - 1} days before it."
    )
    keep(Table("ordinary_day", "A whole ordinary day", size, about, lines, met, rows_of(first, ours, naive, theirs)))


def service_of(divisor: int) -> Service:
    """A service of so small a share of 1,000,000 listeners, 620,000 tracks and 60,000,000 pairs."""
    return Service(1_000_000 // divisor, 620_000 // divisor, 2_060_000 // divisor, DAYS)


def policy(service: Service) -> Config:
    """The policy of the benchmark: noise of a synthetic day is not what is asked about."""
    return service.config(gate=GATE)


def our_day(service: Service, and_theirs: bool = False) -> tuple[list[Taken], dict[str, Any], dict[str, Taken]]:
    """The day after a finished yesterday, step by step; the sizes of its matrix; the naive steps on it."""
    root = Path(tempfile.mkdtemp(prefix="recsys-day-"))
    try:
        with server_with(service, range(DAYS - 2 - LATE, DAYS)) as dsn:
            save_history(Store(root), service, DAYS - 1)
            run(root, dsn, service, DAYS - 2)
            taken = run(root, dsn, service, DAYS - 1)
        store, day = Store(root), service.day(DAYS - 1)
        digest = store.models_of(day)[0]["key"]["matrix"]
        theirs = alone(their_rest, root, service, digest) if and_theirs else []
        return taken, store.matrix_figures(day, digest), {each.step: each for each in theirs}
    finally:
        shutil.rmtree(root)


def run(root: Path, dsn: str, service: Service, number: int) -> list[Taken]:
    """All steps of a day, each in a fresh process; what each took."""
    results: dict[str, Any] = {}
    everything = []
    for step in STEPS:
        results[step], taken = alone(one_step, step, root, dsn, service, number, results)
        print(f"{service.day(number)} {taken}", flush=True)
        everything.append(taken)
    return everything


def alone(work: Callable[..., T], *args: Any) -> T:
    """What a function gives in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args).result()


def their_rest(root: Path, service: Service, digest: str) -> list[Taken]:
    """What the naive pipeline does when it has counted, on the newest stored matrix."""
    store = Store(root)
    matrix = store.load_matrix(service.day(DAYS - 1), digest)
    of_day = day_counts(store.load_partition(*matrix.chain[-1]), matrix.users, matrix.tracks)
    chosen = np.isin(np.arange(len(matrix.users)), chosen_of(np.flatnonzero(np.diff(of_day.indptr))))
    training, test = without_users(matrix.counts, of_day, chosen)
    return [Taken(*each) for each in naive_rest(training, test, policy(service), root)]


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
        return [Taken(*each) for each in alone(naive_day, dsn, day, policy(service), Path(folder))]


def exponent(smaller: Taken, larger: Taken) -> float:
    """Growth of a step over services of which the second is ten times the first."""
    return math.log10(max(larger.seconds, 1e-3) / max(smaller.seconds, 1e-3))


def _grown(smaller: Taken, larger: Taken) -> Taken:
    """A step ten times larger still, by its own exponents, its seconds in proportion at least."""
    memory = larger.megabytes**2 / max(smaller.megabytes, 1.0)
    return Taken(larger.step, larger.seconds * 10 ** max(1.0, exponent(smaller, larger)), memory)


def lines_of(ours: Sequence[Taken], theirs: Sequence[Taken], reckoned: bool) -> list[Line]:
    """Both days as lines: the sums of their steps, and the most memory of any."""
    names = ("ours, all steps", "naive pipeline")
    totals = [sum(taken.seconds for taken in day) for day in (ours, theirs)]
    notes = ("each step a process; memory of the largest", RECKONED if reckoned else "")
    days = zip(names, totals, (ours, theirs), notes, strict=True)
    return [
        Line(name, total, (total, total), total / totals[0], max(taken.megabytes for taken in day), note)
        for name, total, day, note in days
    ]


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
