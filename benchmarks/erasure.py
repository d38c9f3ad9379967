"""What it costs to forget people: 1,000 of a million listeners, out of a month of partitions and the releases kept.

    python -m benchmarks.erasure [--size small|full] [--people 1000] [--releases 2] [--days 31]

A store is made of synthetic days, with matrices, models and releases of the last ones by the steps of the pipeline
(the models of one iteration: what they have learnt does not matter here). Then people are asked for, and timed is what
the next run does because of them: partitions rewritten, releases rewritten, artefacts removed and every file searched
(``retention``); the fold of all dates instead of one; and an iteration of the cold start, of which there are twelve to
twenty. The second search, which confirms, comes with the run after it.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

from benchmarks.harness import FULL, SMALL
from benchmarks.synthetic import Service, save_days, save_history, service_of
from recsys_tasks import steps
from recsys_tasks.core.memory import peak_megabytes
from recsys_tasks.partitions.suppression import ERASE
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Signature, Workplace
from recsys_tasks.steps.suppress import ask_to_suppress, rewrite_partitions
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.search import every_file

SIZES = {SMALL: 40, FULL: 1}
"""The whole service divided by this."""
SIGNED = Signature("bench", "a benchmark", "2026-01-01T00:00:00+00:00")
T = TypeVar("T")


def main() -> None:
    """Make the store, ask for the people, and print what each part took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--releases", type=int, default=2)
    parser.add_argument("--days", type=int, default=31)
    args = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    service, root = service_of(SIZES[args.size], args.days), Path(tempfile.mkdtemp(prefix="recsys-erasure-"))
    try:
        at = Workplace(PosixStore(root), service.config(als={"max_iterations": 1}, evaluation={"salt": "recsys"}))
        last = args.days - 1
        before = last - args.releases
        save_history(at.store, service, before)
        for number in range(before, last):
            _released(at, service, number)
        _timed("asking", lambda: _asked(at, args.people))
        _told(at, "before")
        now = datetime.now(UTC)
        _timed("partitions rewritten", lambda: rewrite_partitions(at))
        save_days(at.store, service, [last])
        split = _timed("fold of all dates", lambda: steps.increment_matrix(at, service.day(last)).split)
        _timed("one iteration of the cold start", lambda: steps.train_als(at, service.day(last), split))
        _timed("retention: rewritten, removed, searched", lambda: steps.retain(at, now))
        evidence = at.erasures.evidence(1)
        print(f"{evidence.searched}; {len(evidence.acts)} acts")
        _told(at, "after")
        _timed("retention: the search that confirms", lambda: steps.retain(at, now))
        print(f"not confirmed: {len(at.suppressions.open_people())}; peak {peak_megabytes():,.0f} MB")
    finally:
        shutil.rmtree(root)


def _released(at: Workplace, service: Service, number: int) -> None:
    """A day from its partition to a release, whatever the gate says of it."""
    day = service.day(number)
    save_days(at.store, service, [number])
    model = steps.train_als(at, day, steps.increment_matrix(at, day).split).model
    candidate = steps.build_index(at, day, model).candidate
    steps.gate(at, day, steps.evaluate(at, day, candidate).judgement)
    print(steps.release_candidate(at, candidate, SIGNED).reason, flush=True)


def _asked(at: Workplace, people: int) -> None:
    ids = Reader(at.store).bundle.users.ids
    for place in range(0, len(ids), max(1, len(ids) // people)):
        ask_to_suppress(at, str(ids[place].as_py()), ERASE, SIGNED)


def _told(at: Workplace, when: str) -> None:
    size = sum(at.store.bytes_of(name) for name in every_file(at.store))
    print(f"{when}: {len(at.suppressions.people()):,} people asked for, {size / 1e9:,.2f} GB in the store", flush=True)


def _timed(what: str, work: Callable[[], T]) -> T:
    began, worked = perf_counter(), process_time()
    result = work()
    print(f"{what}: {perf_counter() - began:,.1f} s, {process_time() - worked:,.1f} s of a core", flush=True)
    return result


if __name__ == "__main__":
    main()
