"""Open releases for the pages: few at a time, within a bound of memory and of time, each verified before it answers.

Openings and questions run in threads of their own. An opening that takes long goes on when nobody waits any more, and
the next who asks finds it done; a bundle whose files changed since it was opened is let go before anything reads it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from time import monotonic
from typing import TypeAlias, TypeVar

import pyarrow as pa

from recsys_tasks.core.errors import CorruptArtefact, RecsysError
from recsys_tasks.pages.names_search import NameSearch
from recsys_tasks.release.bundle import part_paths
from recsys_tasks.release.log import Entry
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.store import Store

KEPT = 3
"""Releases open at the same time, at the most."""
WAITING = 8
"""Questions that wait at the same time; each holds a thread of the server that asks."""
UNPACKED = 8
"""What a Parquet file takes in memory, in times of its size: unpacked, and its names a second time for the search."""
LIMIT = 4_000_000_000
"""Bytes that all open releases may take together, unless the server's environment says otherwise."""
MEMORY = "RECSYS_PAGES_MEMORY_MB"
"""The variable in which it says so."""

Answer = TypeVar("Answer")
Files: TypeAlias = "tuple[tuple[str, int, int, int], ...]"


class TooLarge(RecsysError):
    """The release would not fit into the memory that the pages may take: raise the limit, or ask the command line."""


class TooBusy(RecsysError):
    """Too many ask at the same time: ask again."""


class TooSlow(RecsysError):
    """The answer was not there in time: ask again."""


class Opened:
    """One release, open, with what was seen of its files before."""

    def __init__(self, reader: Reader, files: Files) -> None:
        self.reader, self.files = reader, files

    @cached_property
    def names(self) -> NameSearch:
        """The search over its names, made when it is first asked for: a second for 600,000 tracks."""
        return NameSearch(self.reader.bundle.names.table)


class Readers:
    """The open releases of one store. Threads may share it."""

    def __init__(
        self,
        store: Store,
        limit: int = LIMIT,
        patience: float = 10.0,
        opens: Callable[[Store, int], Reader] = Reader,
    ) -> None:
        """Nothing is opened yet.

        Args:
            store: where the releases lie.
            limit: bytes that the open releases may take together, their mapped files counted in full.
            patience: seconds after which one who asks is told to ask again.
            opens: what verifies and opens a release.
        """
        self.store, self.patience = store, patience
        self._limit, self._opens = limit, opens
        self._lock, self._waiting = Lock(), 0
        self._kept: OrderedDict[int, Opened] = OrderedDict()  # by release, the one asked last at the end
        self._opening: dict[int, Future[Opened]] = {}
        self._opener = ThreadPoolExecutor(1, "recsys-opens")  # one at a time: what is there bounds what may come
        self._askers = ThreadPoolExecutor(2, "recsys-asks")

    @property
    def kept(self) -> list[int]:
        """The releases that are open, the one asked last at the end."""
        with self._lock:
            return list(self._kept)

    def ask(self, entry: Entry, question: Callable[[Opened], Answer], until: float | None = None) -> Answer:
        """What a release answers.

        Args:
            entry: a log entry of the release.
            question: asks the open release; runs in a thread of its own.
            until: instant of ``time.monotonic`` up to which the answer is waited for; None: for ``patience`` from now.

        Raises:
            TooLarge: it does not fit into the memory that the pages may take.
            TooBusy, TooSlow: ask again.
            CorruptArtefact: its files are gone, or not those that were published.
        """
        until = monotonic() + self.patience if until is None else until
        with self._turn():
            opened = self._find(entry)
            if isinstance(opened, Future):
                opened = _result(opened, until, f"Release {entry.release} is still being opened and checked")
            asked = self._askers.submit(question, opened)
            try:
                return _result(asked, until, f"Release {entry.release} did not answer in time")
            finally:
                asked.cancel()  # one that has not begun by now would be answered to nobody

    def check_room(self, entries: Sequence[Entry]) -> None:
        """Whether some releases can be open side by side: two that push each other out would never both answer.

        Raises:
            TooLarge: they cannot.
        """
        sizes = {entry.release: memory_of(files_of(self.store, entry)) for entry in entries}
        if sum(sizes.values()) > self._limit:
            each = " and ".join(f"{size / 1e6:,.0f} MB for release {release}" for release, size in sizes.items())
            raise TooLarge(
                f"Too large for this page: it would take {each}, of {self._limit / 1e6:,.0f} MB that the pages may "
                f"take. Set {MEMORY} (megabytes) for the API server, or ask the command line: recommend, similar."
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One of the places to wait in."""
        with self._lock:
            if self._waiting >= WAITING:
                raise TooBusy(f"{WAITING} questions are waiting already. Ask again in a moment.")
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _find(self, entry: Entry) -> "Opened | Future[Opened]":
        """The open release, if its files are still those that were opened; else its opening, begun here or before."""
        seen = files_of(self.store, entry)
        with self._lock:
            opened = self._kept.get(entry.release)
            if opened is not None and opened.files == seen:
                self._kept.move_to_end(entry.release)
                return opened
            self._kept.pop(entry.release, None)
            if entry.release not in self._opening:
                if len(self._opening) >= WAITING:
                    raise TooBusy(f"{WAITING} releases wait to be opened already. Ask again in a moment.")
                self._opening[entry.release] = self._opener.submit(self._open, entry)
            return self._opening[entry.release]

    def _open(self, entry: Entry) -> Opened:
        """Make room, verify, map. Runs in the opener's one thread."""
        try:
            self.check_room([entry])
            files = files_of(self.store, entry)  # before it is verified: a later change shows
            self._make_room(memory_of(files))
            opened = Opened(self._opens(self.store, entry.release), files)
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
        """Let the releases go that were asked longest ago; a question that still runs on one keeps it until its end."""
        with self._lock:
            taken = {release: memory_of(opened.files) for release, opened in self._kept.items()}
            while taken and (len(taken) >= KEPT or sum(taken.values()) + size > self._limit):
                release = next(iter(self._kept))
                del self._kept[release], taken[release]


def files_of(store: Store, entry: Entry) -> Files:
    """Name, inode, bytes and instant of change of each file of a release; empty when they are gone."""
    paths = (path for part in part_paths(store, entry).values() for path in sorted(part.glob("*")))
    found = ((path, path.stat()) for path in paths)
    return tuple((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found)


def memory_of(files: Files) -> int:
    """Bytes that a release takes at the most when it is open: its files, unpacked where they are packed."""
    return sum(size * (UNPACKED if name.endswith(".parquet") else 1) for name, _, size, _ in files)


def _result(asked: "Future[Answer]", until: float, late: str) -> Answer:
    """What a thread comes to.

    Raises:
        TooSlow: nothing until then.
    """
    done, _ = wait([asked], timeout=max(0.0, until - monotonic()))
    if not done:
        raise TooSlow(f"{late}. Ask again in a moment.")
    return asked.result()
