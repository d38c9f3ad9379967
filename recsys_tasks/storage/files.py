"""The one place that writes bytes: temporary name, length check, read-only bit, fsync, rename or link, directory fsync.

Nothing here is ever seen half-written. A new directory appears under its name complete or not at all (rename); a new
file appears only if its name was free (link); a replaced file is the old one or the new one (rename). What a function
has returned from survives a power loss. Nothing is tried twice: a full disk stays full.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Protocol

from recsys_tasks.core.errors import StorageError
from recsys_tasks.storage.temporary import temporary_directory

_READ_ONLY = 0o444
_WORTH_A_THREAD = 1 << 20  # bytes
_ADVICE = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room, or raise the quota of this user",
    errno.EFBIG: "Raise the limit on the size of one file (ulimit -f)",
    errno.EROFS: "The file system is read-only: remount it",
    errno.EACCES: "Give this user write access",
    errno.EIO: "The disk failed: look at the kernel's log",
}


class Output(Protocol):
    """Whatever takes bytes."""

    def write(self, content: bytes | memoryview, /) -> int:
        """Take them all."""


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path: Path, fill: Callable[[Output], object]) -> tuple[int, str]:
    """Write a new file in a temporary directory; its length and SHA-256 as they were meant, not as they were stored.

    Raises:
        OSError: the file system refused, or took fewer bytes than it said.
    """
    with path.open("xb") as file:
        output = _Hashed(file)
        fill(output)
    found = path.stat().st_size
    if found != output.size:
        raise OSError(errno.EIO, f"{found:,} of {output.size:,} bytes arrived in {path.name}")
    return output.size, output.digest.hexdigest()


@dataclass
class NewDirectory:
    """A directory in the making, and whether it became the one of its final name."""

    path: Path  # where it is filled
    was_free: bool = False  # known on leaving: False when another directory had the final name first


@contextmanager
def new_directory(root: Path, final: Path) -> Iterator[NewDirectory]:
    """Give a temporary directory to fill; on leaving, it becomes ``final`` durably, unless ``final`` was there first.

    The first complete directory of a name wins: a second writer's identical work is thrown away. On an exception
    nothing of it remains.

    Raises:
        StorageError: the disk is full, broken or read-only, or the rights are missing.
    """
    with _storage_errors(final), temporary_directory(root) as temporary:
        directory = NewDirectory(temporary)
        yield directory
        for path in sorted(temporary.rglob("*")):
            if path.is_file():
                path.chmod(_READ_ONLY)
            _sync(path)
        _sync(temporary)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.rename(final)
            directory.was_free = True
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        make_durable(root, final)


def link_new(root: Path, final: Path, content: bytes) -> bool:
    """Create ``final`` with this content, durably, if and only if the name is free; False when it was taken.

    Raises:
        StorageError: the disk is full, broken or read-only, or the rights are missing.
    """
    with _storage_errors(final), temporary_directory(root) as temporary:
        staged = _stage(temporary, content)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(staged, final)
        except FileExistsError:
            return False
        make_durable(root, final)
        return True


def replace_file(root: Path, final: Path, content: bytes) -> None:
    """Set the content of ``final`` durably; a reader sees the old content or the new one, never a mixture.

    Raises:
        StorageError: the disk is full, broken or read-only, or the rights are missing.
    """
    with _storage_errors(final), temporary_directory(root) as temporary:
        staged = _stage(temporary, content)
        final.parent.mkdir(parents=True, exist_ok=True)
        staged.rename(final)
        make_durable(root, final)


def make_durable(root: Path, path: Path) -> None:
    """Make the name of a path, and of every directory up to the root, survive a power loss.

    All of them each time: a directory that was found may be the work of a writer that was killed before it could do so.
    Whoever relies on a name that it did not make calls this first.
    """
    with _storage_errors(path):
        for directory in path.parents:
            _sync(directory)
            if directory == root:
                break
        with suppress(PermissionError):  # the directory that holds the root may be somebody else's
            _sync(root.parent)


def remove_tree(root: Path, path: Path) -> None:
    """Remove a directory so that it is never seen half-removed under its own name."""
    with _storage_errors(path), temporary_directory(root) as doomed:
        path.rename(doomed / path.name)
        make_durable(root, path)  # otherwise a power loss might undo the rename, and not the removals that follow


def _stage(temporary: Path, content: bytes) -> Path:
    staged = temporary / "content"
    write_file(staged, lambda output: output.write(content))
    staged.chmod(_READ_ONLY)
    _sync(staged)
    return staged


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Hashed:
    """A file that remembers how much it was given, and its SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.size, self.digest = file, 0, hashlib.sha256()

    def write(self, content: bytes | memoryview) -> int:
        """Hand the bytes on; large ones are hashed while they are written and on their way to the disk."""
        self.size += len(content)
        if len(content) < _WORTH_A_THREAD:
            self.digest.update(content)
            return self._file.write(content)
        hashing = Thread(target=self.digest.update, args=(content,))
        hashing.start()
        try:
            written = self._file.write(content)
            os.fdatasync(self._file.fileno())  # the sync that counts comes later, and finds little left to do
            return written
        finally:
            hashing.join()


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        said = "; ".join([error.strerror or str(error), *getattr(error, "__notes__", ())])
        advice = _ADVICE.get(error.errno or 0, "Mend the cause")
        raise StorageError(
            f"{path} cannot be written: {said}. {advice}, then rerun; nothing was half-written."
        ) from error
