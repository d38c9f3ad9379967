"""What a process keeps of a store between requests: the content of objects by their names and stamps, within a bound.

A stamp (times, size and inode) tells whether an object, or what is directly below a folder, is still what was read; the
store is asked for it in every request. Names of immutable things come back with the stamp they had, and are not read
again.
"""

import sys
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple, TypeAlias, TypeVar

from cachetools import RRCache

from recsys_tasks.storage.store import Stamp

Found = TypeVar("Found")
Names: TypeAlias = tuple[str, ...]
Stamps: TypeAlias = tuple[Stamp | None, ...]
LIMIT = 96 * 1024 * 1024
"""Bytes that what is remembered may take in memory. Seven years of dates take half of it."""
TICK = 2_000_000_000
"""Nanoseconds within which a file system may give two changes the same time: what is younger is not remembered yet."""


class _Known(NamedTuple):
    stamps: Stamps
    content: Any
    size: int  # bytes in memory


class Memory:
    """The content of objects by their names and stamps. Where it is full, any other content makes room.

    A page reads its dates one after the other. Whoever forgets what was asked for longest ago forgets exactly what the
    page asks for next, and a store a little above the bound would be read as if nothing were remembered at all.

    Threads may share it: two that ask for the same unknown object both read it, and find the same.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._lock = Lock()
        self._known: RRCache[Any, _Known] = RRCache(limit, getsizeof=lambda known: known.size)

    @property
    def size(self) -> int:
        """Bytes that are taken."""
        return int(self._known.currsize)

    def forget(self) -> None:
        """Read everything anew from now on."""
        with self._lock:
            self._known.clear()

    def of(self, names: Names, stamps: Stamps, read: Callable[[], Found], about: str = "") -> Found:
        """The content of some objects.

        Args:
            names: where everything lies that the content depends on.
            stamps: of the names, asked for just now; a missing object is a stamp too.
            read: reads them. All who ask share its result, and nobody changes it.
            about: tells several contents of the same objects apart.
        """
        key = (names, about)
        with self._lock:
            known = self._known.get(key)
        if known and known.stamps == stamps:
            remembered: Found = known.content
            return remembered
        found = read()
        if is_old(stamps):
            size = size_of(found) + size_of(names)
            with self._lock:
                self._known.pop(key, None)
                if size <= self._known.maxsize:
                    self._known[key] = _Known(stamps, found, size)
        return found


def is_old(stamps: Stamps) -> bool:
    """Whether a later change of these objects would show in their stamps."""
    newest = max((stamp.written_ns for stamp in stamps if stamp), default=0)
    return time.time_ns() - newest > TICK


def size_of(content: Any) -> int:
    """Bytes that a content takes, with everything in it; what it holds twice counts twice."""
    size = sys.getsizeof(content)
    if isinstance(content, Mapping):
        return size + sum(size_of(name) + size_of(value) for name, value in content.items())
    if isinstance(content, list | tuple | set | frozenset):
        return size + sum(map(size_of, content))
    return size + (size_of(vars(content)) if hasattr(content, "__dict__") else 0)


MEMORY = Memory()
"""The memory of this process; the threads of the server share it."""
