"""Temporary directories under a store's root, each held by a lock for as long as its writer lives.

So what a dead writer left can be told from work in progress, and removed.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_tasks.core.errors import StorageError
from recsys_tasks.storage.access import Access, make_directories

TEMPORARY = ".tmp"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def temporary_directory(root: Path, access: Access) -> Iterator[Path]:
    """Make a directory under the root's own file system, locked while its writer lives, removed at the end."""
    require_own_place(root)
    make_directories(root, root / TEMPORARY, access)
    path, descriptor = _locked_directory(root / TEMPORARY, access)
    try:
        yield path
    except OSError as error:
        if error.errno in _FULL:
            staged = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            error.add_note(f"it needs more than {staged:,} bytes")
        raise
    finally:
        os.close(descriptor)
        shutil.rmtree(path, ignore_errors=True)


def sweep(root: Path) -> list[str]:
    """Remove temporary directories whose writers are gone; names of what was removed.

    Raises:
        StorageError: they would lie elsewhere.
    """
    removed = []
    require_own_place(root)
    for path in sorted((root / TEMPORARY).glob("*")):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # its writer has just finished, or it is none of ours, or not ours to remove
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
        except BlockingIOError:
            continue  # its writer is alive
        finally:
            os.close(descriptor)
    return removed


def require_own_place(root: Path) -> None:
    """Check that what is temporary lies in the store: whoever may write there must lead nobody to remove what lies
    elsewhere.

    Raises:
        StorageError: a link leads out of it.
    """
    if (root / TEMPORARY).is_symlink():
        raise StorageError(f"{root / TEMPORARY} is a link to {os.readlink(root / TEMPORARY)}. Remove it, then rerun.")


def _locked_directory(parent: Path, access: Access) -> tuple[Path, int]:
    """A new directory under a lock; another one if a sweep took the first between its making and its locking."""
    while True:
        path = Path(tempfile.mkdtemp(dir=parent))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.is_dir():
            break
        os.close(descriptor)
    try:
        access.give(path)
    except OSError:
        os.close(descriptor)
        shutil.rmtree(path, ignore_errors=True)
        raise
    return path, descriptor
