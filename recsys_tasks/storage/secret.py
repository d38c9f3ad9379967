"""Secrets of a store: drawn once, kept in it with a checksum, in no key and on no page."""

import json

from recsys_tasks.core.digests import canonical_json, digest_of
from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.storage.store import ArtefactStore

LARGEST_SECRET = 1 << 10
"""Bytes: a larger object is no secret of ours."""


def kept_or_drawn(store: ArtefactStore, name: str, field: str, fresh: str, if_lost: str) -> str:
    """The secret of this name, which never changes: the first caller's ``fresh`` is kept as it.

    Raises:
        CorruptArtefact: it is damaged.
        StorageError: the store refused.
    """
    if store.create(name, _sealed(field, fresh), LARGEST_SECRET):
        return fresh
    store.confirm(name)
    return kept(store, name, field, if_lost)


def kept(store: ArtefactStore, name: str, field: str, if_lost: str) -> str:
    """The secret of this name.

    Args:
        store: where it is kept.
        name: under which it is kept.
        field: what it is called in its object.
        if_lost: what to do where no backup has it, in a sentence.

    Raises:
        CorruptArtefact: it is damaged, or not there.
    """
    try:
        content = store.read(name, LARGEST_SECRET)
        secret = str(json.loads(content)[field])
    except (NotStored, ValueError, TypeError, KeyError, RecursionError):
        content, secret = b"", ""
    if not secret or _sealed(field, secret) != content:
        raise CorruptArtefact(f"{store.where(name)} is no {field}. Restore it from a backup. {if_lost}")
    return secret


def _sealed(field: str, secret: str) -> bytes:
    """The secret as it is stored, with a checksum over itself."""
    return canonical_json({field: secret, "sha256": digest_of(secret)})
