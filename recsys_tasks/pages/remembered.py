"""What the pages read of the store: the release log, the judgements, the records of runs; from memory while unchanged.

What is remembered is one file, or the two of a judgement, under its name and stamp: its times, size and inode, asked of
the file system every time. A file that was replaced, removed or touched is read again; so is the newest entry of the
log always. Which files there are is never remembered.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias, TypeVar

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.releases import entry_path, read_entry, read_log
from recsys_tasks.release.series import FIGURES, VERDICT, by_date, judged, with_release
from recsys_tasks.storage.artefacts import MANIFEST
from recsys_tasks.storage.run_records import read_record
from recsys_tasks.storage.store import Store

Row = dict[str, Any]
Found = TypeVar("Found")
Stamp: TypeAlias = "tuple[int, ...]"
LIMIT = 32 * 1024 * 1024
"""Bytes of files (of a run: of its directory) that are remembered; memory holds some times that. A year has 8 MB."""
TICK = 2_000_000_000
"""Nanoseconds within which a file system may give two changes the same time: what is younger is not remembered yet."""


class Memory:
    """What files said, by their names and stamps; what was asked for longest ago is forgotten first.

    Safe for threads: two that miss at once read both, and the same comes of it.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._held, self._lock = limit, 0, Lock()
        self._known: OrderedDict[tuple[Path, ...], tuple[tuple[Stamp, ...], Any]] = OrderedDict()

    def of(self, files: tuple[Path, ...], read: Callable[[], Found]) -> Found:
        """What these files say.

        Args:
            files: everything that it depends on; one that is missing is a stamp too.
            read: what reads them; its result is shared by all who ask, and changed by nobody.
        """
        stamps = tuple(_stamp(file) for file in files)  # before reading: what is replaced meanwhile is read again
        with self._lock:
            known = self._known.get(files)
            if known and known[0] == stamps:
                self._known.move_to_end(files)
                remembered: Found = known[1]
                return remembered
        found = read()
        if time.time_ns() - max((stamp[1] for stamp in stamps if stamp), default=0) > TICK:
            with self._lock:
                self._put(files, stamps, found)
        return found

    def forget(self) -> None:
        """Everything."""
        with self._lock:
            self._known.clear()
            self._held = 0

    def _put(self, files: tuple[Path, ...], stamps: tuple[Stamp, ...], found: Any) -> None:
        before = self._known.pop(files, None)
        self._held += _bytes(stamps) - (_bytes(before[0]) if before else 0)
        self._known[files] = (stamps, found)
        while self._held > self._limit:
            _, (oldest, _) = self._known.popitem(last=False)
            self._held -= _bytes(oldest)


MEMORY = Memory()
"""Of this process; the threads of the server share it."""


class Remembered(Store):
    """A store that does not read again what has not changed: manifests of partitions, and records of runs."""

    def partition_manifest(self, day: Day) -> dict[str, Any] | None:
        """As of any store."""
        file = self.partition_path(day) / MANIFEST
        return MEMORY.of((file,), lambda: super(Remembered, self).partition_manifest(day))

    def runs_of(self, step: str) -> list[Row]:
        """As of any store."""
        return [record for name, record in self.records if name == step]

    @cached_property
    def records(self) -> list[tuple[str, Row]]:
        """Step and record of every step of every run, those that began first first; what is unreadable is left out.

        A record is added or replaced under its name, which is seen in the times of its run's directory.
        """
        paths = [path for path in self.root.glob("runs/*") if path.is_dir()]
        found = [each for path in paths for each in MEMORY.of((path,), partial(_records_in, path))]
        return sorted(found, key=lambda each: (str(each[1].get("began")), str(each[1]["run_id"])))


def log_of(store: Store) -> ReleaseLog:
    """The release log.

    Raises:
        CorruptArtefact: an entry is damaged or missing.
    """
    log = read_log(store, _entry)
    return ReleaseLog((*log.entries[:-1], read_entry(store, len(log.entries)))) if log.entries else log


def days_of(store: Store, log: ReleaseLog) -> list[Row]:
    """One row a judged date, oldest first (``series.judgement_row``).

    Raises:
        CorruptArtefact: a manifest is damaged.
    """
    return [rows[0] for rows in by_date(_row(log, path) for path in store.evaluations_of()).values()]


def judgements_of(store: Store, log: ReleaseLog) -> tuple[list[Row], list[Row]]:
    """Every judgement, by date: the rows, and beside them those that cannot be read: day, judgement and damage."""
    rows, damaged = [], []
    for path in store.evaluations_of():
        try:
            rows.append(_row(log, path))
        except CorruptArtefact as error:
            damaged.append({"day": path.parent.name, "judgement": path.name, "damage": str(error)})
    return rows, damaged


def _records_in(path: Path) -> list[tuple[str, Row]]:
    """Step and record of every step of one run."""
    found = [(file.name.split(".")[0], read_record(file)) for file in path.glob("*.json")]
    return [(step, record) for step, record in found if "run_id" in record]


def _entry(store: Store, number: int) -> Entry:
    return MEMORY.of((entry_path(store, number),), lambda: read_entry(store, number))


def _row(log: ReleaseLog, path: Path) -> Row:
    files = (path / FIGURES / MANIFEST, path / VERDICT / MANIFEST)
    return with_release(log, MEMORY.of(files, lambda: judged(path)))


def _stamp(file: Path) -> Stamp:
    """Size, times and inode of a file, not of what a link leads to; nothing where there is none."""
    try:
        found = file.lstat()
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _bytes(stamps: tuple[Stamp, ...]) -> int:
    return sum(stamp[0] for stamp in stamps if stamp)
