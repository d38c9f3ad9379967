"""The stored splits: who is hidden on a day, for whom, and the day in the matrix's rows; and the salt that they need.

splits/<date>-<digest>/     rows of the hidden listeners by group, play counts of the day
secrets/split_salt.json     the salt of this store; in every key and on every page stands its digest alone
"""

import numpy as np

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import NotStored
from recsys_tasks.core.records import as_json, from_json
from recsys_tasks.matrix.split import Split, SplitKey
from recsys_tasks.repositories.matrices import cells_of
from recsys_tasks.storage.secret import kept_or_drawn
from recsys_tasks.storage.store import ArtefactStore

FOLDER = "splits"
SALT = "secrets/split_salt.json"


class Splits:
    """The splits in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def salt(self, fresh: str) -> str:
        """The salt of this store, which never changes: the first caller's ``fresh`` is kept as it.

        Raises:
            CorruptArtefact: it is damaged.
            StorageError: the store refused.
        """
        lost = "Without one, remove it: the next run draws another, and hides other listeners from its day on."
        return kept_or_drawn(self._store, SALT, "salt", fresh, lost)

    def holds(self, key: SplitKey) -> bool:
        """Whether the split is stored."""
        return self._store.holds(split_name(key.day, key.digest))

    def save(self, key: SplitKey, split: Split) -> None:
        """Store a split under its key."""
        files = {
            "gate_rows": split.gate_rows,
            "blend_rows": split.blend_rows,
            "day_indptr": split.day_counts.indptr,
            "day_cols": split.day_counts.indices,
            "day_plays": split.day_counts.data,
        }
        n_users, n_tracks = split.day_counts.shape
        figures = {"gate": len(split.gate_rows), "blend": len(split.blend_rows), "users": n_users, "tracks": n_tracks}
        self._store.put(split_name(key.day, key.digest), key.digest, as_json(key), files, figures)

    def find(self, day: Day, digest: str) -> SplitKey | None:
        """What a stored split was made from, from its manifest; None where it is gone."""
        name = split_name(day, digest)
        return from_json(SplitKey, self._store.manifest(name).key) if self._store.holds(name) else None

    def key(self, day: Day, digest: str) -> SplitKey:
        """What a stored split was made from, from its manifest.

        Raises:
            NotStored: it is gone, or was never made.
        """
        found = self.find(day, digest)
        if found is None:
            raise NotStored(f"No split {digest[:SHORT]} of {day}. Run increment_matrix for it.")
        return found

    def load(self, day: Day, digest: str) -> Split:
        """A stored split, verified and mapped.

        Raises:
            NotStored: there is none.
            CorruptArtefact: a file differs from the manifest.
            BadData: what it holds is no split.
        """
        artefact = self._store.open(split_name(day, digest), digest)
        with artefact.named():
            gate, blend = (np.asarray(artefact.array(f"{group}_rows")) for group in ("gate", "blend"))
            shape = artefact.figures["users"], artefact.figures["tracks"]
            return Split(gate, blend, cells_of(artefact, shape, ("day_plays", "day_cols", "day_indptr")))


def split_name(day: Day, digest: str) -> str:
    """Where the split of this date and key lies, or would lie."""
    return f"{FOLDER}/{day.isoformat()}-{digest[:SHORT]}"
