"""The release log on disk: one file an entry, created by ``link`` so that a number is taken exactly once."""

import json
from collections.abc import Callable
from pathlib import Path

from recsys_tasks.core.digests import canonical_json
from recsys_tasks.core.errors import CorruptArtefact, PublishConflict
from recsys_tasks.release.log import Entry, ReleaseLog, parse_entry
from recsys_tasks.storage.files import link_new, make_durable
from recsys_tasks.storage.store import Store

_ENTRY_LIMIT = 1 << 20  # bytes; a larger file is no entry of ours


def read_entry(store: Store, number: int) -> Entry:
    """One entry, checked against its own checksum and number.

    Raises:
        CorruptArtefact: it is missing, foreign or damaged.
    """
    path = entry_path(store, number)
    try:
        if path.is_symlink() or path.stat().st_size > _ENTRY_LIMIT:
            raise ValueError
        content = path.read_bytes()
        values = json.loads(content)
        if canonical_json(values) != content:
            raise ValueError
    except (OSError, ValueError, RecursionError):
        values = {}
    entry = parse_entry(values, str(path))
    if entry.number != number:
        raise CorruptArtefact(f"{path} holds entry {entry.number}. Restore it from a backup; nothing is published.")
    return entry


def read_log(store: Store, read: Callable[[Store, int], Entry] = read_entry) -> ReleaseLog:
    """All entries, each checked against its own checksum and number.

    Args:
        store: where they lie.
        read: how one is read.

    Raises:
        CorruptArtefact: an entry is missing, foreign or damaged. Nothing older is ever taken for live instead.
    """
    directory = log_path(store)
    numbers = sorted(int(path.stem) for path in directory.glob("*.json") if path.stem.isdecimal())
    if numbers != list(range(1, len(numbers) + 1)):
        missing = next(n for n in range(1, numbers[-1] + 1) if n not in set(numbers))
        raise CorruptArtefact(f"{directory}/{missing}.json is missing. Restore it from a backup; nothing is published.")
    return ReleaseLog(tuple(read(store, number) for number in numbers))


def log_path(store: Store) -> Path:
    """The directory of the entries."""
    return store.root / "releases" / "log"


def append(store: Store, entry: Entry) -> Entry:
    """Make an entry the newest one, durably.

    Raises:
        PublishConflict: somebody else took its number first.
        StorageError: the file system refused.
    """
    if not link_new(store.root, entry_path(store, entry.number), entry.to_bytes()):
        raise PublishConflict(f"Entry {entry.number} of the release log was taken by somebody else. Try again.")
    return entry


def confirm(store: Store, entry: Entry) -> None:
    """Make an entry that was found survive a power loss: its writer may have been killed before it could do so.

    Raises:
        StorageError: the file system refused.
    """
    make_durable(store.root, entry_path(store, entry.number))


def entry_path(store: Store, number: int) -> Path:
    """The file of an entry."""
    return log_path(store) / f"{number}.json"
