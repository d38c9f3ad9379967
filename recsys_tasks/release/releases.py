"""The release log in a store: one small object an entry, created only if its name is free: a number is taken once."""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored, PublishConflict
from recsys_tasks.release.log import Entry, ReleaseLog, parse_entry
from recsys_tasks.storage.store import ArtefactStore

LOG = "releases/log"
ENTRY = re.compile(r"([1-9][0-9]*)\.json")
READ_TOGETHER = 8
"""Entries at a time from a store that is asked over a wire."""
LARGEST_ENTRY = 1 << 20
"""Bytes: a larger object is no entry of ours, and is not read into memory."""


class Releases:
    """The release log."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def entry(self, number: int) -> Entry:
        """One entry, checked against its own checksum and number.

        Raises:
            CorruptArtefact: it is missing, foreign or damaged.
        """
        where = self._store.where(entry_name(number))
        try:
            content = self._store.read(entry_name(number), LARGEST_ENTRY)
        except (OSError, NotStored, CorruptArtefact):
            content = b""
        entry = parse_entry(content, where)
        if entry.number != number:
            raise CorruptArtefact(
                f"{where} holds entry {entry.number}. Restore it from a backup; nothing is published."
            )
        return entry

    def log(self, read: Callable[[int], Entry] | None = None) -> ReleaseLog:
        """All entries, each checked against its own checksum and number.

        Args:
            read: how one is read; None: ``entry``.

        Raises:
            CorruptArtefact: an entry is missing, foreign or damaged. Nothing older is ever taken for live instead.
        """
        listed = entry_numbers(self._store.names(LOG))
        newest = max(listed, default=0)
        while self._store.holds(entry_name(newest + 1)):  # a bucket may list its objects as they were a moment ago
            newest += 1
        numbers = range(1, newest + 1)
        absent = (number for number in numbers if number not in listed)
        missing = next((number for number in absent if not self._store.holds(entry_name(number))), None)
        if missing:
            raise CorruptArtefact(
                f"{self._store.where(entry_name(missing))} is missing. Restore it from a backup; nothing is published."
            )
        if read is not None or self._store.moved() is None:
            return ReleaseLog(tuple(map(read or self.entry, numbers)))
        with ThreadPoolExecutor(READ_TOGETHER) as readers:
            return ReleaseLog(tuple(readers.map(self.entry, numbers)))

    def append(self, entry: Entry) -> Entry:
        """Make an entry the newest one, durably.

        Raises:
            BadData: nobody could read it again; nothing is written that would close the log for good.
            PublishConflict: somebody else took its number first.
            StorageError: the store refused.
        """
        name, content = entry_name(entry.number), _readable(entry)
        if not self._store.create(name, content, LARGEST_ENTRY):
            raise PublishConflict(f"Entry {entry.number} of the release log was taken by somebody else. Try again.")
        return entry

    def confirm(self, entry: Entry) -> None:
        """Make an entry that was found survive a power loss: its writer may have been killed before it could do so.

        Raises:
            StorageError: the store refused.
        """
        self._store.confirm(entry_name(entry.number))


def entry_numbers(names: Iterable[str]) -> list[int]:
    """Numbers of the entries among the names in the log's folder, rising; whatever else lies there is none."""
    found = (ENTRY.fullmatch(name) for name in names)
    return sorted(int(each[1]) for each in found if each)


def _readable(entry: Entry) -> bytes:
    """An entry as it is stored, after every reader's own look at it.

    Raises:
        BadData: they would refuse it.
    """
    try:
        content = entry.to_bytes()
        parse_entry(content, entry_name(entry.number))
    except (CorruptArtefact, ValueError):
        raise BadData(
            f"Entry {entry.number} of the release log would be read by nobody: nothing was written."
        ) from None
    return content


def entry_name(number: int) -> str:
    """Where an entry lies."""
    return f"{LOG}/{number}.json"
