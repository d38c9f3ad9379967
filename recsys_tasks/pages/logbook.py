"""The release log between requests: an entry is read once, for it never changes, and again where its stamp differs.

Every request asks for the stamps of all entries in one go, and reads the newest one, which says what is live. Of the
figures of the others, only what a page shows is kept: the whole of them is nine times the rest.
"""

from collections.abc import Mapping
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

from cachetools import LRUCache

from recsys_tasks.pages.memory import is_old
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.releases import LOG, Releases, entry_numbers
from recsys_tasks.storage.store import ArtefactStore, Stamp

KEPT = ("pair", "precision", "precision_error")
"""Figures of an entry that pages show, or compare with those of a judgement."""
STORES = 32
"""Logs that are remembered, one a service; an entry takes about two kilobytes."""


class _Book(NamedTuple):
    stamps: Mapping[str, Stamp]
    log: ReleaseLog


class LogBook:
    """The logs of the stores that pages have shown. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._books: LRUCache[str, _Book] = LRUCache(STORES)

    def log(self, store: ArtefactStore) -> ReleaseLog:
        """The release log of a store.

        Raises:
            CorruptArtefact: an entry is damaged or missing.
        """
        releases, stamps = Releases(store), store.stamps(LOG)
        with self._lock:
            book = self._books.get(store.where(""), _Book({}, ReleaseLog()))
        entries = book.log.entries
        if entries and book.stamps == stamps and releases.entry(len(entries)) == entries[-1]:
            return book.log
        newest = max(entry_numbers(stamps), default=0)

        def read(number: int) -> Entry:
            name = f"{number}.json"
            if number != newest and number <= len(entries) and book.stamps.get(name) == stamps.get(name):
                return _slim(entries[number - 1])
            entry = releases.entry(number)
            return entry if number == newest else _slim(entry)

        log = releases.log(read)
        if is_old(tuple(stamps.values())):
            with self._lock:
                self._books[store.where("")] = _Book(stamps, log)
        return log

    def forget(self) -> None:
        """Read everything anew from now on."""
        with self._lock:
            self._books.clear()


def _slim(entry: Entry) -> Entry:
    """An entry with no other figures than pages need of one that is not live."""
    if entry.figures.keys() <= set(KEPT):
        return entry
    return replace(entry, figures={name: entry.figures[name] for name in KEPT if name in entry.figures})


LOGS = LogBook()
"""Those of this process; the threads of the server share them."""
