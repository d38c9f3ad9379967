"""Server time of each page for a year of judged dates and 500 log entries: remembered, read anew, and the limit.

    .venv/bin/python -m benchmarks.pages [--size small] [--store DIRECTORY]

A synthetic store is built first (``year_of_dates``; two real days of the small world are copied, two minutes on a disk
that syncs, less where TMPDIR lies in memory); --store names where it is kept, or was kept before. What is timed is what
a route does: gather, and render the template. *read anew* is the same code with a memory that holds nothing: what the
first request of a process costs, but for imports and the compilation of the template.

The physical limit is asking the file system for the stamp of each file that a page depends on: a few microseconds each
where the kernel has the inode at hand. Above it lies naming the files (one directory listing a date and a run) and
writing the HTML; what is remembered saves opening, parsing and checking them.
"""

import argparse
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import FULL, SMALL, Side, Table, compare, keep
from benchmarks.year_of_dates import files_of, grow, real_days
from recsys_tasks.core.policy import FreshnessConfig, GateConfig
from recsys_tasks.pages import remembered
from recsys_tasks.pages.candidates import Wanted, candidates
from recsys_tasks.pages.history import history
from recsys_tasks.pages.lineage import lineage
from recsys_tasks.pages.live import live
from recsys_tasks.pages.remembered import Memory, log_of
from recsys_tasks.pages.site import render
from recsys_tasks.storage.posix import PosixStore

SIZES = {SMALL: (60, 80), FULL: (365, 500)}  # judged dates, log entries
ROUNDS = 9
GOAL_S = 0.3
Work = Callable[[], Any]


def main() -> None:
    """Build the store where it is not there, measure each page and keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(SIZES), default=FULL)
    parser.add_argument("--store", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = args.store or Path(folder) / "year"
        if not root.is_dir():
            grow(real_days(Path(folder) / "real"), root, *SIZES[args.size])
        for name, work in works(PosixStore(root)).items():
            measure(name, work, root, args.size)


def works(store: PosixStore) -> dict[str, Work]:
    """Each page: what gathers it, and its template."""
    release = str(log_of(store).releases[-1].number)
    gate, now = GateConfig(), datetime(2027, 1, 14, tzinfo=UTC)
    gathered: dict[str, tuple[str, Work]] = {
        "Live": ("live", lambda: live(store, FreshnessConfig(), now)),
        "Over time, 90 dates": ("history", lambda: history(store, gate, "90")),
        "Over time, all dates": ("history", lambda: history(store, gate, "all")),
        "Candidates and releases": ("candidates", lambda: candidates(store, Wanted())),
        "Lineage of the newest release": ("lineage", lambda: lineage(store, release)),
    }
    return {name: partial(_page, *each) for name, each in gathered.items()}


def measure(name: str, work: Work, root: Path, size: str) -> None:
    """One page: with the memory, without, and the stamps of all files alone."""
    nothing, files = Memory(limit=0), stamped(name, root)
    work()  # what is remembered, remembered; the template compiled
    sides = [
        Side("remembered", work),
        Side("read anew", lambda: _with(nothing, work)),
        Side("stamps", lambda: [file.lstat() for file in files], f"{len(files):,} files", limit=True),
    ]
    lines = compare(sides, ROUNDS)
    met = "met" if lines[0].seconds < GOAL_S else "missed"
    dates, entries = SIZES[size]
    about = f"{dates} judged dates, {entries} log entries, the records of {dates} runs; gathered and rendered."
    goal = f"Goal: under {1000 * GOAL_S:.0f} ms once remembered, {met}."
    question = f"pages_{name.replace(',', '').replace(' ', '_').lower()}"
    keep(Table(question, f"Page: {name}", size, about, lines, goal))


def stamped(name: str, root: Path) -> list[Path]:
    """What must be asked for its stamp: the log and the judgements; of runs their directories, of dates the counts."""
    found = [path for path in files_of(root) if path.relative_to(root).parts[0] in ("releases", "evaluations")]
    if name != "Live":
        found += sorted((root / "runs").iterdir())
    return found + sorted(root.glob("partitions/*/manifest.json")) * name.startswith("Lineage")


def _page(template: str, gather: Work) -> str:
    return render(template, "", home="/recsys/", airflow="/", **gather())


def _with(memory: Memory, work: Work) -> None:
    """The same work with another memory."""
    own, remembered.MEMORY = remembered.MEMORY, memory
    try:
        work()
    finally:
        remembered.MEMORY = own


if __name__ == "__main__":
    main()
