"""The mark in a store: found, made once, changed where a group comes to share the store."""

from dataclasses import replace

from recsys_tasks.core.errors import NotStored
from recsys_tasks.storage.mark import MARK, Mark, parse_mark
from recsys_tasks.storage.store import ArtefactStore

LARGEST_MARK = 1 << 12
"""Bytes: a larger object is no mark of ours."""


def mark_of(store: ArtefactStore) -> Mark | None:
    """The mark of a store; None where it has none yet.

    Raises:
        CorruptArtefact: it is damaged.
        Unreadable: this account may not read it.
    """
    try:
        return parse_mark(store.read(MARK, LARGEST_MARK), store.where(MARK))
    except NotStored:
        return None


def marked(store: ArtefactStore, fresh: Mark) -> Mark:
    """The mark of a store; the first caller's ``fresh`` is kept as it.

    Raises:
        CorruptArtefact: it is damaged.
        StorageError: the store refused.
    """
    found = mark_of(store)
    if found is not None:
        return found
    if store.create(MARK, fresh.to_bytes(), LARGEST_MARK):
        return fresh
    store.confirm(MARK)
    return parse_mark(store.read(MARK, LARGEST_MARK), store.where(MARK))


def shared_by(store: ArtefactStore, fresh: Mark, group: str | None) -> Mark:
    """Mark a store as shared by a group, or as private; it stays the same store.

    Raises:
        CorruptArtefact: its mark is damaged.
        StorageError: the store refused.
    """
    mark = replace(marked(store, fresh), group=group)
    store.replace(MARK, mark.to_bytes(), LARGEST_MARK)
    return mark
