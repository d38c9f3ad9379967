"""Open releases for the pages: few at a time, within a bound of memory and of time, each verified before it answers.

Releases are opened and asked in threads of their own. An opening that takes long goes on when nobody waits any more,
and the next who asks finds it done. A bundle whose files changed since it was opened is closed before it is read.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import TypeVar

import pyarrow as pa

from recsys_tasks.core.errors import CorruptArtefact, RecsysError
from recsys_tasks.core.formatting import megabytes
from recsys_tasks.pages.opened import Files, Opened
from recsys_tasks.release.bundles import part_name
from recsys_tasks.release.log import Entry
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.manifest import StoredFile
from recsys_tasks.storage.store import ArtefactStore

UNPACKED = 8
"""Memory that a Parquet file takes, in times of its size, where its manifest is of a version that did not tell."""
COPIES = 4
"""Times that the values of a table are in memory at the most: as read, in one piece, folded, and searched."""
PAIRS, OF_PAIRS = "cols.npy", 5
"""Played tracks of all listeners, and the times that they are in memory at the most: as stored, and for related artists
by listener and by artist, with a number beside each."""
MEMORY = "RECSYS_PAGES_MEMORY_MB"
"""Variable of the server's environment that sets ``Limits.memory``, in megabytes."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Limits:
    """What the open releases may cost the server that shows the pages."""

    memory: int = 4_000_000_000
    """Bytes that all open releases may take together, their mapped files counted in full."""
    releases: int = 3
    """Releases that are open at the same time."""
    waiting: int = 8
    """Questions that wait at the same time; each holds a thread of the server."""
    patience: float = 10.0
    """Seconds after which a question is refused with the advice to ask again."""


class TooLarge(RecsysError):
    """The release does not fit into the memory that the pages may take: raise the limit, or ask the command line."""


class TooBusy(RecsysError):
    """Too many ask at the same time: ask again."""


class TooSlow(RecsysError):
    """The answer was not there in time: ask again."""


class Readers:
    """The open releases of one store. Threads may share it."""

    def __init__(
        self,
        store: ArtefactStore,
        limits: Limits = Limits(),
        open_reader: Callable[[ArtefactStore, int], Reader] = Reader,
    ) -> None:
        """Nothing is opened yet.

        Args:
            store: where the releases lie.
            limits: memory, number and time that they may take.
            open_reader: verifies and opens a release.
        """
        self.store, self.limits = store, limits
        self._open_reader = open_reader
        self._lock, self._waiting = Lock(), 0
        self._kept: OrderedDict[int, Opened] = OrderedDict()  # by release, the one asked last at the end
        self._opening: dict[int, Future[Opened]] = {}
        self._opener = ThreadPoolExecutor(1, "recsys-opens")  # one at a time: room is made for one
        self._askers = ThreadPoolExecutor(2, "recsys-asks")

    @property
    def kept(self) -> list[int]:
        """The releases that are open, the one asked last at the end."""
        with self._lock:
            return list(self._kept)

    def ask(self, entry: Entry, question: Callable[[Opened], Answer], until: float | None = None) -> Answer:
        """Ask a release.

        Args:
            entry: a log entry of the release.
            question: gets the open release, and runs in a thread of its own.
            until: instant of ``time.monotonic`` up to which the answer is waited for; None:
                for ``limits.patience`` from now.

        Raises:
            TooLarge: it does not fit into the memory that the pages may take.
            TooBusy, TooSlow: ask again.
            CorruptArtefact: its files are gone, or not those that were published.
        """
        until = monotonic() + self.limits.patience if until is None else until
        with self._turn():
            opened = self._find(entry)
            if isinstance(opened, Future):
                opened = _result(opened, until, f"Release {entry.release} is still being opened and checked")
            asked = self._askers.submit(question, opened)
            try:
                return _result(asked, until, f"Release {entry.release} did not answer in time")
            finally:
                asked.cancel()  # nobody waits any more for one that has not begun by now

    def check_room(self, entries: Sequence[Entry]) -> None:
        """Check that some releases can be open side by side: two that push each other out would never both answer.

        Raises:
            TooLarge: they cannot.
        """
        sizes = {entry.release: memory_of(self.store, entry) for entry in entries}
        if sum(sizes.values()) > self.limits.memory:
            each = " and ".join(f"{megabytes(size, 0)} for release {release}" for release, size in sizes.items())
            raise TooLarge(
                f"Too large for this page: it would take {each}, of {megabytes(self.limits.memory, 0)} that the pages "
                f"may take. Set {MEMORY} (megabytes) for the API server, or ask the command line: recommend, similar."
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold one of the places for waiting questions."""
        with self._lock:
            if self._waiting >= self.limits.waiting:
                raise TooBusy(f"{self.limits.waiting} questions are waiting already. Ask again in a moment.")
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _find(self, entry: Entry) -> "Opened | Future[Opened]":
        """The open release, if its files are still those that were opened; else its opening, perhaps begun before."""
        seen = files_of(self.store, entry)
        with self._lock:
            opened = self._kept.get(entry.release)
            if opened is not None and opened.files == seen:
                self._kept.move_to_end(entry.release)
                return opened
            self._kept.pop(entry.release, None)
            if entry.release not in self._opening:
                if len(self._opening) >= self.limits.waiting:
                    raise TooBusy(f"{self.limits.waiting} releases wait to be opened already. Ask again in a moment.")
                self._opening[entry.release] = self._opener.submit(self._open, entry)
            return self._opening[entry.release]

    def _open(self, entry: Entry) -> Opened:
        """Make room, verify and map a release; runs in the opener's one thread."""
        try:
            self.check_room([entry])
            files, memory = files_of(self.store, entry), memory_of(self.store, entry)  # before: a later change shows
            self._make_room(memory)
            opened = Opened(self._open_reader(self.store, entry.release), files, memory)
            with self._lock:
                self._kept[entry.release] = opened
            return opened
        except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
            found = f"{type(error).__name__}: {error}"
            raise CorruptArtefact(f"Release {entry.release} cannot be opened ({found}). Ask for another one.") from None
        finally:
            with self._lock:
                del self._opening[entry.release]

    def _make_room(self, size: int) -> None:
        """Close the releases that were asked longest ago; a question that still runs on one keeps it until it ends."""
        with self._lock:
            taken = {release: opened.memory for release, opened in self._kept.items()}
            while taken and (len(taken) >= self.limits.releases or sum(taken.values()) + size > self.limits.memory):
                release = next(iter(self._kept))
                del self._kept[release], taken[release]


def files_of(store: ArtefactStore, entry: Entry) -> Files:
    """Name and stamp of each file of a release; empty when they are gone."""
    folders = [part_name(entry.candidate, part) for part in entry.parts]
    names = [f"{folder}/{file}" for folder in folders for file in store.names(folder)]
    return tuple((name, stamp) for name in names if (stamp := store.stamp(name)))


def memory_of(store: ArtefactStore, entry: Entry) -> int:
    """Bytes that an open release takes at the most: its files as its manifests tell, tables unpacked; 0 if it is gone.

    Raises:
        CorruptArtefact: a manifest is damaged.
    """
    parts = [part_name(entry.candidate, part) for part in entry.parts]
    manifests = [store.manifest(part) for part in parts if store.holds(part)]
    return sum(_in_memory(name, file) for manifest in manifests for name, file in manifest.files.items())


def _in_memory(name: str, file: StoredFile) -> int:
    if not name.endswith(".parquet"):
        return file.size * (OF_PAIRS if name == PAIRS else 1)
    return file.size * UNPACKED if file.unpacked is None else file.unpacked * COPIES


def _result(asked: "Future[Answer]", until: float, late: str) -> Answer:
    """The result of a thread.

    Raises:
        TooSlow: it has none by then.
    """
    done, _ = wait([asked], timeout=max(0.0, until - monotonic()))
    if not done:
        raise TooSlow(f"{late}. Ask again in a moment.")
    return asked.result()
