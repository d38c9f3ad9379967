"""The release that answers now, and the look for a newer one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import pyarrow as pa
from cachetools import LRUCache

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.errors import RecsysError, told
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import LOG
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.store import ArtefactStore, Stamp

ANSWERS = 1
"""Format of the answers: another one, and what clients hold under the same release is no longer theirs."""
LONGEST_REST = 300.0
"""Seconds at the most between two tries to open a release that could not be opened: each reads all of its files."""
Answers = TypeVar("Answers")


@dataclass(frozen=True)
class Serving(Generic[Answers]):
    """One open release, whole: a request takes it once, and answers from nothing else."""

    entry: Entry
    answers: Answers
    tag: str  # of HTTP: the same for all answers of the same release, parts and settings
    remembered: "LRUCache[bytes, bytes]" = field(repr=False)  # path and query -> body of the answer


class LiveRelease(Generic[Answers]):
    """Keeps the live release open. ``look`` is called by one thread; everybody may read what it left."""

    def __init__(
        self,
        store: ArtefactStore,
        answers: Callable[[Reader], Answers],
        settings: str,
        remembered_bytes: int,
        clock: Callable[[], float],
        tell: Callable[[str, str], None],
    ) -> None:
        """Nothing is open yet.

        Args:
            store: where the releases lie.
            answers: what answers from an open release; made, and tried, before the release takes over.
            settings: digest of everything beside the release that decides an answer.
            remembered_bytes: of finished answers that are kept for each release.
            clock: seconds that never go back.
            tell: is told of an event in a word, and in a sentence.
        """
        self.current: Serving[Answers] | None = None
        self.problem: str | None = None
        """Why what is live in the log is not what answers."""
        self.switches = 0
        self._store, self._answers, self._settings = store, answers, settings
        self._bytes, self._clock, self._tell = remembered_bytes, clock, tell
        self._reader: Reader | None = None
        self._seen: Stamp | None = None
        self._again, self._rest = 0.0, 1.0

    def look(self) -> None:
        """Open what is live if it is another release than before, or has other parts; on any failure keep what is open.

        A log that did not change is not read; what could not be opened is tried again after a while, and sooner when
        the log changes.
        """
        seen = self._stamp()
        if seen == self._seen and (self.problem is None or self._clock() < self._again):
            return
        self._seen = seen
        problem = self._refreshed()
        if problem is None:
            self._rest = 1.0
        else:
            self._again, self._rest = self._clock() + self._rest, min(2 * self._rest, LONGEST_REST)
        if problem != self.problem:
            self._tell("kept" if problem else "sound", problem or "What is live answers.")
        self.problem = problem

    def _stamp(self) -> Stamp | None:
        try:
            return self._store.stamp(LOG)
        except (RecsysError, OSError):
            return None  # whoever reads the log says why

    def _refreshed(self) -> str | None:
        try:
            reader = self._reader or Reader(self._store)
            problem = reader.refresh() if self._reader else None
            if problem is None and not self._is_current(reader.entry):
                self._switch(reader)
            self._reader = reader
            return problem
        except (RecsysError, OSError, ValueError, MemoryError, pa.ArrowException) as error:
            return told(error)

    def _is_current(self, entry: Entry) -> bool:
        now = self.current
        return now is not None and (entry.candidate, entry.parts) == (now.entry.candidate, now.entry.parts)

    def _switch(self, reader: Reader) -> None:
        entry = reader.entry
        tag = digest_of("answers", ANSWERS, entry.candidate, entry.parts, self._settings)[:SHORT]
        remembered: LRUCache[bytes, bytes] = LRUCache(self._bytes, getsizeof=len)
        self.current = Serving(entry, self._answers(reader), f'"{entry.release}-{tag}"', remembered)
        self.switches += 1
        self._tell("switched", f"Release {entry.release} (data of {entry.day}) answers.")


def age(serving: Serving[Answers] | None, now: datetime) -> float:
    """Seconds since the log entry was made by which this release is live; NaN where none is open."""
    return (now - datetime.fromisoformat(serving.entry.at)).total_seconds() if serving else float("nan")
