"""Server time of each page for a year of judged dates, and far beyond one, in one process: the ratio of the two.

    .venv/bin/python -m benchmarks.pages [--size small] [--store DIRECTORY]

Two synthetic stores are built first (``year_of_dates``; two real days of the small world are copied, some minutes on a
disk that syncs, less where TMPDIR lies in memory): 365 dates with 500 log entries, and 2,700 with 10,000. --store names
where they are kept, or were kept before. What is timed is what a route does: gather, and render the template. *anew* is
the same with nothing remembered: what the first request of a process costs, but for imports and the compilation of the
template. What the process remembers after all pages is printed last.

The physical limit is asking the file system for the stamp of each log entry, date and judgement that a page depends on:
two or three microseconds each where the kernel has the inode at hand, for 10,000 entries 30 milliseconds. Above it lie
comparing these stamps with those that are remembered, and writing the HTML.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import FULL, SMALL, Side, Table, compare, keep
from benchmarks.year_of_dates import grow, real_days
from recsys_tasks.core.policy import FreshnessConfig, GateConfig
from recsys_tasks.pages.acting import standing
from recsys_tasks.pages.asking import frame_of
from recsys_tasks.pages.candidates import Wanted, candidates
from recsys_tasks.pages.history import history
from recsys_tasks.pages.lineage import lineage
from recsys_tasks.pages.live import live
from recsys_tasks.pages.logbook import LOGS
from recsys_tasks.pages.memory import MEMORY
from recsys_tasks.pages.questions import Question
from recsys_tasks.pages.readers import Readers
from recsys_tasks.pages.remembered import log_of
from recsys_tasks.pages.site import render
from recsys_tasks.storage.posix import PosixStore

SIZES = {SMALL: ((60, 80), (240, 900)), FULL: ((365, 500), (2700, 10_000))}  # judged dates, log entries
ROUNDS = 7
GOAL_S, FIRST_GOAL_S = 0.5, 2.0
Work = Callable[[], Any]


def main() -> None:
    """Build the stores where they are not there, measure each page on both and keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(SIZES), default=FULL)
    parser.add_argument("--store", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        roots = [(args.store or Path(folder)) / f"{dates}-{entries}" for dates, entries in SIZES[args.size]]
        if not all(root.is_dir() for root in roots):
            real = real_days(Path(folder) / "real")
            for root, size in zip(roots, SIZES[args.size], strict=True):
                grow(real, root, *size)
        stores = [PosixStore(root) for root in roots]
        for name in works(stores[0]):
            measure(name, stores, args.size)
    print(f"Remembered after all pages: {MEMORY.size / 2**20:.0f} MiB of judgements, runs and names, and the logs.")


def works(store: PosixStore) -> dict[str, Work]:
    """Each page: what gathers it, and its template."""
    release = str(log_of(store).releases[-1].number)
    gate, now = GateConfig(), datetime(2027, 1, 14, tzinfo=UTC)
    readers = Readers(store)
    gathered: dict[str, tuple[str, Work]] = {
        "Live": ("live", lambda: live(store, FreshnessConfig(), now)),
        "Over time, 90 dates": ("history", lambda: history(store, gate, "90")),
        "Over time, all dates": ("history", lambda: history(store, gate, "all")),
        "Candidates and releases": ("candidates", lambda: candidates(store, Wanted())),
        "Candidates that were held": ("candidates", lambda: candidates(store, Wanted(verdict="HOLD"))),
        "Lineage of the newest release": ("lineage", lambda: lineage(store, release)),
        "Try it": ("ask", lambda: frame_of(readers, log_of(store), Question())),
    }
    pages: dict[str, Work] = {name: partial(_page, *each) for name, each in gathered.items()}
    return pages | {"What can be done": lambda: standing(store, log_of(store))}


def measure(name: str, stores: Sequence[PosixStore], size: str) -> None:
    """One page on both stores: with the memory, without, and the stamps alone."""
    (year, beyond), (small, large) = [works(store)[name] for store in stores], SIZES[size]
    for work in (year, beyond):
        work()  # what is remembered, remembered; the template compiled
    folders = stamped(name, stores[1])
    sides = [
        Side(f"{small[0]} dates", year),
        Side(f"{large[0]} dates", beyond),
        Side(f"{large[0]} dates, anew", beyond, before=_forget, rounds=3),
        Side(f"{small[0]} dates, anew", year, before=_forget, rounds=3),
        Side(
            "stamps", lambda: [stores[1].stamps(folder) for folder in folders], f"{len(folders):,} folders", limit=True
        ),
    ]
    lines = compare(sides, ROUNDS)
    met = "met" if lines[1].seconds < GOAL_S and lines[2].seconds < FIRST_GOAL_S else "missed"
    about = f"{small[0]} dates with {small[1]} log entries, {large[0]} with {large[1]}; gathered and rendered."
    goal = f"Goal: under {1000 * GOAL_S:.0f} ms once remembered, under {FIRST_GOAL_S:.0f} s anew, {met}."
    question = f"pages_{name.replace(',', '').replace(' ', '_').lower()}"
    keep(Table(question, f"Page: {name}", size, about, lines, goal))


def stamped(name: str, store: PosixStore) -> list[str]:
    """The folders of whose content a page asks for the stamps: the log, and the dates that it shows."""
    dates = [f"evaluations/{day}" for day in store.names("evaluations")]
    few = {"Live": dates[-2:], "Try it": [], "What can be done": [], "Over time, 90 dates": dates[-90:]}
    return ["releases/log", *few.get(name, dates)]


def _page(template: str, gather: Work) -> str:
    return render(template, "", home="/recsys/", airflow="/", **gather())


def _forget() -> None:
    MEMORY.forget()
    LOGS.forget()


if __name__ == "__main__":
    main()
