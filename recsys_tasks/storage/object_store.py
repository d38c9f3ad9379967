"""The store in a bucket of S3, Google Cloud Storage or Azure, with a local cache of verified artefacts.

    <name>                            a small object; <artefact>/manifest.json is one, and makes the artefact be there
    .files/<artefact>/<file>/<sha256> the content of an artefact's file
    .writing/<word>                   name of what is being stored or removed, as long as it is
    .locks/<folder>/<n>               leases of a folder (``leases``)
    .probe/<word>                     the trial of a server (``probe``)
    .clock                            written to learn what time it is there

An artefact is there once its manifest is, which is put last and only if its name is free: of two writers one wins, and
since a file lies under its own checksum neither changes what the other's manifest vouches for. Nothing here relies on a
listing being up to date, but what removes things: what it does not see is removed the next time.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.core.roots import Bucket
from recsys_tasks.storage.artefacts import Artefact, Content, fill_artefact
from recsys_tasks.storage.bucket import Requests, Seen
from recsys_tasks.storage.bucket_artefacts import FILES, BucketArtefacts
from recsys_tasks.storage.cache import LocalCache
from recsys_tasks.storage.leases import leased
from recsys_tasks.storage.manifest import MANIFEST, Manifest, parse_manifest
from recsys_tasks.storage.probe import probe
from recsys_tasks.storage.sizes import check_size
from recsys_tasks.storage.store import Moved, Stamp

WORTH_KEEPING = 1 << 16
"""Bytes from which on the content of an object is kept locally: below it, a download costs what asking does."""
DEAD_AFTER = 86_400.0
"""Seconds by the store's own clock after which what was being stored is taken for a dead writer's."""

Result = TypeVar("Result")


class ObjectStore:
    """An ``ArtefactStore`` in a bucket."""

    def __init__(self, root: Bucket, dead_after: float = DEAD_AFTER) -> None:
        """A store; nothing is asked yet. dead_after: seconds, as ``DEAD_AFTER``."""
        self.root, self._dead_after = root, dead_after
        self._requests, self._cache = Requests(root), LocalCache(root.cache)
        self._artefacts = BucketArtefacts(self._requests, self._cache)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectStore) and other.root == self.root

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
        """As ``ArtefactStore``: made in the cache, uploaded, and there by one conditional put."""
        if self._requests.head(f"{name}/{MANIFEST}"):
            return self.open(name, digest)
        _ = self._trusted
        with self._cache.temporary() as folder:
            made = folder / "made" / name
            made.mkdir(parents=True)
            sealed = fill_artefact(made, name, digest, key, files, figures)
            manifest = parse_manifest(sealed, name)
            with self._artefacts.announced(name):
                if not self._artefacts.uploaded(name, sealed, manifest, made):
                    self._artefacts.drop_unvouched(name)
                    return self.open(name, digest)
            entry = self._cache.keep(sealed, folder / "made")
        self._cache.make_room()
        return Artefact(entry.path / name, manifest, entry.held, self.where(name))

    @contextmanager
    def workspace(self) -> Iterator[str]:
        """As ``ArtefactStore``: on the file system of the cache."""
        with self._cache.temporary() as folder:
            yield str(folder)

    def open(self, name: str, digest: str | None = None, only: Collection[str] = ()) -> Artefact:
        """As ``ArtefactStore``: what the cache lacks, or has kept badly, is fetched."""
        return self._artefacts.open(name, digest, only)

    def manifest(self, name: str) -> Manifest:
        """As ``ArtefactStore``."""
        return self._artefacts.manifest(name)

    def holds(self, name: str) -> bool:
        """As ``ArtefactStore``: an artefact is there once its manifest is."""
        looks: list[Callable[[], object]] = [
            lambda: self._requests.head(f"{name}/{MANIFEST}" if name else MANIFEST),
            lambda: self._requests.all_below(name) if name else any(self._requests.below("")),
        ]
        if "." in name.rpartition("/")[2]:  # most likely an object
            looks = [lambda: self._requests.head(name), lambda: self._artefacts.listed(name), looks[1]]
        elif name:
            looks.append(lambda: self._requests.head(name))
        return any(look() for look in looks)

    def names(self, folder: str) -> list[str]:
        """As ``ArtefactStore``; of an artefact, the files that its manifest names.

        Of the objects below, for some servers list folders of which nothing is left; but the root has too many of them.
        """
        if not folder:
            folders, objects = self._requests.below("")
            return sorted(name for name in (*folders, *(each.name for each in objects)) if not name.startswith("."))
        found = {each.name[len(folder) + 1 :].split("/")[0] for each in self._requests.all_below(folder)}
        if MANIFEST in found:
            found |= self._artefacts.files(folder).keys()
        return sorted(found)

    def remove(self, name: str) -> None:
        """As ``ArtefactStore``: manifests first, after which nothing of it is there for anybody."""
        with self._artefacts.announced(name):
            seen = self._requests.all_below(name)
            found = [each.name for each in seen] or [name]
            manifests = [each for each in found if each.endswith(f"/{MANIFEST}")]
            for each in seen:
                self._forget(each.name, each.e_tag)
            self._requests.delete(manifests)
            self._requests.delete([each for each in found if each not in manifests])
            self._requests.delete([each.name for each in self._requests.all_below(f"{FILES}/{name}")])

    def read(self, name: str, most: int | None = None) -> bytes:
        """As ``ArtefactStore``: what is large is read from the cache while it is the version that the store has."""
        found = self._read_object(name, most)
        if found is not None:
            return found
        listed = self._artefacts.listed(name)
        if listed is None:
            raise NotStored(f"{self.where(name)} does not exist. Run the step that makes it first.")
        if most is not None and listed.size > most:
            raise self._no_object(name, most)
        artefact, _, file = name.rpartition("/")
        return self.open(artefact, only=(file,)).file(file).read_bytes()

    def create(self, name: str, content: bytes, most: int | None = None) -> bool:
        """As ``ArtefactStore``: one conditional put."""
        check_size(self.where(name), content, most)
        _ = self._trusted
        return self._requests.create(name, content)

    def replace(self, name: str, content: bytes, most: int | None = None) -> None:
        """As ``ArtefactStore``: one put."""
        check_size(self.where(name), content, most)
        if name.endswith(f"/{MANIFEST}"):
            self._forget(name)
        version = self._requests.put(name, content)
        if len(content) >= WORTH_KEEPING:
            self._cache.keep_object(self._version(name, version), content)
            self._cache.make_room()

    def check_kept(self, name: str, only: Collection[str] = ()) -> None:
        """As ``ArtefactStore``: by what a HEAD says of each file."""
        self._artefacts.check_kept(name, only)

    def copy_in(self, name: str, file: Path) -> None:
        """As ``ArtefactStore``: in parts, where it is large."""
        self._requests.put(name, file)

    def confirm(self, name: str) -> None:
        """As ``ArtefactStore``: whatever can be seen of a bucket is durable."""

    def where(self, name: str) -> str:
        """As ``ArtefactStore``: its address."""
        return self._requests.where(name)

    def stamp(self, name: str) -> Stamp | None:
        """As ``ArtefactStore``: of a folder, of all that a listing shows below it."""
        seen = self._requests.head(name) if name else None
        found = [seen] if seen else self._requests.all_below(name) if name else self._requests.below("")[1]
        if found:
            return _stamp(found)
        listed = self._artefacts.listed(name)
        return Stamp(listed.size, 0, listed.sha256) if listed else None

    def stamps(self, folder: str) -> dict[str, Stamp]:
        """As ``ArtefactStore``: by one listing of all that lies below."""
        found: dict[str, list[Seen]] = {}
        for each in self._requests.all_below(folder):
            found.setdefault(each.name[len(folder) + 1 :].split("/")[0], []).append(each)
        listed = (
            {file: Stamp(of.size, 0, of.sha256) for file, of in self._artefacts.files(folder).items()}
            if MANIFEST in found
            else {}
        )
        return listed | {name: _stamp(objects) for name, objects in found.items()}

    def written_at(self, name: str) -> float:
        """As ``ArtefactStore``: by the store's clock."""
        seen = self._requests.head(f"{name}/{MANIFEST}") or self._requests.head(name)
        if seen:
            return seen.written
        found = [each.written for each in self._requests.all_below(name)]
        if not found:
            raise NotStored(f"{self.where(name)} does not exist.")
        return max(found)

    def bytes_of(self, name: str) -> int:
        """As ``ArtefactStore``."""
        found = [*self._requests.all_below(name), *self._requests.all_below(f"{FILES}/{name}")]
        seen = None if found else self._requests.head(name)
        return sum(each.size for each in found) + (seen.size if seen else 0)

    def locked(self, name: str, wait: bool = True) -> AbstractContextManager[bool]:
        """As ``ArtefactStore``: a lease, which ends some minutes after a holder that was killed."""
        return leased(self._requests, name, wait)

    def sweep(self) -> list[str]:
        """As ``ArtefactStore``: what no manifest vouches for, of writers that began more than a day ago."""
        return self._artefacts.sweep(self._dead_after)

    def require_rights(self) -> None:
        """As ``ArtefactStore``: by a trial, which also shows whether the server keeps its word."""
        _ = self._trusted

    def moved(self) -> Moved:
        """As ``ArtefactStore``."""
        return self._requests.moved

    @cached_property
    def _trusted(self) -> bool:
        """That a conditional put is one here, tried once.

        Raises:
            StorageError: it is none, or this account may not write.
        """
        probe(self._requests)
        return True

    def _read_object(self, name: str, most: int | None) -> bytes | None:
        """The content of an object of its own; None where there is none.

        Raises:
            CorruptArtefact: it is larger than it may be.
        """
        seen = None
        if name.endswith(".parquet"):  # the only objects of their own that are large
            seen = self._requests.head(name)
            kept = self._cache.object(self._version(name, seen.e_tag)) if seen else None
            if kept is not None and (most is None or len(kept) <= most):
                return kept
        found = self._requests.get(name, most)
        if found is None:
            return None
        content, seen = found
        if most is not None and seen.size > most:
            raise self._no_object(name, most)
        if len(content) >= WORTH_KEEPING and name.endswith(".parquet"):
            self._cache.keep_object(self._version(name, seen.e_tag), content)
            self._cache.make_room()
        return content

    def _forget(self, name: str, e_tag: str = "") -> None:
        """Let this machine's cache forget what is about to be removed or replaced: it may be somebody's who asked."""
        if name.endswith(f"/{MANIFEST}") and (sealed := self._artefacts.sealed(name.removesuffix(f"/{MANIFEST}"))):
            self._cache.forget(sealed)
        elif e_tag:
            self._cache.forget_object(self._version(name, e_tag))

    def _version(self, name: str, e_tag: str) -> str:
        return f"{self.where(name)} {e_tag}"

    def _no_object(self, name: str, most: int) -> CorruptArtefact:
        return CorruptArtefact(
            f"{self.where(name)} is no plain object of at most {most:,} bytes. Restore it from a backup."
        )


def _stamp(objects: Collection[Seen]) -> Stamp:
    seen = "\n".join(sorted(f"{each.name} {each.e_tag} {each.written}" for each in objects))
    written = max((each.written for each in objects), default=0.0)
    size = sum(each.size for each in objects)
    return Stamp(size, int(written * 1e9), hashlib.sha256(seen.encode()).hexdigest())
