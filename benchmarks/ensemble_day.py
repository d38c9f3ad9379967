"""An ordinary day with every component and the re-ranker, against the same day of ALS alone.

    python -m benchmarks.ensemble_day [--size small|full] [--divisor N] [--depth N] [--renewed DAYS]

Both sides read the same days of the same service, on stores of their own, and take turns step by step; each step is a
process of its own. The catalogue names an artist and three tags of every track, of which one says something about who
listens. Between two renewals of the neighbours each day compares more young tracks with all: measured is one in the
middle; the dearest is the day before a renewal (``--renewed 6``). The limit is the day of ALS alone: all that it does
is done as well.
"""

import argparse
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.day_steps import Steps, typical
from benchmarks.harness import FULL, SMALL, Table, keep, line
from benchmarks.our_steps import DAYS, LATE
from benchmarks.source_day import fill_catalogue, server_with
from benchmarks.synthetic import Service, service_of
from benchmarks.two_stores import Run, days_in_turns
from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.domain import day_number
from recsys_tasks.recommenders.blend import DEPTH
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import Models
from recsys_tasks.storage.posix import PosixStore

DIVISORS = {SMALL: 100, FULL: 1}
MIDDLE = NeighboursConfig().renewed_every_days // 2
"""Days after the renewal of the neighbours on which as many tracks are young as between two renewals on the average."""
ROUNDS = {SMALL: 2, FULL: 1}
CATALOGUE: dict[str, object] = {"table": "tracks", "artist_id": "artist_id", "features": {"tags": "tags"}}
EVERYTHING: dict[str, dict[str, object]] = {
    "catalogue": CATALOGUE,
    "blend": {"components": ["als", "recent", "neighbours", "content"], "joined_by": "ranker"},
    "content": {"cold_tracks": True},
    "evaluation": {"salt": "recsys", "blend_share": 0.3},
}


def main() -> None:
    """Run the days, keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--divisor", type=int, help="the whole service divided by this, not by the size's")
    parser.add_argument("--depth", type=int, default=DEPTH, help=f"candidates of each component ({DEPTH})")
    parser.add_argument("--renewed", type=int, default=MIDDLE, help=f"days since the neighbours were ({MIDDLE})")
    args = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes of the steps, as the pipeline's own doors do
    service, rounds = renewed(service_of(args.divisor or DIVISORS[args.size], DAYS), args.renewed), ROUNDS[args.size]
    folder = Path(tempfile.mkdtemp(prefix="recsys-ensemble-"))
    runs = [
        Run("ALS alone", folder / "alone", {"catalogue": CATALOGUE}),
        Run("everything", folder / "everything", everything(args.depth)),
    ]
    try:
        with server_with(service, range(DAYS - 1 - rounds - LATE, DAYS)) as dsn:
            fill_catalogue(dsn, service, DAYS - 1)
            days = days_in_turns(service, dsn, runs, rounds)
        keep(day_table(args.size, service, folder / "alone", days, args.renewed))
    finally:
        shutil.rmtree(folder)


def renewed(service: Service, days: int) -> Service:
    """The same service at a time when its last day is so many days after a renewal of the neighbours."""
    every = NeighboursConfig().renewed_every_days
    late = (day_number(service.day(DAYS - 1)) - days) % every
    return replace(service, first=service.first - timedelta(days=late))


def everything(depth: int) -> dict[str, dict[str, object]]:
    """What is turned on, with so many candidates of each component."""
    return EVERYTHING | {"blend": EVERYTHING["blend"] | {"depth": depth}}


def day_table(size: str, service: Service, root: Path, days: list[list[Steps]], since: int) -> Table:
    """Both sides' days, so many days since the renewal, and what each step took."""
    totals = [[sum(step.seconds for step in day) for day in run] for run in days]
    peaks = [max(step.megabytes for day in run for step in day) for run in days]
    lines = [
        line("ALS alone, all steps", totals[0], totals[0], peaks[0], "each step a process; memory of the largest"),
        line("everything, all steps", totals[1], totals[0], peaks[1]),
    ]
    day = service.day(DAYS - 1)
    sizes = Matrices(PosixStore(root)).figures(day, Models(PosixStore(root)).of(day)[0].key.matrix)
    rows = [
        {
            "step": alone.step,
            "ALS alone": f"{alone.seconds:.1f} s",
            "everything": f"{both.seconds:.1f} s",
            "CPU of ALS alone": f"{alone.cpu:.1f} s",
            "CPU of everything": f"{both.cpu:.1f} s",
            "its peak memory": f"{both.megabytes:,.0f} MB",
        }
        for alone, both in zip(*map(typical, days), strict=True)
    ]
    about = (
        f"A day of {service.streams_a_day:,} streams onto {sizes.pairs:,} pairs of {sizes.users:,} listeners and "
        f"{sizes.tracks:,} tracks, {since} days after the neighbours' renewal; als, recent, neighbours and content "
        "with cold tracks, joined by the ranker."
    )
    cpu = [sum(step.cpu for step in typical(run)) for run in days]
    met = (
        f"asked for: at most 1.6x the day of ALS alone ({lines[1].ratio:.2f}x, {cpu[1] / cpu[0]:.2f}x of its CPU), "
        f"at most 8 GB ({peaks[1] / 1024:.1f} GB in the largest step)."
    )
    return Table("ensemble_day", "An ordinary day with everything on", size, about, lines, met, rows)


if __name__ == "__main__":
    main()
