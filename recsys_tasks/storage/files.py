"""The one place that writes bytes: temporary name, length check, modes, fsync, rename or link, directory fsync.

Nothing here is ever seen half-written. A new directory appears under its name complete or not at all (rename); a new
file appears only if its name was free (link); a replaced file is the old one or the new one (rename). What a function
has returned from survives a power loss. Nothing is tried twice: a full disk stays full.
"""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Protocol

from recsys_tasks.core.errors import StorageError
from recsys_tasks.storage.access import Access, make_directories
from recsys_tasks.storage.mark import access_under
from recsys_tasks.storage.refusals import FORBIDDEN, forbidden, obstacle
from recsys_tasks.storage.temporary import TEMPORARY, require_own_place, temporary_directory

_WORTH_A_THREAD = 1 << 20  # bytes
_ADVICE = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room, or raise the quota of this user",
    errno.EFBIG: "Raise the limit on the size of one file (ulimit -f)",
    errno.EROFS: "The file system is read-only: remount it",
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
    with _storing(root, final) as (temporary, access):
        directory = NewDirectory(temporary)
        yield directory
        for path in sorted(temporary.rglob("*")):
            access.give(path)
            _sync(path)
        _sync(temporary)
        make_directories(root, final.parent, access)
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
    with _storing(root, final) as (temporary, access):
        staged = _stage(temporary, content, access)
        make_directories(root, final.parent, access)
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
    with _storing(root, final) as (temporary, access):
        staged = _stage(temporary, content, access)
        make_directories(root, final.parent, access)
        staged.rename(final)
        make_durable(root, final)


def copy_file(root: Path, final: Path, source: Path) -> None:
    """Set the content of ``final`` durably to that of another file, as ``replace_file`` does.

    Raises:
        StorageError: the disk is full, broken or read-only, or the rights are missing.
    """
    with _storing(root, final) as (temporary, access):
        staged = temporary / "content"
        shutil.copyfile(source, staged)
        access.give(staged)
        _sync(staged)
        make_directories(root, final.parent, access)
        staged.rename(final)
        make_durable(root, final)


def make_durable(root: Path, path: Path) -> None:
    """Make the name of a path, and of every directory up to the root, survive a power loss.

    All of them each time: a directory that was found may be the work of a writer that was killed before it could do so.
    Whoever relies on a name that it did not make calls this first.
    """
    with storage_errors(path):
        for directory in path.parents:
            _sync(directory)
            if directory == root:
                break
        with suppress(PermissionError):  # the directory that holds the root may be somebody else's
            _sync(root.parent)


def remove_tree(root: Path, path: Path) -> None:
    """Remove a directory so that it is never seen half-removed under its own name; or one file.

    It needs no new directory or file: room is made when there is none. Where the disk does not confirm that the
    directory is gone, it is put back, and nothing is removed. Who is killed in between leaves a directory among the
    temporary ones, which the next sweep removes.

    Raises:
        StorageError: the disk is broken or read-only, or the rights are missing.
    """
    with storage_errors(path):
        if not path.is_dir() or path.is_symlink():
            path.unlink()
            make_durable(root, path)
            return
        require_own_place(root)
        doomed = root / TEMPORARY / secrets.token_hex(16)
        make_directories(root, doomed.parent, access_under(root))  # it is there since the first write
        path.rename(doomed)
        try:
            make_durable(root, path)  # otherwise a power loss might undo the rename, and not the removals that follow
        except StorageError:
            with suppress(OSError):
                doomed.rename(path)
            raise
        shutil.rmtree(doomed, ignore_errors=True)


@contextmanager
def _storing(root: Path, path: Path) -> Iterator[tuple[Path, Access]]:
    """A temporary directory on the way to a path of a store, and the store's modes."""
    with storage_errors(path):
        access = access_under(root)
        with temporary_directory(root, access) as temporary:
            yield temporary, access


def _stage(temporary: Path, content: bytes, access: Access) -> Path:
    staged = temporary / "content"
    write_file(staged, lambda output: output.write(content))
    access.give(staged)
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
def storage_errors(path: Path) -> Iterator[None]:
    """Say of what the file system refuses that a path cannot be written, why, and what to do.

    Raises:
        StorageError: it refused.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {_why(path, error)}; nothing was half-written.") from error


def _why(path: Path, error: OSError) -> str:
    said = "; ".join([error.strerror or str(error), *getattr(error, "__notes__", ())])
    if error.errno in FORBIDDEN:
        named = [Path(name) for name in (error.filename, error.filename2) if isinstance(name, str)]
        where = next((name for name in named if obstacle(name, os.W_OK)), path)
        return f"{said}: {forbidden(where, os.W_OK)} Then rerun"
    return f"{said}. {_ADVICE.get(error.errno or 0, 'Mend the cause')}, then rerun"
