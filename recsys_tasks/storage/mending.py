"""The modes of everything in a store, counted and mended: its files may be older than the rule that its mark tells.

Links are never followed: whoever may write in a shared store must not lead another account to files elsewhere.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recsys_tasks.storage.access import Access


@dataclass(frozen=True)
class Rule:
    """What every directory and file of a store should be like."""

    access: Access
    group: int | None = None  # number of the group; None: of any

    def is_kept(self, found: os.stat_result) -> bool:
        """Whether a directory or file is like that."""
        return stat.S_IMODE(found.st_mode) == self.mode(found) and self.group in (None, found.st_gid)

    def mode(self, found: os.stat_result) -> int:
        """The mode that it should have."""
        return self.access.directory if stat.S_ISDIR(found.st_mode) else self.access.file


@dataclass(frozen=True)
class Counted:
    """Directories and files of a store, by their owners' numbers."""

    owners: Mapping[int, int]  # all of them
    others: Mapping[int, int]  # those that are not as the rule says
    unseen: int  # directories that this account may not look into


def counted(root: Path, rule: Rule, mend: bool = False) -> Counted:
    """Count what is, and is not, as a rule says.

    Args:
        root: of the store.
        rule: the rule.
        mend: make everything like it first, as far as this account may.
    """
    unseen: list[OSError] = []
    owners, others = Counter[int](), Counter[int]()
    for folder, name in _all(root, unseen):
        found = _status(folder, name)
        if found is None or not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            continue
        kept = rule.is_kept(found) or (mend and _mended(folder, name, rule, found))
        owners[found.st_uid] += 1
        others[found.st_uid] += not kept
    return Counted(owners, +others, sum(isinstance(error, PermissionError) for error in unseen))


def _all(root: Path, unseen: list[OSError]) -> Iterator[tuple[int, str]]:
    """The root and everything below it, a directory before what lies in it: an open directory, and a name in it."""
    above = os.open(root.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield above, root.name
    finally:
        os.close(above)
    for _, folders, files, folder in os.fwalk(root, onerror=unseen.append):
        for name in (*folders, *files):
            yield folder, name


def _status(folder: int, name: str) -> os.stat_result | None:
    """What the file system says; None where a writer's temporary, or what retention removed, has gone meanwhile."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _mended(folder: int, name: str, rule: Rule, found: os.stat_result) -> bool:
    """Whether it could be made like the rule: by its owner, who is of the group, or by root."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:  # not ours to read, or gone
        return False
    try:
        if rule.group is not None:
            os.fchown(descriptor, -1, rule.group)
        os.fchmod(descriptor, rule.mode(found))
        return rule.is_kept(os.fstat(descriptor))
    except PermissionError:
        return False
    finally:
        os.close(descriptor)
