"""The one place that writes bytes: temporary name, fsync, rename or link, directory fsync, read-only bit.

Nothing here is ever seen half-written. A new directory appears under its name complete or not at all (rename); a new
file appears only if its name was free (link); a replaced file is the old one or the new one (rename). Each temporary
directory is held by a lock for as long as its writer lives, so that what a dead writer left can be told from work in
progress and removed.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_tasks.errors import StorageError

TEMPORARY = ".tmp"
_READ_ONLY = 0o444


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_directory(root: Path, final: Path) -> Iterator[Path]:
    """Give a temporary directory to fill; on leaving, it becomes ``final`` durably, unless ``final`` was there first.

    The first complete directory of a name wins: a second writer's identical work is thrown away. On an exception
    nothing of it remains.

    Raises:
        StorageError: the disk is full, read-only, or the rights are missing.
    """
    with _storage_errors(final), _temporary_directory(root) as temporary:
        yield temporary
        for path in sorted(temporary.rglob("*")):
            _sync(path)
            if path.is_file():
                path.chmod(_READ_ONLY)
        _sync(temporary)
        _make_parent(root, final)
        try:
            temporary.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        _sync(final.parent)


def link_new(root: Path, final: Path, content: bytes) -> bool:
    """Create ``final`` with this content, durably, if and only if the name is free; False when it was taken.

    Raises:
        StorageError: the disk is full, read-only, or the rights are missing.
    """
    with _storage_errors(final), _temporary_directory(root) as temporary:
        staged = _stage(temporary, content)
        _make_parent(root, final)
        try:
            os.link(staged, final)
        except FileExistsError:
            return False
        _sync(final.parent)
        return True


def replace_file(root: Path, final: Path, content: bytes) -> None:
    """Set the content of ``final`` durably; a reader sees the old content or the new one, never a mixture.

    Raises:
        StorageError: the disk is full, read-only, or the rights are missing.
    """
    with _storage_errors(final), _temporary_directory(root) as temporary:
        staged = _stage(temporary, content)
        _make_parent(root, final)
        staged.rename(final)
        _sync(final.parent)


def make_durable(root: Path, path: Path) -> None:
    """Make the names of a path and of every directory up to the root survive a power loss.

    A writer that was killed between rename and directory fsync leaves a name that is there and not yet durable; whoever
    relies on what it finds calls this first.
    """
    with _storage_errors(path):
        for directory in path.parents:
            _sync(directory)
            if directory == root:
                break


def remove_tree(root: Path, path: Path) -> None:
    """Remove a directory so that it is never seen half-removed under its own name."""
    with _storage_errors(path), _temporary_directory(root) as doomed:
        path.rename(doomed / path.name)


def sweep(root: Path) -> list[str]:
    """Remove temporary directories whose writers are gone; names of what was removed."""
    removed = []
    for path in sorted((root / TEMPORARY).glob("*")):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            continue  # its writer has just finished, or it is none of ours
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
        except BlockingIOError:
            continue  # its writer is alive
        finally:
            os.close(descriptor)
    return removed


@contextmanager
def _temporary_directory(root: Path) -> Iterator[Path]:
    """Make a directory under the root's own file system, locked while its writer lives, removed at the end."""
    (root / TEMPORARY).mkdir(parents=True, exist_ok=True)
    path, descriptor = _locked_directory(root / TEMPORARY)
    try:
        yield path
    finally:
        os.close(descriptor)
        shutil.rmtree(path, ignore_errors=True)


def _locked_directory(parent: Path) -> tuple[Path, int]:
    """A new directory under a lock; another one if a sweep took the first between its making and its locking."""
    while True:
        path = Path(tempfile.mkdtemp(dir=parent))
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.is_dir():
            return path, descriptor
        os.close(descriptor)


def _stage(temporary: Path, content: bytes) -> Path:
    staged = temporary / "content"
    staged.write_bytes(content)
    _sync(staged)
    staged.chmod(_READ_ONLY)
    return staged


def _make_parent(root: Path, final: Path) -> None:
    """Make the directories between the root and ``final``, and make their names durable."""
    if final.parent.is_dir():
        return
    final.parent.mkdir(parents=True, exist_ok=True)
    for directory in [final.parent, *final.parent.parents]:
        _sync(directory)
        if directory == root:
            break


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = {
            errno.ENOSPC: "Make room, then rerun; nothing was half-written.",
            errno.EROFS: "The file system is read-only: remount it, then rerun.",
            errno.EACCES: "Give this user write access, then rerun.",
        }.get(error.errno or 0, "Nothing was half-written; rerun when the cause is mended.")
        raise StorageError(f"{path} cannot be written: {error.strerror}. {advice}") from error
