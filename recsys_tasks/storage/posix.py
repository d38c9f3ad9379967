"""The store on a local POSIX file system: what ``files`` promises, under the names of ``ArtefactStore``."""

import fcntl
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.storage.artefacts import Artefact, Content, open_artefact, read_manifest, save_artefact
from recsys_tasks.storage.files import copy_file, link_new, make_durable, remove_tree, replace_file, storage_errors
from recsys_tasks.storage.manifest import Manifest
from recsys_tasks.storage.mark import access_under
from recsys_tasks.storage.refusals import reading
from recsys_tasks.storage.rights import require_rights
from recsys_tasks.storage.sizes import check_size
from recsys_tasks.storage.store import Stamp
from recsys_tasks.storage.temporary import TEMPORARY, sweep, temporary_directory


class PosixStore:
    """An ``ArtefactStore`` under one root directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PosixStore) and other.root == self.root

    def __hash__(self) -> int:
        return hash(self.root)

    def put(
        self,
        name: str,
        digest: str,
        key: Mapping[str, Any],
        files: Mapping[str, Content],
        figures: Mapping[str, Any] | None = None,
    ) -> Artefact:
        """As ``ArtefactStore``: one rename of a complete directory."""
        return save_artefact(self.root, self.root / name, digest, key, files, figures)

    @contextmanager
    def workspace(self) -> Iterator[str]:
        """As ``ArtefactStore``: on the file system of the root."""
        with ExitStack() as held:
            with storage_errors(self.root / TEMPORARY):
                folder = held.enter_context(temporary_directory(self.root, access_under(self.root)))
            yield str(folder)

    def open(self, name: str, digest: str | None = None, only: Collection[str] = ()) -> Artefact:
        """As ``ArtefactStore``: the files where they lie."""
        with self._reading(name):
            return open_artefact(self.root / name, digest, only)

    def manifest(self, name: str) -> Manifest:
        """As ``ArtefactStore``."""
        with self._reading(name):
            return read_manifest(self.root / name)

    def holds(self, name: str) -> bool:
        """As ``ArtefactStore``."""
        return self._status(name, follow=True) is not None

    def names(self, folder: str) -> list[str]:
        """As ``ArtefactStore``."""
        try:
            with self._reading(folder):
                return sorted(os.listdir(self.root / folder))
        except OSError:  # there is no such folder
            return []

    def remove(self, name: str) -> None:
        """As ``ArtefactStore``."""
        remove_tree(self.root, self.root / name)

    def read(self, name: str, most: int | None = None) -> bytes:
        """As ``ArtefactStore``."""
        path = self.root / name
        try:
            with self._reading(name):
                found = path.lstat() if most is not None else path.stat()  # whoever opens a pipe waits for ever
                if not stat.S_ISREG(found.st_mode) or (most is not None and found.st_size > most):
                    raise CorruptArtefact(f"{path} is no plain file{_at_most(most)}. Restore it from a backup.")
                return path.read_bytes()
        except FileNotFoundError:
            raise NotStored(f"{path} does not exist. Run the step that makes it first.") from None

    def create(self, name: str, content: bytes, most: int | None = None) -> bool:
        """As ``ArtefactStore``: one ``link``."""
        check_size(self.where(name), content, most)
        return link_new(self.root, self.root / name, content)

    def replace(self, name: str, content: bytes, most: int | None = None) -> None:
        """As ``ArtefactStore``: one rename of a complete file."""
        check_size(self.where(name), content, most)
        replace_file(self.root, self.root / name, content)

    def check_kept(self, name: str, only: Collection[str] = ()) -> None:
        """As ``ArtefactStore``: what is opened is what is kept."""

    def copy_in(self, name: str, file: Path) -> None:
        """As ``ArtefactStore``: one rename of a complete copy."""
        copy_file(self.root, self.root / name, file)

    def confirm(self, name: str) -> None:
        """As ``ArtefactStore``."""
        make_durable(self.root, self.root / name)

    def where(self, name: str) -> str:
        """As ``ArtefactStore``: its path."""
        return str(self.root / name)

    def stamp(self, name: str) -> Stamp | None:
        """As ``ArtefactStore``: of the name itself, not of what a link leads to."""
        found = self._status(name, follow=False)
        return _stamp(found) if found else None

    def stamps(self, folder: str) -> dict[str, Stamp]:
        """As ``ArtefactStore``: one reading of the directory; what is removed meanwhile is left out."""
        found = {}
        try:
            with self._reading(folder), os.scandir(self.root / folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        found[entry.name] = _stamp(entry.stat(follow_symlinks=False))
        except OSError:  # there is nothing, or no folder
            return {}
        return found

    def written_at(self, name: str) -> float:
        """As ``ArtefactStore``."""
        with self._reading(name):
            return (self.root / name).stat().st_mtime

    def bytes_of(self, name: str) -> int:
        """As ``ArtefactStore``."""
        path = self.root / name
        with self._reading(name):
            files = path.rglob("*") if path.is_dir() else [path]
            return sum(file.stat().st_size for file in files if file.is_file())

    @contextmanager
    def locked(self, name: str, wait: bool = True) -> Iterator[bool]:
        """As ``ArtefactStore``: a lock that ends with the process that holds it."""
        with self._reading(name):
            descriptor = os.open(self.root / name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield _locked(descriptor, wait)
        finally:
            os.close(descriptor)

    def sweep(self) -> list[str]:
        """As ``ArtefactStore``: temporary directories whose lock nobody holds."""
        return sweep(self.root)

    def moved(self) -> None:
        """As ``ArtefactStore``: nothing does."""

    def require_rights(self) -> None:
        """As ``ArtefactStore``: of the root, and of the two levels of directories below it."""
        require_rights(self.root)

    def _status(self, name: str, follow: bool) -> os.stat_result | None:
        """What the file system says of a name; None where there is nothing."""
        try:
            with self._reading(name):
                return os.stat(self.root / name, follow_symlinks=follow)
        except OSError:  # there is nothing, or no file system takes a name of that length
            return None

    def _reading(self, name: str) -> AbstractContextManager[None]:
        return reading(self.root / name, self.root)


def _at_most(most: int | None) -> str:
    return f" of at most {most:,} bytes" if most is not None else ""


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_size, found.st_mtime_ns, f"{found.st_ctime_ns} {found.st_ino}")


def _locked(descriptor: int, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
