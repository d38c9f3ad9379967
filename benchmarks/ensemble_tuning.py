"""How long ``tune --components`` searches on a large service, and the memory that it holds.

    python -m benchmarks.ensemble_tuning [--size small|full] [--divisor N]

One date is hidden, and everything is searched for: ALS stays as it is, and the catalogue names an artist and three tags
of every track. The limit is the search itself, halving by halving: what each round has tried is told as it goes, with
the seconds by the clock and of the processor since the history was there. There is no other side: an hour is allowed.
"""

import argparse
import os
import tempfile
import time
from argparse import Namespace
from pathlib import Path

from benchmarks.ensemble_day import EVERYTHING
from benchmarks.harness import FULL, SMALL
from benchmarks.our_steps import DAYS, LATE, policy
from benchmarks.source_day import fill_catalogue, server_with
from benchmarks.synthetic import save_days, service_of
from recsys_tasks.cli.tune_components import components_of_days
from recsys_tasks.core.memory import peak_megabytes
from recsys_tasks.steps import Workplace
from recsys_tasks.storage.posix import PosixStore

DIVISORS = {SMALL: 100, FULL: 1}


def main() -> None:
    """Search, and tell what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--divisor", type=int, help="the whole service divided by this, not by the size's")
    args = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the pipeline's own doors do
    service = service_of(args.divisor or DIVISORS[args.size], DAYS)
    with tempfile.TemporaryDirectory(prefix="recsys-tuning-") as folder, server_with(service, _late()) as dsn:
        fill_catalogue(dsn, service, DAYS - 1)
        at = Workplace(PosixStore(Path(folder)), policy(service, EVERYTHING), dsn)
        save_days(at.store, service, range(DAYS - 1))
        began, cpu = time.perf_counter(), time.process_time()

        def tell(line: str) -> None:
            taken = f"{time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} of the processor"
            print(f"[{taken}, {peak_megabytes():,.0f} MB] {line}", flush=True)

        asked = Namespace(
            days=1, k=10, minutes=float("inf"), tell=tell, write=False, config=None, allow_empty_day=False
        )
        answer = components_of_days(asked, at, service.day(DAYS - 1))
        tell("done")
    print(answer.text)


def _late() -> range:
    """The dates that the source has to hold: the newest, and those that it may restate."""
    return range(DAYS - 1 - LATE, DAYS)


if __name__ == "__main__":
    main()
