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
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.core.roots import Bucket
from recsys_tasks.storage.artefacts import Artefact, Content, corrupt, fill_artefact
from recsys_tasks.storage.bucket import Requests, Seen
from recsys_tasks.storage.cache import LocalCache, is_sound
from recsys_tasks.storage.leases import leased
from recsys_tasks.storage.manifest import LARGEST_MANIFEST, MANIFEST, Manifest, NotAManifest, StoredFile, parse_manifest
from recsys_tasks.storage.probe import probe
from recsys_tasks.storage.sizes import check_size
from recsys_tasks.storage.store import Moved, Stamp

FILES, WRITING = ".files", ".writing"
AT_ONCE = 3
"""Files that are on their way at a time."""
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
            with self._announced(name):
                if not self._uploaded(name, sealed, manifest, made):
                    self._drop_unvouched(name)
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
        sealed = self._sealed(name)
        if sealed is None:
            raise NotStored(f"{self.where(name)} does not exist. Run the step that makes it first.")
        manifest = self._parsed(name, sealed)
        if digest is not None and manifest.digest != digest:
            raise corrupt(self.where(f"{name}/{MANIFEST}"), f"is of {manifest.digest[:12]}, not of {digest[:12]}")
        if only:
            manifest = replace(manifest, files={file: of for file, of in manifest.files.items() if file in only})
        entry = self._cache.artefact(sealed)
        path = entry.path / name
        with ThreadPoolExecutor(AT_ONCE) as fetchers:  # hashing and reading let go of the interpreter
            some = [fetchers.submit(self._have, name, path, *file) for file in manifest.files.items()]
            if any([fetched.result() for fetched in some]):
                self._cache.make_room()
        return Artefact(path, manifest, entry.held, self.where(name))

    def manifest(self, name: str) -> Manifest:
        """As ``ArtefactStore``."""
        sealed = self._sealed(name)
        if sealed is None:
            raise corrupt(self.where(f"{name}/{MANIFEST}"), "is missing")
        return self._parsed(name, sealed)

    def holds(self, name: str) -> bool:
        """As ``ArtefactStore``: an artefact is there once its manifest is."""
        looks: list[Callable[[], object]] = [
            lambda: self._requests.head(f"{name}/{MANIFEST}" if name else MANIFEST),
            lambda: self._requests.all_below(name) if name else any(self._requests.below("")),
        ]
        if "." in name.rpartition("/")[2]:  # most likely an object
            looks = [lambda: self._requests.head(name), lambda: self._listed(name), looks[1]]
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
            found |= self._files(folder).keys()
        return sorted(found)

    def remove(self, name: str) -> None:
        """As ``ArtefactStore``: manifests first, after which nothing of it is there for anybody."""
        with self._announced(name):
            found = [each.name for each in self._requests.all_below(name)] or [name]
            manifests = [each for each in found if each.endswith(f"/{MANIFEST}")]
            self._requests.delete(manifests)
            self._requests.delete([each for each in found if each not in manifests])
            self._requests.delete([each.name for each in self._requests.all_below(f"{FILES}/{name}")])

    def read(self, name: str, most: int | None = None) -> bytes:
        """As ``ArtefactStore``: what is large is read from the cache while it is the version that the store has."""
        found = self._read_object(name, most)
        if found is not None:
            return found
        listed = self._listed(name)
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
        version = self._requests.put(name, content)
        if len(content) >= WORTH_KEEPING:
            self._cache.keep_object(self._version(name, version), content)
            self._cache.make_room()

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
        listed = self._listed(name)
        return Stamp(listed.size, 0, listed.sha256) if listed else None

    def stamps(self, folder: str) -> dict[str, Stamp]:
        """As ``ArtefactStore``: by one listing of all that lies below."""
        found: dict[str, list[Seen]] = {}
        for each in self._requests.all_below(folder):
            found.setdefault(each.name[len(folder) + 1 :].split("/")[0], []).append(each)
        listed = (
            {file: Stamp(of.size, 0, of.sha256) for file, of in self._files(folder).items()}
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
        _, begun = self._requests.below(WRITING)
        swept = []
        if begun:
            now = self._requests.now()
            for each in begun:
                if now - each.written >= self._dead_after:
                    content = self._requests.get(each.name)
                    swept += self._drop_unvouched(content[0].decode()) if content else []
                    self._requests.delete([each.name])
        return swept

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

    def _uploaded(self, name: str, sealed: bytes, manifest: Manifest, made: Path) -> bool:
        """Whether an artefact became the one of its name: its files first, then its manifest."""
        with ThreadPoolExecutor(AT_ONCE) as uploaders:
            for done in [
                uploaders.submit(self._requests.put, _file_name(name, file, of), made / file)
                for file, of in manifest.files.items()
            ]:
                done.result()
        return self._requests.create(f"{name}/{MANIFEST}", sealed)

    @contextmanager
    def _announced(self, name: str) -> Iterator[None]:
        """Say what is being stored or removed; whoever is killed meanwhile leaves the word, by which it is swept."""
        word = f"{WRITING}/{secrets.token_hex(16)}"
        self._requests.put(word, name.encode())
        yield
        self._requests.delete([word])

    def _drop_unvouched(self, folder: str) -> list[str]:
        """Remove the contents below a folder that no manifest names; their names.

        Nobody knows what a damaged manifest named: then nothing of its artefact goes.
        """
        found: dict[str, list[str]] = {}
        for each in self._requests.all_below(f"{FILES}/{folder}"):
            artefact = each.name.removeprefix(f"{FILES}/").rsplit("/", 2)[0]
            found.setdefault(artefact, []).append(each.name)
        dropped = []
        for artefact, names in found.items():
            sealed = self._sealed(artefact)
            with suppress(CorruptArtefact):
                files = self._parsed(artefact, sealed).files if sealed is not None else {}
                vouched = {_file_name(artefact, file, of) for file, of in files.items()}
                dropped += [name for name in names if name not in vouched]
        self._requests.delete(dropped)
        return dropped

    def _have(self, name: str, path: Path, file: str, of: StoredFile) -> bool:
        """Have a file of an artefact in the cache; whether it had to be fetched.

        Raises:
            CorruptArtefact: the store has other bytes.
        """
        if is_sound(path / file, of.size, of.sha256):
            return False
        self._cache.add(path / file, lambda output: self._fetch(name, file, of, output))
        return True

    def _fetch(self, name: str, file: str, of: StoredFile, output: BinaryIO) -> None:
        """Download a file, once again where other bytes arrived than its manifest says: the way may have lost some."""
        where, arrived = self.where(f"{name}/{file}"), None
        for place in (_file_name(name, file, of), f"{name}/{file}") * 2:
            output.seek(0)
            output.truncate()
            found = self._requests.download(place, output)
            if found == (of.size, of.sha256):
                return
            arrived = found or arrived
        if arrived is None:
            raise corrupt(where, "is missing")
        size = arrived[0]
        differs = size != of.size
        said = (
            f"has {size} bytes where its manifest says {of.size}"
            if differs
            else "differs from the checksum in its manifest"
        )
        raise corrupt(where, said)

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

    def _version(self, name: str, e_tag: str) -> str:
        return f"{self.where(name)} {e_tag}"

    def _no_object(self, name: str, most: int) -> CorruptArtefact:
        return CorruptArtefact(
            f"{self.where(name)} is no plain object of at most {most:,} bytes. Restore it from a backup."
        )

    def _sealed(self, name: str) -> bytes | None:
        """The manifest of an artefact as it is stored; None where there is none."""
        found = self._requests.get(f"{name}/{MANIFEST}", LARGEST_MANIFEST)
        if found is None:
            return None
        content, seen = found
        if seen.size > LARGEST_MANIFEST:
            raise corrupt(self.where(f"{name}/{MANIFEST}"), "is not a plain manifest")
        return content

    def _parsed(self, name: str, sealed: bytes) -> Manifest:
        try:
            return parse_manifest(sealed, name)
        except NotAManifest as error:
            raise corrupt(self.where(f"{name}/{MANIFEST}"), str(error)) from None

    def _files(self, artefact: str) -> Mapping[str, StoredFile]:
        """The files that an artefact's manifest names; none where there is no sound one."""
        try:
            return self.manifest(artefact).files
        except CorruptArtefact:
            return {}

    def _listed(self, name: str) -> StoredFile | None:
        """What a manifest says of a name that would be a file of its artefact; None where there is none."""
        artefact, _, file = name.rpartition("/")
        return self._files(artefact).get(file) if artefact and file != MANIFEST else None


def _file_name(artefact: str, file: str, of: StoredFile) -> str:
    """Where the content of an artefact's file lies."""
    return f"{FILES}/{artefact}/{file}/{of.sha256}"


def _stamp(objects: Collection[Seen]) -> Stamp:
    seen = "\n".join(sorted(f"{each.name} {each.e_tag} {each.written}" for each in objects))
    written = max((each.written for each in objects), default=0.0)
    size = sum(each.size for each in objects)
    return Stamp(size, int(written * 1e9), hashlib.sha256(seen.encode()).hexdigest())
