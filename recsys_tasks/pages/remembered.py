"""What the pages read of the store: the release log, the judgements, the records of runs; from memory while unchanged.

The content of a file, or of the two files of a judgement, is remembered under their names and stamps: times, size and
inode, which the file system is asked for every time. A file that was replaced, removed or touched is read again; the
newest entry of the log is read every time. Which files there are is never remembered.
"""

import time
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, TypeAlias, TypeVar

from cachetools import LRUCache

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.core.records import Json
from recsys_tasks.partitions.checked import CheckedDays
from recsys_tasks.partitions.quarantine import Quarantine, QuarantinedDay
from recsys_tasks.partitions.repository import Partitions, partition_name
from recsys_tasks.release.judgements import FIGURES, Judgement, Judgements
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.releases import Releases, entry_name
from recsys_tasks.release.series import judged, with_release
from recsys_tasks.storage.manifest import MANIFEST, Manifest
from recsys_tasks.storage.run_records import FOLDER as RUNS
from recsys_tasks.storage.run_records import RunRecords
from recsys_tasks.storage.store import ArtefactStore, Stamp

Row = dict[str, Any]
Found = TypeVar("Found")
Names: TypeAlias = "tuple[str, ...]"
Stamps: TypeAlias = "tuple[Stamp | None, ...]"
LIMIT = 32 * 1024 * 1024
"""Bytes of remembered files (of a run: of its directory); their content takes some times that. A year has 8 MB."""
TICK = 2_000_000_000
"""Nanoseconds within which a file system may give two changes the same time: a younger file is not remembered yet."""


class Memory:
    """The content of files by their names and stamps; what was asked for longest ago is forgotten first.

    Threads may share it: two that ask for the same unknown file both read it, and find the same.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._lock = Lock()
        self._known: LRUCache[Names, tuple[Stamps, Any]] = LRUCache(limit, getsizeof=lambda known: _bytes(known[0]))

    def of(self, store: ArtefactStore, names: Names, read: Callable[[], Found]) -> Found:
        """The content of some objects.

        Args:
            store: where they lie.
            names: everything that the content depends on; a missing object is a stamp too.
            read: reads them. All who ask share its result, and nobody changes it.
        """
        places = tuple(map(store.where, names))
        stamps = tuple(map(store.stamp, names))  # before reading: what is replaced meanwhile is read again
        with self._lock:
            known = self._known.get(places)
        if known and known[0] == stamps:
            remembered: Found = known[1]
            return remembered
        found = read()
        newest = max((stamp.written_ns for stamp in stamps if stamp), default=0)
        if time.time_ns() - newest > TICK and _bytes(stamps) <= self._known.maxsize:
            with self._lock:
                self._known[places] = stamps, found
        return found


MEMORY = Memory()
"""The memory of this process; the threads of the server share it."""


class RememberedPartitions(Partitions):
    """The partitions, whose manifests are not read again while they stay the same."""

    def _manifest(self, day: Day) -> Manifest | None:
        name = f"{partition_name(day)}/{MANIFEST}"
        return MEMORY.of(self._store, (name,), lambda: super(RememberedPartitions, self)._manifest(day))


class RememberedRuns(RunRecords):
    """The records of runs, which are not read again while nothing is added to a run.

    A record is added or replaced under its name, which changes the times of its run's directory.
    """

    def steps_in(self, run: str, step: str = "") -> list[tuple[str, Json]]:
        """As ``RunRecords``, always of all steps."""
        return MEMORY.of(self._store, (f"{RUNS}/{run}",), partial(super().steps_in, run))

    def all(self) -> list[tuple[str, Json]]:
        """Step and record of every step of every run."""
        return [each for run in self._store.names(RUNS) for each in self.steps_in(run)]


def log_of(store: ArtefactStore) -> ReleaseLog:
    """The release log.

    Raises:
        CorruptArtefact: an entry is damaged or missing.
    """
    releases = Releases(store)

    def remembered(number: int) -> Entry:
        return MEMORY.of(store, (entry_name(number),), lambda: releases.entry(number))

    log = releases.log(remembered)
    return ReleaseLog((*log.entries[:-1], releases.entry(len(log.entries)))) if log.entries else log


def rows_of(store: ArtefactStore, log: ReleaseLog) -> list[Row]:
    """Every judgement, by date (``series.judgement_row``).

    Raises:
        CorruptArtefact: a manifest is damaged.
    """
    return [_row(store, log, judgement) for judgement in Judgements(store).of()]


def quarantined_of(store: ArtefactStore) -> list[QuarantinedDay]:
    """The quarantined dates with their reasons, rising.

    Raises:
        CorruptArtefact: a manifest is damaged.
    """
    return Quarantine(RememberedPartitions(store), CheckedDays(store)).days()


def judgements_of(store: ArtefactStore, log: ReleaseLog) -> tuple[list[Row], list[Row]]:
    """Every judgement, by date: the rows, and apart from them those that cannot be read: day, judgement and damage."""
    rows, damaged = [], []
    for judgement in Judgements(store).of():
        try:
            rows.append(_row(store, log, judgement))
        except CorruptArtefact as error:
            day = judgement.day.isoformat()
            damaged.append({"day": day, "judgement": judgement.name, "damage": str(error)})
    return rows, damaged


def _row(store: ArtefactStore, log: ReleaseLog, judgement: Judgement) -> Row:
    judgements = Judgements(store)
    parts = (FIGURES, judgements.newest_verdict(judgement))
    names = tuple(f"{judgement.place}/{part}/{MANIFEST}" for part in parts)
    return with_release(log, MEMORY.of(store, names, lambda: judged(judgements, judgement)))


def _bytes(stamps: Stamps) -> int:
    return sum(stamp.size for stamp in stamps if stamp)
