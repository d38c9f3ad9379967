"""The stored partitions of each date: the newest version, and what the source held of the versions before it.

    partitions/<date>/plays-<digest>.parquet    play counts, one file a version
    partitions/<date>/manifest.json             of the newest version
    partitions/<date>/restated-<digest>/        manifest of a version that a restatement replaced

The manifest of a replaced version is kept for good, and is small: a release that was made from it can still say where
its streams came from, and how many of them were dropped for which reason, when the counts themselves are long gone.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.domain import Day, PlayCounts, parse_day
from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.storage.artefacts import parquet_bytes
from recsys_tasks.storage.manifest import MANIFEST, Manifest, StoredFile
from recsys_tasks.storage.store import ArtefactStore, day_in
from recsys_tasks.storage.stored_forms import NO_PLAYS, as_ids, counts_digest, no_plays

FOLDER, RESTATED, PLAYS = "partitions", "restated-", "plays-"


@dataclass(frozen=True)
class StoredPartition:
    """What is kept beside the play counts of one version of a date."""

    day: Day
    digest: str  # of the play counts
    rule: str  # digest of what decided which streams count
    fingerprint: str | None  # of the source's rows, where the source could tell it
    figures: PartitionFigures


class Partitions:
    """The partitions in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def newest(self, day: Day) -> StoredPartition | None:
        """The newest version of a date; None when there is none, or a dead writer got no further.

        Raises:
            CorruptArtefact: its manifest is damaged, or of another date.
        """
        manifest = self._manifest(day)
        return _stored(manifest) if manifest else None

    def digest(self, day: Day) -> str | None:
        """Digest of the newest version of a date; None when there is none."""
        manifest = self._manifest(day)
        return manifest.digest if manifest else None

    def whole(self, day: Day) -> StoredPartition | None:
        """The newest version of a date if its counts are what its manifest says; None when there is none such."""
        try:
            return _stored(self._store.open(partition_name(day)).manifest)
        except (NotStored, CorruptArtefact):
            return None

    def days(self) -> list[Day]:
        """Dates that have a partition, rising."""
        found = [day for name in self._store.names(FOLDER) if (day := day_in(name))]
        return [day for day in found if self._store.holds(f"{partition_name(day)}/{MANIFEST}")]

    def save(self, partition: StoredPartition, counts: PlayCounts) -> None:
        """Store a version of a date in place of any earlier one; nothing is written where the same is stored already.

        The earlier version's counts stay beside it under their digest: matrices that were folded from them, and the
        split of their day, still need them.
        """
        day, digest, store = partition.day, partition.digest, self._store
        if self.whole(day) == partition:
            return
        table = pa.table({"user_id": counts.user_ids, "track_id": counts.track_ids, "plays": counts.plays})
        content, name = parquet_bytes(table), plays_file(digest)
        files = {name: StoredFile(len(content), hashlib.sha256(content).hexdigest())}
        key = {"day": day.isoformat(), "rule": partition.rule}
        key |= {"fingerprint": partition.fingerprint} if partition.fingerprint else {}
        manifest = Manifest(digest, key, partition.figures.to_json(), files, partition_name(day))
        # the counts first, under a name of their own: whoever reads the old manifest still finds the old counts
        store.replace(f"{partition_name(day)}/{name}", content)
        store.replace(f"{partition_name(day)}/{MANIFEST}", manifest.sealed())

    def load(self, day: Day, digest: str) -> PlayCounts:
        """The play counts of a date that have this digest, whether they are the newest version or an earlier one.

        No file is needed for the zero rows of a date that has plays but is folded as an empty one: they are of the
        newest version's types of ids.

        Raises:
            CorruptArtefact: the file is missing, or holds other counts.
        """
        if digest == NO_PLAYS and (newest := self.digest(day)) not in (None, NO_PLAYS):
            counts = self.load(day, str(newest))
            return no_plays(counts.user_ids.type, counts.track_ids.type)
        name = f"{partition_name(day)}/{plays_file(digest)}"
        try:
            table = pq.read_table(pa.BufferReader(self._store.read(name)))
            user_ids, track_ids = (as_ids(table.column(column)) for column in ("user_id", "track_id"))
            counts = PlayCounts(user_ids, track_ids, np.asarray(table.column("plays")))
            sound = counts_digest(counts) == digest
        except (OSError, KeyError, pa.ArrowException, BadData, NotStored):
            sound = False
        if not sound:
            raise CorruptArtefact(
                f"{self._store.where(name)} is missing or differs from its checksum. Remove "
                f"{self._store.where(partition_name(day))}, then rerun."
            )
        return counts

    def keep_replaced(self, day: Day) -> None:
        """Keep the manifest of a date's newest version, which is about to be replaced."""
        manifest = self._manifest(day)
        if manifest is not None:
            self._store.put(_replaced_name(day, manifest.digest), manifest.digest, manifest.key, {}, manifest.figures)

    def version(self, day: Day, digest: str) -> StoredPartition | None:
        """One version of a date, the newest or a replaced one; None when nothing is kept of it."""
        newest, replaced = self.newest(day), _replaced_name(day, digest)
        if newest is not None and newest.digest == digest:
            return newest
        return _stored(self._store.manifest(replaced)) if self._store.holds(replaced) else None

    def replaced_versions(self, day: Day) -> list[str]:
        """Digests of the versions of a date that restatements replaced; the newest may be among them, come back."""
        names = [name for name in self._store.names(partition_name(day)) if name.startswith(RESTATED)]
        return [self._store.manifest(f"{partition_name(day)}/{name}").digest for name in names]

    def count_files(self, day: Day) -> list[str]:
        """Names of the files of play counts of a date, of every version that is still there."""
        return [name for name in self._store.names(partition_name(day)) if name.startswith(PLAYS)]

    def _manifest(self, day: Day) -> Manifest | None:
        held = self._store.holds(f"{partition_name(day)}/{MANIFEST}")
        return self._store.manifest(partition_name(day)) if held else None


def partition_name(day: Day) -> str:
    """Where the partition of a date lies, or would lie."""
    return f"{FOLDER}/{day.isoformat()}"


def plays_file(digest: str) -> str:
    """Name of the file of the play counts that have this digest."""
    return f"{PLAYS}{digest[:SHORT]}.parquet"


def _replaced_name(day: Day, digest: str) -> str:
    return f"{partition_name(day)}/{RESTATED}{digest[:SHORT]}"


def _stored(manifest: Manifest) -> StoredPartition:
    key = manifest.key
    figures = PartitionFigures.from_json(manifest.figures)
    return StoredPartition(parse_day(key["day"]), manifest.digest, key["rule"], key.get("fingerprint"), figures)
