"""The one door to storage: what every place that keeps artefacts promises, whatever it is made of.

    catalogues/<date>-<digest>/   the tracks as the source showed them on that day
    partitions/<date>/            plays-<digest>.parquet + manifest.json, replaced when the day is restated
    partitions/<date>/restated-<digest>/  the source counts of a version that was replaced
    data_checks/<date>/           what the checks found (found-<digest>/), refused-<digest>/, accepted-<digest>/
    data_checks/<date>/           shape-<digest>/ of the day, and traces-<digest>/, the samples that it is made from
    matrices/<date>-<digest>/     CSR arrays, vocabularies, chain
    splits/<date>-<digest>/       who is hidden on the day, for whom, and the day in the matrix's rows
    models/<date>-<digest>/       one fitted component: its files, loss trace, parameters
    secrets/split_salt.json       the salt that picks the hidden listeners; created once, never removed
    bundles/<candidate>/gated/    index, factors, norm order, track vocabulary: what the gate judges
    bundles/<candidate>/names/    title, artist, play total of each track
    bundles/<candidate>/users-<digest>/  user vectors, user vocabulary, played tracks
    evaluations/<date>/<candidate>-<incumbent>/figures|verdict|verdict-2/, report.html
    releases/log/<n>.json         the append-only log
    deliveries/<entry>-<digest>/  Parquet files of the products, made from what an entry of the log made live
    delivered/<n>.json            what was delivered when, to which place
    suppressed/<reference>.json   people whose streams never count, and how far their erasure is
    secrets/suppression_key.json  the key of their references
    erasures/<n>.json             evidence of erasures; open.json: what was done since the last of it
    runs/<run_id>/<step>.json     clocks, seconds, memory, who started it; <step>.2.json of a second try, and so on
    alerts/<key>/                 the outbox
    store.json                    the mark: which store this is, and who shares it

Names are relative, with ``/`` between their parts. They carry the first 16 hexadecimal digits of a digest; manifests
carry all 64, and opening compares them. Each room that keeps something has a repository over this protocol, which
knows the names; nothing else does.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from recsys_tasks.core.domain import Day
from recsys_tasks.storage.artefacts import Artefact, Content
from recsys_tasks.storage.manifest import Manifest


class Stamp(NamedTuple):
    """What tells whether something has changed: two equal stamps, the same content."""

    size: int  # bytes; of a folder, whatever the store says
    written_ns: int  # nanoseconds since 1970
    version: str


@dataclass(frozen=True)
class Moved:
    """What went over the wire: requests as they were asked for, without what was tried again."""

    requests: int = 0
    uploaded: int = 0  # bytes
    downloaded: int = 0  # bytes

    def since(self, before: "Moved | None") -> "Moved":
        """What was added to it."""
        past = before or Moved()
        return Moved(self.requests - past.requests, self.uploaded - past.uploaded, self.downloaded - past.downloaded)

    def __str__(self) -> str:
        up, down = (f"{size / 1e6:,.1f} MB" for size in (self.uploaded, self.downloaded))
        return f"{self.requests:,} requests, {up} up, {down} down"


class ArtefactStore(Protocol):
    """Complete artefacts and small objects by name. Every method raises StorageError where the store refuses."""

    def put(
        self,
        name: str,
        digest: str,
        key: Mapping[str, Any],
        files: Mapping[str, Content],
        figures: Mapping[str, Any] | None = None,
    ) -> Artefact:
        """Store a complete artefact; the first one of a name stays, and is what a second writer gets, verified."""

    def workspace(self) -> AbstractContextManager[str]:
        """A private folder for files on their way into an artefact (``LocalFile``); removed at the end."""

    def open(self, name: str, digest: str | None = None, only: Collection[str] = ()) -> Artefact:
        """A stored artefact as local files that were verified.

        Args:
            name: of the artefact.
            digest: of the input key that it must be of; None: of any.
            only: names of the files that are asked for; nothing else is verified, nor given. Empty: all of them.

        Raises:
            NotStored: there is none.
            CorruptArtefact: a file is missing or differs from the manifest.
            Unreadable: this account may not read it, or the disk does not give it; so for every method that reads.
        """

    def manifest(self, name: str) -> Manifest:
        """The manifest of a stored artefact, checked against its own checksum.

        Raises:
            CorruptArtefact: it is missing or damaged.
        """

    def holds(self, name: str) -> bool:
        """Whether an artefact or a small object of this name is there, sound or not."""

    def names(self, folder: str) -> list[str]:
        """Last parts of the names directly below a folder, or below the root, whose name is empty; sorted. None where
        there is no such folder."""

    def remove(self, name: str) -> None:
        """Remove an artefact, or everything below a folder, so that it is never seen half-removed; or one object."""

    def read(self, name: str, most: int | None = None) -> bytes:
        """The content of a small object.

        Args:
            name: of the object.
            most: bytes; a larger object, or a link to another file, is refused. None: any.

        Raises:
            NotStored: there is none.
            CorruptArtefact: it is larger, or no plain object.
        """

    def create(self, name: str, content: bytes, most: int | None = None) -> bool:
        """Store a small object if and only if its name is free, durably; False when it was taken.

        Args:
            name: of the object.
            content: its bytes.
            most: as for ``read``: what no reader would take is not written.

        Raises:
            BadData: it is larger.
        """

    def replace(self, name: str, content: bytes, most: int | None = None) -> None:
        """Set the content of a small object durably; a reader sees the old content or the new one, never a mixture.

        Args, raises: as for ``create``.
        """

    def check_kept(self, name: str, only: Collection[str] = ()) -> None:
        """Check that the store itself still has the files of an artefact, where ``open`` may give copies of them.

        Raises:
            CorruptArtefact: one is missing, or of another size.
        """

    def copy_in(self, name: str, file: Path) -> None:
        """Set an object's content, of whatever size, to that of a local file, as ``replace`` does."""

    def confirm(self, name: str) -> None:
        """Make a name that was found survive a power loss: its writer may have been killed before it could do so."""

    def where(self, name: str) -> str:
        """The name as a person finds it: a path, or an address."""

    def stamp(self, name: str) -> Stamp | None:
        """What changes whenever an object, or what is directly below a folder, changes; None where there is neither."""

    def stamps(self, folder: str) -> dict[str, Stamp]:
        """The stamp of everything directly below a folder, by the last part of its name; asked for in one go."""

    def written_at(self, name: str) -> float:
        """When something was last written there, in seconds since 1970."""

    def bytes_of(self, name: str) -> int:
        """Size of an object, or of everything below a folder."""

    def locked(self, name: str, wait: bool = True) -> AbstractContextManager[bool]:
        """Hold a folder that is there against everybody else; False when somebody holds it and we shall not wait."""

    def sweep(self) -> list[str]:
        """Remove what dead writers left behind; names of what was removed."""

    def moved(self) -> Moved | None:
        """What went over the wire up to now, through this object; None where nothing does."""

    def require_rights(self) -> None:
        """Refuse at once where this account may not read, and write to, everything that a day may need.

        Raises:
            StorageError: it may not; the message says what belongs to whom.
        """


def day_in(name: str) -> Day | None:
    """The date at the beginning of a name ``<date>`` or ``<date>-<digest>``; None where there is no such date."""
    try:
        return Day.fromisoformat(name[:10])
    except ValueError:
        return None
