"""The release log in a store: one small object an entry, created only if its name is free: a number is taken once."""

from collections.abc import Callable

from recsys_tasks.core.errors import CorruptArtefact, NotStored, PublishConflict
from recsys_tasks.release.log import Entry, ReleaseLog, parse_entry
from recsys_tasks.storage.store import ArtefactStore

LOG = "releases/log"
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
        names = [name.removesuffix(".json") for name in self._store.names(LOG) if name.endswith(".json")]
        numbers = sorted(int(name) for name in names if name.isdecimal())
        if numbers != list(range(1, len(numbers) + 1)):
            missing = next(n for n in range(1, numbers[-1] + 1) if n not in set(numbers))
            raise CorruptArtefact(
                f"{self._store.where(entry_name(missing))} is missing. Restore it from a backup; nothing is published."
            )
        return ReleaseLog(tuple(map(read or self.entry, numbers)))

    def append(self, entry: Entry) -> Entry:
        """Make an entry the newest one, durably.

        Raises:
            PublishConflict: somebody else took its number first.
            StorageError: the store refused.
        """
        if not self._store.create(entry_name(entry.number), entry.to_bytes()):
            raise PublishConflict(f"Entry {entry.number} of the release log was taken by somebody else. Try again.")
        return entry

    def confirm(self, entry: Entry) -> None:
        """Make an entry that was found survive a power loss: its writer may have been killed before it could do so.

        Raises:
            StorageError: the store refused.
        """
        self._store.confirm(entry_name(entry.number))


def entry_name(number: int) -> str:
    """Where an entry lies."""
    return f"{LOG}/{number}.json"
