"""The stored shapes of dates, and what of their rows they are made from.

    data_checks/<date>/traces-<digest>/   hours and a sample of the event ids, written when the date is extracted
    data_checks/<date>/shape-<digest>/    the shape of a version, and beside which matrix it was computed

The digest is of the version: its play counts and the fingerprint of its rows. Both are made again from the source and
the partitions, so that damage costs the history one day and stops nothing.
"""

from dataclasses import dataclass

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.core.records import as_json, from_json
from recsys_tasks.partitions.checked import FOLDER
from recsys_tasks.partitions.event_sample import NO_TRACES, DayTraces
from recsys_tasks.partitions.repository import StoredPartition
from recsys_tasks.partitions.shape import DayShape
from recsys_tasks.storage.manifest import MANIFEST, Manifest
from recsys_tasks.storage.store import ArtefactStore

TRACES, SHAPE = "traces", "shape"


@dataclass(frozen=True)
class StoredShape:
    """The shape of a version of a date."""

    shape: DayShape
    before: str  # digest of the matrix beside which it was computed


class Shapes:
    """The shapes in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def save_traces(self, partition: StoredPartition, traces: DayTraces) -> None:
        """Keep what was seen of a version's rows; the first of its like stays, unless it is damaged."""
        digest, name = _version(TRACES, partition), _name(TRACES, partition)
        if self._store.holds(name) and self.traces(partition) is NO_TRACES:
            self._store.remove(name)
        key = {"day": partition.day.isoformat(), "partition": partition.digest}
        hours = list(traces.hours) if traces.hours else None
        self._store.put(name, digest, key, {"events": traces.events}, {"hours": hours})

    def traces(self, partition: StoredPartition) -> DayTraces:
        """What was seen of a version's rows: nothing, where it was not kept or is damaged."""
        try:
            artefact = self._store.open(_name(TRACES, partition), _version(TRACES, partition))
            hours = artefact.figures["hours"]
            return DayTraces(artefact.array("events"), tuple(hours) if hours else None)
        except (NotStored, CorruptArtefact, BadData):
            return NO_TRACES

    def save(self, partition: StoredPartition, found: StoredShape) -> None:
        """Keep the shape of a version, in place of one that was computed beside another matrix."""
        name = _name(SHAPE, partition)
        key = {"day": partition.day.isoformat(), "partition": partition.digest}
        manifest = Manifest(_version(SHAPE, partition), key, as_json(found), place=name)
        self._store.replace(f"{name}/{MANIFEST}", manifest.sealed())

    def find(self, partition: StoredPartition) -> StoredShape | None:
        """The shape of a version; None where it was not kept or is damaged."""
        name = _name(SHAPE, partition)
        if not self._store.holds(f"{name}/{MANIFEST}"):
            return None
        try:
            return from_json(StoredShape, self._store.manifest(name).figures)
        except (CorruptArtefact, BadData):
            return None


def _version(kind: str, partition: StoredPartition) -> str:
    return digest_of(kind, partition.day.isoformat(), partition.digest, partition.fingerprint)


def _name(kind: str, partition: StoredPartition) -> str:
    return f"{FOLDER}/{partition.day.isoformat()}/{kind}-{_version(kind, partition)[:SHORT]}"
