"""A store in memory, for what decides by names and content alone: every object is a value of a dictionary.

Its artefacts are opened as local files, in a folder of its own, as from a store that is not a local disk.
"""

import tempfile
from collections import defaultdict
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock

from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.storage.manifest import MANIFEST, NotAManifest, parse_manifest
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.sizes import check_size
from recsys_tasks.storage.store import Stamp


class MemoryStore:
    """An ``ArtefactStore`` whose objects die with it."""

    def __init__(self):
        self.objects, self._stamps, self._clock = {}, {}, count(1)
        self._writing, self._locks = Lock(), defaultdict(Lock)
        self._folder = tempfile.TemporaryDirectory(prefix="recsys-memory-")
        self._cache = count()

    def put(self, name, digest, key, files, figures=None):
        """As ``ArtefactStore``: made on the disk, kept in memory."""
        local = PosixStore(Path(self._folder.name) / "made" / str(next(self._cache)))
        made = local.put(name, digest, key, files, figures)
        with self._writing:
            if not self.holds(name):
                for path in sorted(made.path.iterdir()):
                    self._set(f"{name}/{path.name}", path.read_bytes())
        return self.open(name, digest)

    @contextmanager
    def workspace(self):
        """As ``ArtefactStore``."""
        with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
            yield folder

    def open(self, name, digest=None, only=()):
        """As ``ArtefactStore``: fetched into a new local folder, and verified there."""
        local = PosixStore(Path(self._folder.name) / "fetched" / str(next(self._cache)))
        for each in (f"{name}/{below}" for below in self.names(name)):
            if each in self.objects:  # what lies deeper belongs to another artefact
                path = local.root / each
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.objects[each])
        return local.open(name, digest, only)

    def manifest(self, name):
        """As ``ArtefactStore``."""
        try:
            return parse_manifest(self.objects[f"{name}/{MANIFEST}"], name)
        except (KeyError, NotAManifest) as error:
            raise CorruptArtefact(f"{name}: {error}") from None

    def holds(self, name):
        """As ``ArtefactStore``."""
        return name in self.objects or any(each.startswith(f"{name}/") for each in list(self.objects))

    def names(self, folder):
        """As ``ArtefactStore``."""
        above = f"{folder}/" if folder else ""
        return sorted({name[len(above) :].split("/")[0] for name in list(self.objects) if name.startswith(above)})

    def remove(self, name):
        """As ``ArtefactStore``."""
        self.objects = {each: value for each, value in self.objects.items() if not f"{each}/".startswith(f"{name}/")}

    def read(self, name, most=None):
        """As ``ArtefactStore``."""
        if name not in self.objects:
            raise NotStored(f"{name} does not exist. Run the step that makes it first.")
        if most is not None and len(self.objects[name]) > most:
            raise CorruptArtefact(f"{name} is larger than {most:,} bytes.")
        return self.objects[name]

    def create(self, name, content, most=None):
        """As ``ArtefactStore``."""
        check_size(self.where(name), content, most)
        with self._writing:
            if name in self.objects:
                return False
            self._set(name, content)
            return True

    def replace(self, name, content, most=None):
        """As ``ArtefactStore``."""
        check_size(self.where(name), content, most)
        with self._writing:
            self._set(name, content)

    def check_kept(self, name, only=()):
        """As ``ArtefactStore``: ``open`` fetches anew."""

    def copy_in(self, name, file):
        """As ``ArtefactStore``."""
        self.replace(name, file.read_bytes())

    def confirm(self, name):
        """As ``ArtefactStore``: nothing survives a power loss here anyway."""

    def where(self, name):
        """As ``ArtefactStore``."""
        return f"memory:{name}"

    def stamp(self, name):
        """As ``ArtefactStore``: a number for each writing."""
        below = [each for each in self.objects if each == name or each.startswith(f"{name}/")]
        if not below:
            return None
        return Stamp(self.bytes_of(name), 0, f"{len(below)} {max(self._stamps[each] for each in below)}")

    def stamps(self, folder):
        """As ``ArtefactStore``."""
        return {name: self.stamp(f"{folder}/{name}") for name in self.names(folder)}

    def written_at(self, name):
        """As ``ArtefactStore``: long ago."""
        return 0.0

    def bytes_of(self, name):
        """As ``ArtefactStore``."""
        return sum(len(value) for each, value in self.objects.items() if f"{each}/".startswith(f"{name}/"))

    @contextmanager
    def locked(self, name, wait=True):
        """As ``ArtefactStore``."""
        mine = self._locks[name].acquire(blocking=wait)
        try:
            yield mine
        finally:
            if mine:
                self._locks[name].release()

    def sweep(self):
        """As ``ArtefactStore``: a dead writer leaves nothing."""
        return []

    def moved(self):
        """As ``ArtefactStore``: nothing does."""

    def require_rights(self):
        """As ``ArtefactStore``: whoever has it may do everything."""

    def _set(self, name, content):
        self.objects[name], self._stamps[name] = bytes(content), next(self._clock)
