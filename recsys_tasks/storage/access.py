"""Who may read and write what is stored: one rule for every directory and file of a store, whatever the umask.

A store is private to the account that made it, or shared by the accounts of a group. Its mark says which.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Access:
    """The modes of everything in a store."""

    directory: int
    file: int  # never writable: what is stored is replaced, not changed
    owner: int | None = None  # number of the account that everything is given to; None: it stays with its maker

    def give(self, path: Path) -> None:
        """Set the owner and the mode of what was just made."""
        if self.owner is not None:
            os.chown(path, self.owner, -1)  # before the mode, of which it clears the bit that hands the group on
        path.chmod(self.directory if path.is_dir() else self.file)

    def under(self, root: Path) -> "Access":
        """The same for this process: what root makes in another account's store is that account's, as all the rest."""
        if os.geteuid() != 0 or not root.exists():
            return self
        owner = root.stat().st_uid
        return replace(self, owner=owner) if owner != 0 else self


PRIVATE = Access(0o700, 0o400)
"""Play counts and the salt are nobody else's business."""
SHARED = Access(0o2770, 0o440)
"""Directories hand their group on to what is made in them, so that no account need know its number."""


def make_directories(root: Path, directory: Path, access: Access) -> None:
    """Make what is missing of the directories from the root to this one.

    Those below the root that are ours and have another mode get the store's: their maker was killed before it could
    set it, or was a version that left it to the umask. A root that was there already is its maker's business.

    Raises:
        OSError: the file system refused.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    missing = not root.exists()
    for each in [root, *reversed([parent for parent in (directory, *directory.parents) if root in parent.parents])]:
        each.mkdir(access.directory, exist_ok=True)
        found = each.stat()
        is_ours = found.st_uid == os.geteuid() and (missing or each != root)
        if is_ours and (access.owner is not None or found.st_mode & 0o7777 != access.directory):
            access.give(each)
