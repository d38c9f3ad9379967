"""The stored catalogue snapshots: the tracks as the source showed them when a date was run.

    catalogues/<date>-<digest>/   tracks.parquet: ids, names, release dates, features

The digest is of the contents. A date has one snapshot under one configuration of the catalogue, the first that a run
took: a rerun makes the same candidate, whatever has been corrected in the source since.
"""

from contextlib import suppress

import pyarrow as pa

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.storage.store import ArtefactStore

FOLDER = "catalogues"


class Catalogues:
    """The catalogue snapshots in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def find(self, day: Day, rule: str) -> str | None:
        """Digest of the snapshot of a date under a configuration; None where none was taken.

        Args:
            day: business day of the run.
            rule: digest of the configuration that decides what a snapshot holds.
        """
        names = [name for name in self._store.names(FOLDER) if name.startswith(f"{day.isoformat()}-")]
        manifests = (self._store.manifest(f"{FOLDER}/{name}") for name in names)
        return next((manifest.digest for manifest in manifests if manifest.key["rule"] == rule), None)

    def newest(self) -> tuple[Day, int] | None:
        """Date of the newest snapshot that is sound, and how many tracks it has; None where there is none."""
        for name in sorted(self._store.names(FOLDER), reverse=True):
            with suppress(CorruptArtefact):
                manifest = self._store.manifest(f"{FOLDER}/{name}")
                return parse_day(manifest.key["day"]), int(manifest.figures["tracks"])
        return None

    def save(self, day: Day, rule: str, digest: str, tracks: pa.Table) -> None:
        """Store a snapshot under the digest of its contents."""
        key = {"day": day.isoformat(), "rule": rule}
        self._store.put(catalogue_name(day, digest), digest, key, {"tracks": tracks}, {"tracks": len(tracks)})

    def load(self, day: Day, digest: str) -> pa.Table:
        """A stored snapshot, verified: one row a track, by track_id.

        Raises:
            NotStored: there is none.
            CorruptArtefact: its file differs from the manifest.
        """
        return self._store.open(catalogue_name(day, digest), digest).table("tracks")


def catalogue_name(day: Day, digest: str) -> str:
    """Where the snapshot of this date and content lies, or would lie."""
    return f"{FOLDER}/{day.isoformat()}-{digest[:SHORT]}"
