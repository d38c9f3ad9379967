"""A bundle opened for asking: the gated part as a search, the names, the users.

The three parts lie side by side and are verified one by one; a release names the SHA-256 of each part's manifest.
"""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import FloatArray, Id, Ids, Vocabulary
from recsys_tasks.core.errors import CorruptArtefact, UnknownId
from recsys_tasks.index.annoy_index import metric_of, open_index
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.index.two_tier_search import Effort, TwoTierSearch
from recsys_tasks.matrix.popularity import popular_order
from recsys_tasks.release.log import Entry
from recsys_tasks.storage.artefacts import MANIFEST, Artefact, open_artefact
from recsys_tasks.storage.files import sha256_of
from recsys_tasks.storage.store import Store
from recsys_tasks.storage.stored_forms import as_ids, vocabulary_of

GATED, NAMES, USERS = "gated", "names", "users"


@dataclass(frozen=True)
class GatedPart:
    """What the gate judges: the search over the track factors, and the track vocabulary."""

    artefact: Artefact
    search: TwoTierSearch
    tracks: Vocabulary
    index_file: Path  # of the search's index

    def search_for(self, k: int) -> TwoTierSearch:
        """The search with the effort that lists of k need: it was calibrated for the k of the configuration."""
        times = -(-k // int(self.artefact.manifest["key"]["index"]["k"]))
        if times <= 1:
            return self.search
        effort = self.search.effort
        scaled = Effort(effort.budget * times, effort.search_k * times, effort.similar_search_k * times)
        return TwoTierSearch(self.search.tracks, scaled, self.search.index)


def open_gated(artefact: Artefact) -> GatedPart:
    """The search of a verified gated part; its arrays are mapped, not loaded.

    Raises:
        CorruptArtefact: the index does not hold what the manifest says.
        BadData: the arrays do not fit together.
    """
    with artefact.named():
        tracks = vocabulary_of(artefact.table("tracks"))
        rank_cols, factors, norms = (
            artefact.array(name, mapped=True) for name in ("rank_cols", "ranked_factors", "ranked_norms")
        )
        ranked = RankedTracks(rank_cols, factors, norms, len(tracks))
    file = artefact.file("index.ann")
    index = open_index(file, len(ranked), factors.shape[1], metric_of(artefact.manifest["key"]))
    return GatedPart(artefact, TwoTierSearch(ranked, Effort(**artefact.figures["effort"]), index), tracks, file)


@dataclass(frozen=True)
class Names:
    """Title, artist and play totals of each track column."""

    table: pa.Table  # title, artist, released_on, plays, listeners

    @cached_property
    def listeners(self) -> npt.NDArray[np.int64]:
        """Number of listeners of each track column."""
        return np.asarray(self.table.column("listeners"))

    @cached_property
    def popular(self) -> npt.NDArray[np.int64]:
        """Track columns by falling number of listeners; made for the first who asks for them."""
        return popular_order(self.listeners)

    @cached_property
    def _columns(self) -> dict[str, pa.Array]:
        return {name: as_ids(self.table.column(name)) for name in self.table.column_names}

    def of(self, col: int) -> dict[str, Any]:
        """What stands of one track, title and artist None where the catalogue has none."""
        return {name: values[col].as_py() for name, values in self._columns.items()}


@dataclass(frozen=True)
class Users:
    """User vectors, played tracks, and the order that finds a user."""

    vectors: FloatArray  # (n_users, n_factors)
    indptr: npt.NDArray[np.integer[Any]]  # (n_users + 1,)
    cols: npt.NDArray[np.integer[Any]]  # (n_pairs,) played track columns
    ids: Ids  # (n_users,)
    order: npt.NDArray[np.integer[Any]]  # (n_users,) rows by rising id


@dataclass(frozen=True)
class Bundle:
    """All parts of a published bundle."""

    gated: GatedPart
    names: Names
    users: Users


def open_names(store: Store, candidate: str) -> Names:
    """The names of a candidate's tracks, verified."""
    return names_in(open_artefact(store.bundle_path(candidate) / NAMES, candidate))


def names_in(artefact: Artefact) -> Names:
    """The names in a verified part."""
    return Names(artefact.table("names"))


def open_users(artefact: Artefact) -> Users:
    """The user part; vectors and played tracks are mapped."""
    vectors, indptr, cols, order = (  # mapped still: slicing a plain array costs a tenth of slicing a memory map
        np.asarray(artefact.array(name, mapped=True)) for name in ("user_vectors", "indptr", "cols", "order")
    )
    return Users(vectors, indptr, cols, as_ids(artefact.table("users").column("id")), order)


def part_paths(store: Store, entry: Entry) -> dict[str, Path]:
    """Directory of each part of a release."""
    return {part: store.bundle_path(entry.candidate) / part for part in entry.parts}


def verify_bundle(store: Store, entry: Entry, only: Collection[str] = ()) -> dict[str, Artefact]:
    """Every file of a release against the manifests, and the manifests against the log.

    Args:
        store: where it lies.
        entry: the release.
        only: of the parts (gated, names, users), those that are asked for; empty: all of them.

    Raises:
        CorruptArtefact: anything differs; the message names the file.
    """
    if not store.bundle_path(entry.candidate).is_dir():
        raise CorruptArtefact(
            f"{store.bundle_path(entry.candidate)}, the files of release {entry.release}, is gone: retention keeps "
            "those of the newest releases. Restore it, or roll back to another release (rollback N --by --why)."
        )
    opened = {}
    for part, path in part_paths(store, entry).items():
        name, manifest = part.split("-")[0], path / MANIFEST
        if only and name not in only:
            continue
        if not manifest.is_file() or sha256_of(manifest) != entry.parts[part]:
            raise CorruptArtefact(
                f"{manifest} is not the manifest that release {entry.release} was published with. Restore it, or roll "
                "back to another release (rollback N --by --why)."
            )
        opened[name] = open_artefact(path)
    return opened


def open_bundle(store: Store, entry: Entry) -> Bundle:
    """Verify a release, then map it.

    Raises:
        CorruptArtefact: anything differs from what was published.
    """
    parts = verify_bundle(store, entry)
    gated = open_gated(parts[GATED])
    return Bundle(gated, names_in(parts[NAMES]), open_users(parts[USERS]))


def parse_id(ids: Ids, text: Id) -> Id:
    """An id as the vocabulary holds it, from what a person typed.

    Raises:
        UnknownId: ids are integers here, and this is none of 64 bits; or it is no text that Postgres could hold.
    """
    try:
        if pa.types.is_integer(ids.type):
            return int(np.int64(int(text)))
        return str(text).encode().decode()
    except (ValueError, OverflowError):
        raise UnknownId(f"{text!r} is no id of this service: {ids.type} is what they are.") from None


def find_row(ids: Ids, order: npt.NDArray[np.integer[Any]], wanted: Id) -> int | None:
    """Row of an id, by bisection of the stored order; None when it is not there."""
    place = bisect_left(range(len(order)), wanted, key=lambda i: ids[int(order[i])].as_py())
    if place < len(order) and ids[int(order[place])].as_py() == wanted:
        return int(order[place])
    return None
