"""A local folder of verified artefacts before a store that is no local disk. Everything in it can be fetched again.

    artefacts/<SHA-256 of a manifest>/<name of the artefact>/   its files, as far as they were asked for
    objects/<key>/<SHA-256>                                     one large object, by its address and version
    .tmp/                                                       what is being made or fetched

A file appears under its name whole, by one rename, and is verified each time that it is opened: a cache that was
killed, or that rotted, costs a download. Processes share it. Whoever has an entry open holds a shared lock on its
directory, and room is made of the entries that were used longest ago and that nobody holds.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import BinaryIO

from recsys_tasks.core.errors import StorageError
from recsys_tasks.core.roots import Cache
from recsys_tasks.storage.access import PRIVATE, make_directories
from recsys_tasks.storage.files import sha256_of
from recsys_tasks.storage.temporary import sweep, temporary_directory

ARTEFACTS, OBJECTS = "artefacts", "objects"
UNUSED_DAYS = 7
"""Days after which what nobody used goes, room or none: an artefact that an erasure removed is used no more."""


class Held:
    """A shared lock on an entry: it cannot be removed while this object lives, in whatever process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)


@dataclass(frozen=True)
class Entry:
    """An open entry of the cache."""

    path: Path
    held: Held


class LocalCache:
    """The cache in one folder."""

    def __init__(self, settings: Cache) -> None:
        self._settings = settings
        self.folder = settings.folder

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """A folder on the cache's file system, removed at the end.

        Raises:
            StorageError: the disk is full, or refuses this account.
        """
        with self._writing(), temporary_directory(self.folder, PRIVATE) as folder:
            yield folder

    def artefact(self, sealed: bytes) -> Entry:
        """The entry of a manifest, empty where nothing of it was fetched.

        Raises:
            StorageError: the disk is full, or refuses this account.
        """
        return self._entry(self._artefact_path(sealed))

    def keep(self, sealed: bytes, made: Path) -> Entry:
        """The entry of a manifest, from a folder that holds all of it; what is there already stays."""
        path = self._artefact_path(sealed)
        with self._writing():
            make_directories(self.folder, path.parent, PRIVATE)
            with suppress(OSError):  # it is there: an equal one
                made.rename(path)
        return self._entry(path)

    def add(self, file: Path, fetch: Callable[[BinaryIO], object]) -> None:
        """Add a file to an open entry, whole.

        Args:
            file: its final path.
            fetch: writes it; whatever it raises, nothing is added.
        """
        with self.temporary() as folder:
            staged = folder / "fetched"
            with staged.open("xb") as output:
                fetch(output)
            make_directories(self.folder, file.parent, PRIVATE)
            PRIVATE.give(staged)
            staged.rename(file)

    def object(self, key: str) -> bytes | None:
        """The content of a large object that was kept under a key; None where there is none, or it has rotted."""
        return self._first_object(f"{_name(key)}/*")

    def object_of(self, sha256: str) -> bytes | None:
        """The content of a large object of this checksum, under whatever key; None as in ``object``."""
        return self._first_object(f"*/{sha256}")

    def keep_object(self, key: str, content: bytes) -> None:
        """Keep the content of a large object."""
        path = self.folder / OBJECTS / _name(key)
        with self._writing():
            shutil.rmtree(path, ignore_errors=True)
        self.add(path / hashlib.sha256(content).hexdigest(), lambda output: output.write(content))

    def forget(self, sealed: bytes) -> None:
        """Remove the entry of a manifest, unless somebody holds it: its artefact is gone, or has another one."""
        self._removed(self._artefact_path(sealed))

    def forget_object(self, key: str) -> None:
        """Remove a large object."""
        self._removed(self.folder / OBJECTS / _name(key))

    def make_room(self) -> None:
        """Remove what was used longest ago and nobody holds, until no more is there than may be, and nothing that was
        not used for a week; and what dead processes were making."""
        sweep(self.folder)
        sizes = {path: _size(path) for kind in (ARTEFACTS, OBJECTS) for path in self._folder(kind)}
        excess = sum(sizes.values()) - self._settings.megabytes * 1_000_000
        for path in sorted(sizes, key=_used):
            if excess <= 0 and time() - _used(path) < UNUSED_DAYS * 86_400:
                return
            if self._removed(path):
                excess -= sizes[path]

    def _first_object(self, pattern: str) -> bytes | None:
        try:
            file = next((self.folder / OBJECTS).glob(pattern))
            content = file.read_bytes()
            os.utime(file.parent)
        except (OSError, StopIteration):
            return None
        return content if hashlib.sha256(content).hexdigest() == file.name else None

    def _entry(self, path: Path) -> Entry:
        """An entry under a shared lock; made anew where another process removed it before it was locked."""
        with self._writing():
            while True:
                make_directories(self.folder, path, PRIVATE)
                try:
                    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
                except FileNotFoundError:
                    continue
                held = Held(descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                    os.utime(path)
                    return Entry(path, held)

    def _removed(self, path: Path) -> bool:
        """Whether an entry could be removed: nobody holds it."""
        try:
            held = Held(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
            fcntl.flock(held._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self.temporary() as folder:
                path.rename(folder / "removed")
        except OSError:  # somebody holds it, or has removed it
            return False
        return True

    def _artefact_path(self, sealed: bytes) -> Path:
        return self.folder / ARTEFACTS / hashlib.sha256(sealed).hexdigest()

    def _folder(self, kind: str) -> list[Path]:
        with suppress(FileNotFoundError):
            return list((self.folder / kind).iterdir())
        return []

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"The cache {self.folder} cannot be written: {error.strerror or error}. Make room or rights, or set "
                "RECSYS_CACHE to another local folder, then rerun."
            ) from error


def is_sound(file: Path, size: int, sha256: str) -> bool:
    """Whether a file of the cache is there, and is what its manifest says."""
    try:
        return file.stat().st_size == size and sha256_of(file) == sha256
    except OSError:
        return False


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return 0


def _used(path: Path) -> float:
    """When an entry was last used; one that is gone was used longest ago."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
