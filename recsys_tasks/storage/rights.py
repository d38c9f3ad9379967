"""Whether this account may work in a store, asked before any work is done; and the modes of a store, mended."""

import os
from collections.abc import Iterator
from pathlib import Path

from recsys_tasks.core.errors import StorageError
from recsys_tasks.storage.refusals import account, forbidden, obstacle, owned

NEEDED = os.R_OK | os.W_OK | os.X_OK
NAMED = 3
"""So many refused directories are named; the others are counted."""


def require_rights(root: Path) -> None:
    """Refuse a store in which this account may not read and write.

    Of the root, and of the two levels of directories below it, in one of which each artefact and each object lies.

    Raises:
        StorageError: it may not; the message says what belongs to whom.
    """
    if obstacle(root, NEEDED):
        raise StorageError(f"Nothing can be stored in {root}: {forbidden(root, NEEDED, root)}")
    if not root.exists():
        return
    refused = [Path(path) for path in _folders(root) if _refuses(path)]
    if refused:
        named = "; ".join(f"{path} {owned(path)}" for path in refused[:NAMED])
        more = f", and {len(refused) - NAMED:,} directories more" if len(refused) > NAMED else ""
        raise StorageError(
            f"A day would end half-way through in {root}: this is {account()}, and may not work in {named}{more}. "
            "Run every day as one account, or let a group share the store (recsys store --group NAME, as its owner)."
        )


def _folders(root: Path) -> Iterator[str]:
    """The two levels of directories; as plain text, for a store may have thousands of them."""
    for folder in _below(str(root)):
        yield folder
        if os.access(folder, NEEDED, effective_ids=True):
            yield from _below(folder)


def _below(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def _refuses(path: str) -> bool:
    """Whether a directory refuses this account; one that has gone since, as a temporary does, refuses nobody."""
    return not os.access(path, NEEDED, effective_ids=True) and os.path.lexists(path)
