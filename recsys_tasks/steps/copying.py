"""A store copied to another place, object by object: from a disk to a bucket, back, or from bucket to bucket.

Whatever is there already with the same bytes is left alone, so that a copy that was killed goes on where it was. An
artefact's manifest is copied after its files, the release log after all else, in its order, and the mark of the new
store is made last: until then no run begins on it by mistake and no reader finds a release that is not whole. What was
copied is read again from its new place and compared. The copy is a store of its own, with a mark of its own.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from recsys_tasks.core.errors import ConfigError, CorruptArtefact, NotStored, StorageError
from recsys_tasks.core.formatting import count
from recsys_tasks.core.roots import Cache, Root
from recsys_tasks.release.releases import LOG, Releases, entry_name
from recsys_tasks.steps.one_store import fresh_mark
from recsys_tasks.steps.results import Result
from recsys_tasks.storage.manifest import LARGEST_MANIFEST, MANIFEST
from recsys_tasks.storage.mark import MARK
from recsys_tasks.storage.object_store import ObjectStore
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.search import every_file
from recsys_tasks.storage.store import ArtefactStore
from recsys_tasks.storage.stored_mark import marked
from recsys_tasks.storage.stores import store_at


@dataclass(frozen=True)
class Copied(Result):
    """What was copied, and what was there already."""

    artefacts: int
    objects: int
    there: int  # artefacts and objects that were there with the same bytes
    bytes: int
    store: str  # id of the copy's mark

    def __str__(self) -> str:
        return (
            f"Copied {count(self.artefacts)} artefacts and {count(self.objects)} objects, {count(self.bytes)} bytes, "
            f"and read them again; {count(self.there)} were there already. The copy is store {self.store[:8]}."
        )


def copy_store(source: Root, target: Root, now: datetime, progress: Callable[[str], None]) -> Copied:
    """Copy a store. No run may be going on in either place.

    Args:
        source, target: roots.
        now: the instant that the mark of the copy shows.
        progress: is told of every artefact.

    Raises:
        ConfigError: the source is no store, or the target holds another one.
        CorruptArtefact: what is stored in the source is damaged; what was copied before stays.
        StorageError: the target refused, or gives other bytes than it was given.
    """
    old, new = store_at(source), store_at(target)
    if not old.holds(MARK):
        raise ConfigError(f"There is no store at {source}. Name the one to copy from first, then the one to copy to.")
    new.require_rights()
    _check_log(old, new)
    copying = _Copying(old, new, progress)
    everything = [name for name in every_file(old) if not name.startswith(".") and name != MARK]
    folders = {name.rpartition("/")[0] for name in everything if name.endswith(f"/{MANIFEST}")}
    for folder in sorted(folders):
        copying.artefact(folder)
    for name in everything:
        if name.rpartition("/")[0] != LOG and name not in copying.done:
            copying.object(name)
    for entry in Releases(old).log().entries:
        copying.entry(entry.number)
    return copying.result(marked(new, fresh_mark(now)).id)


class _Copying:
    """One copy on its way."""

    def __init__(self, old: ArtefactStore, new: PosixStore | ObjectStore, progress: Callable[[str], None]) -> None:
        self._old, self._new, self._progress = old, new, progress
        self.done: set[str] = set()
        self._artefacts = self._objects = self._there = self._bytes = 0

    def artefact(self, folder: str) -> None:
        """Copy an artefact, its manifest last; one of the same manifest is there whole."""
        name = f"{folder}/{MANIFEST}"
        sealed = self._old.read(name, LARGEST_MANIFEST)
        files = self._old.manifest(folder).files
        self.done |= {name, *(f"{folder}/{file}" for file in files)}
        if self._holds(name, sealed):
            self._there += 1
            return
        artefact = self._old.open(folder)
        for file in files:
            self._new.copy_in(f"{folder}/{file}", artefact.file(file))
        self._new.replace(name, sealed)
        with _without_cache(self._new) as reader:
            try:
                reader.open(folder)
            except CorruptArtefact:
                self._new.remove(name)
                raise StorageError(_other_bytes(self._new.where(folder))) from None
        self._artefacts += 1
        self._bytes += sum(file.size for file in files.values())
        self._progress(f"copied {folder}")

    def object(self, name: str) -> None:
        """Copy an object of its own; what went away meanwhile, or is an empty folder, is none."""
        try:
            content = self._old.read(name)
        except (NotStored, CorruptArtefact):
            return
        if self._holds(name, content):
            self._there += 1
            return
        self._new.replace(name, content)
        if not self._holds(name, content):
            raise StorageError(_other_bytes(self._new.where(name)))
        self._objects += 1
        self._bytes += len(content)

    def entry(self, number: int) -> None:
        """Copy an entry of the log; one that is there was compared with the source's before all else."""
        name = entry_name(number)
        self._objects += self._new.create(name, self._old.read(name))

    def result(self, mark: str) -> Copied:
        """What was done."""
        return Copied(self._artefacts, self._objects, self._there, self._bytes, mark)

    def _holds(self, name: str, content: bytes) -> bool:
        try:
            return self._new.read(name) == content
        except (NotStored, CorruptArtefact):
            return False


def _other_bytes(where: str) -> str:
    return f"{where} gives other bytes than it was given. Copy again; if it lasts, look at the disk or the bucket."


@contextmanager
def _without_cache(store: PosixStore | ObjectStore) -> Iterator[ArtefactStore]:
    """The same store, read from where it lies: what a cache holds says nothing of it."""
    if isinstance(store, PosixStore):
        yield store
        return
    cache = store.root.cache
    cache.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="copied-", dir=cache.folder) as folder:
        yield ObjectStore(replace(store.root, cache=Cache(Path(folder), cache.megabytes)))


def _check_log(old: ArtefactStore, new: ArtefactStore) -> None:
    """Check that the target is empty, or an earlier copy of the source.

    Raises:
        ConfigError: its release log is not the beginning of the source's.
    """
    ours, theirs = (Releases(store).log().entries for store in (old, new))
    if theirs != ours[: len(theirs)]:
        raise ConfigError(
            f"{new.where('')} holds another store, with releases that {old.where('')} has not. Name an empty place."
        )
