"""The artefacts of a store in a bucket: uploaded file by file, there once their manifest is, opened in the cache."""

import secrets
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.storage.artefacts import Artefact, corrupt
from recsys_tasks.storage.bucket import Requests, Seen
from recsys_tasks.storage.cache import LocalCache, is_sound
from recsys_tasks.storage.manifest import LARGEST_MANIFEST, MANIFEST, Manifest, NotAManifest, StoredFile, parse_manifest

FILES, WRITING, PROBES = ".files", ".writing", ".probe"
AT_ONCE = 3
"""Files that are on their way at a time."""


class BucketArtefacts:
    """The artefacts of a store, by their names."""

    def __init__(self, requests: Requests, cache: LocalCache) -> None:
        self._requests, self._cache = requests, cache
        self._where = requests.where
        self._fetching: dict[Path, Lock] = {}  # of each file of the cache that was ever lacking

    def open(self, name: str, digest: str | None = None, only: Collection[str] = ()) -> Artefact:
        """A stored artefact: what the cache lacks, or has kept badly, is fetched."""
        sealed = self.sealed(name)
        if sealed is None:
            raise NotStored(f"{self._where(name)} does not exist. Run the step that makes it first.")
        manifest = self.parsed(name, sealed)
        if digest is not None and manifest.digest != digest:
            raise corrupt(self._where(f"{name}/{MANIFEST}"), f"is of {manifest.digest[:12]}, not of {digest[:12]}")
        if only:
            manifest = replace(manifest, files={file: of for file, of in manifest.files.items() if file in only})
        entry = self._cache.artefact(sealed)
        path = entry.path / name
        with ThreadPoolExecutor(AT_ONCE) as fetchers:  # hashing and reading let go of the interpreter
            some = [fetchers.submit(self._have, name, path, *file) for file in manifest.files.items()]
            if any([fetched.result() for fetched in some]):
                self._cache.make_room()
        return Artefact(path, manifest, entry.held, self._where(name))

    def manifest(self, name: str) -> Manifest:
        """The manifest of an artefact, as ``ArtefactStore`` promises it."""
        sealed = self.sealed(name)
        if sealed is None:
            raise corrupt(self._where(f"{name}/{MANIFEST}"), "is missing")
        return self.parsed(name, sealed)

    def check_kept(self, name: str, only: Collection[str]) -> None:
        """Check that the files of an artefact are there, and as long as its manifest says.

        Raises:
            CorruptArtefact: one is not.
        """
        files = {file: of for file, of in self.manifest(name).files.items() if not only or file in only}
        with ThreadPoolExecutor(AT_ONCE) as askers:
            for file, seen in zip(files, askers.map(lambda each: self._head(name, *each), files.items()), strict=True):
                if seen is None:
                    raise corrupt(self._where(f"{name}/{file}"), "is missing")
                if seen.size != files[file].size:
                    raise corrupt(self._where(f"{name}/{file}"), f"has {seen.size} bytes, not {files[file].size}")

    def sealed(self, name: str) -> bytes | None:
        """The manifest of an artefact as it is stored; None where there is none."""
        found = self._requests.get(f"{name}/{MANIFEST}", LARGEST_MANIFEST)
        if found is None:
            return None
        content, seen = found
        if seen.size > LARGEST_MANIFEST:
            raise corrupt(self._where(f"{name}/{MANIFEST}"), "is not a plain manifest")
        return content

    def files(self, artefact: str) -> Mapping[str, StoredFile]:
        """The files that an artefact's manifest names; none where there is no sound one."""
        try:
            return self.manifest(artefact).files
        except CorruptArtefact:
            return {}

    def listed(self, name: str) -> StoredFile | None:
        """What a manifest says of a name that would be a file of its artefact; None where there is none."""
        artefact, _, file = name.rpartition("/")
        return self.files(artefact).get(file) if artefact and file != MANIFEST else None

    def uploaded(self, name: str, sealed: bytes, manifest: Manifest, made: Path) -> bool:
        """Whether an artefact became the one of its name: its files first, then its manifest."""
        with ThreadPoolExecutor(AT_ONCE) as uploaders:
            for done in [
                uploaders.submit(self._requests.put, file_name(name, file, of), made / file)
                for file, of in manifest.files.items()
            ]:
                done.result()
        return self._requests.create(f"{name}/{MANIFEST}", sealed)

    @contextmanager
    def announced(self, name: str) -> Iterator[None]:
        """Say what is being stored or removed; whoever is killed meanwhile leaves the word, by which it is swept."""
        word = f"{WRITING}/{secrets.token_hex(16)}"
        self._requests.put(word, name.encode())
        yield
        self._requests.delete([word])

    def sweep(self, dead_after: float) -> list[str]:
        """Remove what no manifest vouches for, of writers that began so many seconds ago there; its names."""
        begun, tried = (self._requests.below(folder)[1] for folder in (WRITING, PROBES))
        if not begun and not tried:
            return []
        now, swept = self._requests.now(), []
        for each in begun:
            if now - each.written >= dead_after:
                content = self._requests.get(each.name)
                swept += self.drop_unvouched(content[0].decode()) if content else []
                self._requests.delete([each.name])
        self._requests.delete([each.name for each in tried if now - each.written >= dead_after])
        return swept

    def drop_unvouched(self, folder: str) -> list[str]:
        """Remove the contents below a folder that no manifest names; their names.

        Nobody knows what a damaged manifest named: then nothing of its artefact goes.
        """
        found: dict[str, list[str]] = {}
        for each in self._requests.all_below(f"{FILES}/{folder}"):
            artefact = each.name.removeprefix(f"{FILES}/").rsplit("/", 2)[0]
            found.setdefault(artefact, []).append(each.name)
        dropped = []
        for artefact, names in found.items():
            sealed = self.sealed(artefact)
            with suppress(CorruptArtefact):
                files = self.parsed(artefact, sealed).files if sealed is not None else {}
                vouched = {file_name(artefact, file, of) for file, of in files.items()}
                dropped += [name for name in names if name not in vouched]
        self._requests.delete(dropped)
        return dropped

    def parsed(self, name: str, sealed: bytes) -> Manifest:
        """A manifest from its stored bytes.

        Raises:
            CorruptArtefact: they are none, or of another artefact.
        """
        try:
            return parse_manifest(sealed, name)
        except NotAManifest as error:
            raise corrupt(self._where(f"{name}/{MANIFEST}"), str(error)) from None

    def _head(self, name: str, file: str, of: StoredFile) -> Seen | None:
        return self._requests.head(file_name(name, file, of)) or self._requests.head(f"{name}/{file}")

    def _have(self, name: str, path: Path, file: str, of: StoredFile) -> bool:
        """Have a file of an artefact in the cache; whether it had to be fetched.

        Raises:
            CorruptArtefact: the store has other bytes.
        """
        if is_sound(path / file, of.size, of.sha256):
            return False
        with self._fetching.setdefault(path / file, Lock()):
            if is_sound(path / file, of.size, of.sha256):  # another thread has fetched it
                return False
            kept = self._cache.object_of(of.sha256)  # a partition's counts were an object before they were a file of it
            self._cache.add(path / file, lambda to: to.write(kept) if kept else self._fetch(name, file, of, to))
        return True

    def _fetch(self, name: str, file: str, of: StoredFile, output: BinaryIO) -> None:
        """Download a file, once again where other bytes arrived than its manifest says: the way may have lost some."""
        where, arrived = self._where(f"{name}/{file}"), None
        for place in (file_name(name, file, of), f"{name}/{file}") * 2:
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


def file_name(artefact: str, file: str, of: StoredFile) -> str:
    """Where the content of an artefact's file lies."""
    return f"{FILES}/{artefact}/{file}/{of.sha256}"
