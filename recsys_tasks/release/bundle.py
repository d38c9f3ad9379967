"""A bundle opened for asking: the gated part as a search, the names, the users."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import FloatArray, Id, Ids, Vocabulary
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.index.annoy_index import metric_of, open_index, stored_vectors
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.popular import PopularTracks
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.storage.artefacts import Artefact
from recsys_tasks.storage.stored_forms import as_ids, vocabulary_of


@dataclass(frozen=True)
class GatedPart:
    """What the gate judges: the search over the track factors, and the track vocabulary."""

    artefact: Artefact
    search: TwoTierSearch
    tracks: Vocabulary
    held: FloatArray  # (n_indexed, n_factors) vectors that the index file holds, mapped

    @cached_property
    def key(self) -> CandidateKey:
        """What the candidate was made from."""
        return CandidateKey.from_json(self.artefact.key)

    def retriever(self, user_factors: FloatArray, k: int | None = None) -> Retriever:
        """What answers for listeners, as it was calibrated, or for lists of k.

        Args:
            user_factors: (n_users, n_factors) of the listeners.
            k: length of the lists that are asked for; None: what the index was built for.
        """
        search = self.search if k is None else self.search_for(k)
        return self.key.blend.of([IndexedFactors(search, user_factors)])

    def search_for(self, k: int) -> TwoTierSearch:
        """The search with the parameters that lists of k need: they were chosen for the k of the configuration."""
        times = -(-k // self.key.parameters.k)
        if times <= 1:
            return self.search
        chosen = self.search.parameters
        scaled = SearchParameters(chosen.budget * times, chosen.search_k * times, chosen.similar_search_k * times)
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
    shape, metric = (len(ranked), factors.shape[1]), metric_of(artefact.key)
    file = str(artefact.file("index.ann"))
    index, held = open_index(file, *shape, metric), stored_vectors(file, *shape, metric)
    parameters = SearchParameters(**artefact.figures["effort"])
    return GatedPart(artefact, TwoTierSearch(ranked, parameters, index), tracks, held)


@dataclass(frozen=True)
class Names:
    """Title, artist and play totals of each track column."""

    table: pa.Table  # title, artist, released_on, plays, listeners

    @cached_property
    def listeners(self) -> npt.NDArray[np.int64]:
        """Number of listeners of each track column."""
        return np.asarray(self.table.column("listeners"))

    @cached_property
    def popular(self) -> PopularTracks:
        """The popular tracks, for a listener whom the release does not know."""
        return PopularTracks(self.listeners, 0)

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


def names_in(artefact: Artefact) -> Names:
    """The names in a verified part."""
    return Names(artefact.table("names"))


def open_users(artefact: Artefact) -> Users:
    """The user part; vectors and played tracks are mapped."""
    vectors, indptr, cols, order = (  # mapped still: slicing a plain array costs a tenth of slicing a memory map
        np.asarray(artefact.array(name, mapped=True)) for name in ("user_vectors", "indptr", "cols", "order")
    )
    return Users(vectors, indptr, cols, as_ids(artefact.table("users").column("id")), order)


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
