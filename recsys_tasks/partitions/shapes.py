"""The stored shapes of dates, and what of their rows they are made from.

    data_checks/<date>/traces-<digest>/   samples of pairs and event ids, popular tracks, hours: written at extraction
    data_checks/<date>/shape-<digest>/    the shape of a version, and beside which dates it was computed

The digest is of the version: its play counts and the fingerprint of its rows. A damaged one counts as none: it costs
the history one day and stops nothing.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.core.records import Json, as_json, from_json
from recsys_tasks.partitions.checked import FOLDER
from recsys_tasks.partitions.day_traces import DayTraces, Tally
from recsys_tasks.partitions.repository import StoredPartition
from recsys_tasks.partitions.shape import DayShape
from recsys_tasks.storage.manifest import MANIFEST, Manifest
from recsys_tasks.storage.store import ArtefactStore
from recsys_tasks.storage.stored_forms import as_ids

TRACES, SHAPE = "traces", "shape"


@dataclass(frozen=True)
class StoredShape:
    """The shape of a version of a date."""

    shape: DayShape
    before: str  # digest of the dates before it, and whether their matrix was there


class Shapes:
    """The shapes in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def save_traces(self, partition: StoredPartition, traces: DayTraces) -> None:
        """Keep the traces of a version; the first of its like stay, unless they are damaged."""
        name = _name(TRACES, partition)
        if self._store.holds(name) and self.traces(partition) is None:
            self._store.remove(name)
        popular = pa.table({"track_id": traces.popular.track_ids, "listeners": traces.popular.listeners})
        files = {"pairs": traces.pairs, "events": traces.events, "popular": popular}
        hours = list(traces.hours) if traces.hours else None
        self._store.put(name, _version(TRACES, partition), _key(partition), files, {"hours": hours})

    def traces(self, partition: StoredPartition) -> DayTraces | None:
        """The traces of a version; None where they were not kept, or are damaged."""
        name = _name(TRACES, partition)
        if not self._store.holds(name):
            return None
        try:
            artefact = self._store.open(name, _version(TRACES, partition))
            popular, hours = artefact.table("popular"), artefact.figures["hours"]
            tally = Tally(as_ids(popular["track_id"]), np.asarray(popular["listeners"]))
            return DayTraces(artefact.array("pairs"), tally, artefact.array("events"), tuple(hours) if hours else None)
        except (NotStored, CorruptArtefact, BadData):
            return None

    def other_traces(self, partition: StoredPartition) -> list[str]:
        """Names of the traces of other versions of a date."""
        folder, own = f"{FOLDER}/{partition.day.isoformat()}", _name(TRACES, partition)
        names = [f"{folder}/{name}" for name in self._store.names(folder) if name.startswith(f"{TRACES}-")]
        return [name for name in names if name != own]

    def save(self, partition: StoredPartition, found: StoredShape) -> None:
        """Keep the shape of a version, in place of one that was computed beside other dates."""
        name = _name(SHAPE, partition)
        manifest = Manifest(_version(SHAPE, partition), _key(partition), as_json(found), place=name)
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


def _key(partition: StoredPartition) -> Json:
    return {"day": partition.day.isoformat(), "partition": partition.digest}


def _version(kind: str, partition: StoredPartition) -> str:
    return digest_of(kind, partition.day.isoformat(), partition.digest, partition.fingerprint)


def _name(kind: str, partition: StoredPartition) -> str:
    return f"{FOLDER}/{partition.day.isoformat()}/{kind}-{_version(kind, partition)[:SHORT]}"
