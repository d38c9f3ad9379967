"""The stored bundles: the parts of each candidate, and what a release vouches for.

    bundles/<candidate>/gated/            index, factors, norm order, track vocabulary
    bundles/<candidate>/names/            title, artist, play total of each track
    bundles/<candidate>/users-<digest>/   user vectors, user vocabulary, played tracks

The parts lie side by side and are verified one by one; a release names the SHA-256 of each part's manifest.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.release.bundle import Bundle, Names, names_in, open_gated, open_users
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.release.log import Entry
from recsys_tasks.storage.artefacts import Artefact, Content
from recsys_tasks.storage.manifest import LARGEST_MANIFEST, MANIFEST, Manifest
from recsys_tasks.storage.store import ArtefactStore

FOLDER, GATED, NAMES, USERS = "bundles", "gated", "names", "users"


class Bundles:
    """The bundles in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def holds(self, candidate: str, part: str = "") -> bool:
        """Whether anything of a candidate, or this part of it, is stored."""
        return self._store.holds(part_name(candidate, part) if part else bundle_name(candidate))

    def save(
        self,
        candidate: str,
        part: str,
        digest: str,
        key: Mapping[str, Any],
        files: Mapping[str, Content],
        figures: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a part of a candidate.

        Args:
            candidate: digest of its key.
            part: name of the part.
            digest: of the part's own key.
            key: what the part was made from.
            files: its content.
            figures: what was measured while it was made.
        """
        self._store.put(part_name(candidate, part), digest, key, files, figures)

    def open(self, candidate: str, part: str, digest: str | None = None) -> Artefact:
        """A part of a candidate, verified."""
        return self._store.open(part_name(candidate, part), digest)

    def gated(self, candidate: str) -> Artefact:
        """The part of a candidate that the gate judges, verified."""
        return self.open(candidate, GATED, candidate)

    def names(self, candidate: str) -> Names:
        """The names of a candidate's tracks, verified."""
        return names_in(self.open(candidate, NAMES, candidate))

    def manifest(self, candidate: str, part: str = GATED) -> Manifest:
        """The manifest of a part; its files are not read."""
        return self._store.manifest(part_name(candidate, part))

    def key(self, candidate: str) -> CandidateKey:
        """What a candidate was made from, from the manifest of its gated part."""
        return CandidateKey.from_json(self.manifest(candidate).key)

    def candidates(self) -> list[str]:
        """The first digits of every candidate of which anything is stored."""
        return self._store.names(FOLDER)

    def find(self, prefix: str) -> tuple[str, CandidateKey]:
        """Digest and key of the one candidate whose digest begins like this.

        Raises:
            NotStored: none does, or more than one.
        """
        stored = [name for name in self.candidates() if self.holds(name, GATED)]
        manifests = (self.manifest(name) for name in stored)
        found = [manifest for manifest in manifests if manifest.digest.startswith(prefix)]
        if not prefix or len(found) != 1:
            raise NotStored(f"{len(found)} candidates begin with {prefix!r}. `status` lists them; name one in full.")
        return found[0].digest, CandidateKey.from_json(found[0].key)

    def parts(self, candidate: str) -> list[str]:
        """Names of the complete parts of a candidate."""
        names = self._store.names(bundle_name(candidate))
        return [name for name in names if self._store.holds(f"{part_name(candidate, name)}/{MANIFEST}")]

    def vouched(self, candidate: str, part: str) -> str:
        """SHA-256 of the manifest of a part: what a release names it by.

        Raises:
            NotStored: the part is not there.
        """
        return hashlib.sha256(
            self._store.read(f"{part_name(candidate, part)}/{MANIFEST}", LARGEST_MANIFEST)
        ).hexdigest()

    def confirm(self, candidate: str) -> None:
        """Make the names of a bundle's parts survive a power loss, whoever wrote them."""
        self._store.confirm(part_name(candidate, GATED))

    def verify(self, entry: Entry, only: Collection[str] = ()) -> dict[str, Artefact]:
        """Every file of a release against the manifests, and the manifests against the log.

        Args:
            entry: the release.
            only: of the parts (gated, names, users), those that are asked for; empty: all of them.

        Raises:
            CorruptArtefact: anything differs; the message names the file.
        """
        if not self.holds(entry.candidate):
            raise CorruptArtefact(
                f"{self._store.where(bundle_name(entry.candidate))}, the files of release {entry.release}, is gone: "
                "retention keeps those of the newest releases. Restore it, or roll back to another release (rollback N "
                "--by --why)."
            )
        wanted = {part: sha256 for part, sha256 in entry.parts.items() if not only or part.split("-")[0] in only}
        for part, sha256 in wanted.items():
            self._check_vouched(entry, part, sha256)
            self._store.check_kept(part_name(entry.candidate, part))
        return {part.split("-")[0]: self.open(entry.candidate, part) for part in wanted}

    def load(self, entry: Entry) -> Bundle:
        """Verify a release, then map it.

        Raises:
            CorruptArtefact: anything differs from what was published.
        """
        parts = self.verify(entry)
        return Bundle(open_gated(parts[GATED]), names_in(parts[NAMES]), open_users(parts[USERS]))

    def _check_vouched(self, entry: Entry, part: str, sha256: str) -> None:
        try:
            sound = self.vouched(entry.candidate, part) == sha256
        except (NotStored, OSError):
            sound = False
        if not sound:
            raise CorruptArtefact(
                f"{self._store.where(part_name(entry.candidate, part))}/{MANIFEST} is not the manifest that release "
                f"{entry.release} was published with. Restore it, or roll back to another release (rollback N --by "
                "--why)."
            )


def bundle_name(candidate: str) -> str:
    """Where the parts of a candidate lie."""
    return f"{FOLDER}/{candidate[:SHORT]}"


def part_name(candidate: str, part: str) -> str:
    """Where a part of a candidate lies."""
    return f"{bundle_name(candidate)}/{part}"
