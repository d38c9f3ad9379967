"""A bundle opened for asking: the gated part as a search, the names, the users."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import FloatArray, Id, Ids, IntArray, Vocabulary
from recsys_tasks.core.errors import BadData, UnknownId
from recsys_tasks.index.annoy_index import metric_of, open_index, stored_vectors
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.cold_totals import COLD_TOTALS
from recsys_tasks.recommenders.neighbours import SIMILAR, Neighbours, SimilarTracks
from recsys_tasks.recommenders.popular import PopularTracks
from recsys_tasks.recommenders.ranker import FILES, Ranker
from recsys_tasks.recommenders.recent import RecentPlays
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.storage.artefacts import Artefact
from recsys_tasks.storage.stored_forms import as_ids, vocabulary_of

RECENT = "recent"
"""In the user part: (n_components, n_tracks) faded plays, with the day of the data."""
OWN = "own"
"""In the user part: (n_pairs,) each listener's own plays of a track, faded to the day of the data."""
AGAIN = "again"
"""In the user part: (n_pairs,) how likely each listener plays a track of theirs again."""
SHOWN = ("title", "artist", "released_on", "plays", "listeners")
"""What pages and lists show of a track."""
CONTENT = ("content", "content_indptr", "content_similarities")
"""In the gated part: the similar tracks by content."""
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


@dataclass(frozen=True)
class Listeners:
    """What a release has to know of those who ask: enough for each of its components."""

    vectors: FloatArray  # (n_users, n_factors)
    played: Played  # tracks that each of them played
    recent: tuple[RecentPlays, ...] = ()  # one for each component of that name, in their order


@dataclass(frozen=True)
class GatedPart:
    """What the gate judges: the search over the track factors, the track vocabulary, and what other components need."""

    artefact: Artefact
    search: TwoTierSearch
    tracks: Vocabulary
    held: FloatArray  # (n_indexed, n_factors) vectors that the index file holds, mapped
    similar: SimilarTracks | None = None  # of the component ``neighbours``, if there is one
    content: SimilarTracks | None = None  # by content, where the candidate knows any
    ranker: Ranker | None = None  # what puts the candidates in order, where it is not the weights

    @cached_property
    def key(self) -> CandidateKey:
        """What the candidate was made from."""
        return CandidateKey.from_json(self.artefact.key)

    def retriever(self, listeners: Listeners, k: int | None = None) -> Retriever:
        """What answers for listeners, as it was calibrated, or for lists of k.

        Args:
            listeners: who asks.
            k: length of the lists that are asked for; None: what the index was built for.
        """
        return self.joined(self.components(listeners, k), listeners.played)

    def joined(self, components: Sequence[Retriever], played: Played) -> Retriever:
        """Components of this release as one retriever. played: what each listener played, by row."""
        blend = self.key.blend
        return self.ranker.over(components, played, blend.depth) if self.ranker else blend.of(components)

    def joined_alike(self, components: Sequence[Retriever], played: Played, cols: IntArray) -> Retriever:
        """Components of another candidate, joined as this release joins its own: what it learned, by what it knows of
        tracks, so that the components are all that differs.

        Args:
            components: those of the other candidate that ``Blend.used`` names, in that order.
            played: what each listener played, by row, in its columns.
            cols: (n_others,) column here of each of its tracks, -1 for one that this release does not know.
        """
        blend = self.key.blend
        if self.ranker is not None:
            return self.ranker.of_columns(cols).over(components, played, blend.depth)
        weights = tuple(blend.weights[n] for n in blend.used)
        return replace(blend, weights=weights, names=tuple(blend.names[n] for n in blend.used)).of(components)

    def components(self, listeners: Listeners, k: int | None = None) -> list[Retriever]:
        """The components that are joined, in their order.

        Raises:
            BadData: a component is not there that the blend names.
        """
        blend, recent = self.key.blend, iter(listeners.recent)
        if len(blend.names) > 1:  # which joins longer lists than are asked for
            k = max(k or 0, blend.depth)
        found: list[Retriever] = []
        for name in blend.names:
            if name == "als":
                found.append(IndexedFactors(self.search if k is None else self.search_for(k), listeners.vectors))
            elif name == "recent" and (plays := next(recent, None)) is not None:
                found.append(plays)
            elif name == "neighbours" and self.similar is not None:
                found.append(Neighbours(self.similar, listeners.played))
            elif name == "content" and self.content is not None:
                found.append(Neighbours(self.content, listeners.played))
            else:
                raise BadData(f"The release has no component {name!r}, which its blend joins. Run the day again.")
        return found

    def search_for(self, k: int) -> TwoTierSearch:
        """The search with the parameters that lists of k need."""
        parameters = self.parameters_for(k)
        if parameters is self.search.parameters:
            return self.search
        return TwoTierSearch(self.search.tracks, parameters, self.search.index)

    def parameters_for(self, k: int) -> SearchParameters:
        """The parameters of the search that lists of k need: they were chosen for the k of the configuration."""
        return self.search.parameters.for_lists_of(k, self.key.parameters.k)


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
    similar, content = (_similar(artefact, names, len(tracks)) for names in (SIMILAR, CONTENT))
    search = TwoTierSearch(ranked, parameters, index)
    return GatedPart(artefact, search, tracks, held, similar, content, _ranker(artefact))


def _ranker(artefact: Artefact) -> Ranker | None:
    if f"{FILES[0]}.npy" not in artefact.manifest.files:
        return None
    there = [name for name in (*FILES, *COLD_TOTALS) if f"{name}.npy" in artefact.manifest.files]
    with artefact.named():
        return Ranker.of({name: artefact.array(name, mapped=True) for name in there})


def _similar(artefact: Artefact, names: tuple[str, ...], n_items: int) -> SimilarTracks | None:
    if f"{names[0]}.npy" not in artefact.manifest.files:
        return None
    with artefact.named():
        files = {name: artefact.array(name, mapped=True) for name in names}
        return SimilarTracks.of(files, names).widened(n_items)


@dataclass(frozen=True)
class Names:
    """Title, artist and play totals of each track column."""

    table: pa.Table  # title, artist, released_on, plays, listeners, and what else the catalogue says of a track

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
        return {name: as_ids(self.table.column(name)) for name in SHOWN}

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
    recent: tuple[RecentPlays, ...] = ()  # one for each component of that name, in their order
    own: FloatArray | None = None  # (n_pairs,) faded plays of each pair; None: the release holds none
    again: FloatArray | None = None  # (n_pairs,) the chance of each pair to be played again; None: it holds none

    @property
    def asking(self) -> Listeners:
        """Everybody, as those who ask."""
        return Listeners(self.vectors, Played(self.indptr, self.cols), self.recent)


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
    ids = as_ids(artefact.table("users").column("id"))
    own, again = (
        np.asarray(artefact.array(name, mapped=True)) if f"{name}.npy" in artefact.manifest.files else None
        for name in (OWN, AGAIN)
    )
    return Users(vectors, indptr, cols, ids, order, _recent(artefact, len(ids)), own, again)


def _recent(artefact: Artefact, n_users: int) -> tuple[RecentPlays, ...]:
    if f"{RECENT}.npy" not in artefact.manifest.files:
        return ()
    with artefact.named():
        return tuple(RecentPlays(sums, sums, n_users) for sums in artefact.array(RECENT, mapped=True))


def parse_id(ids: Ids, text: Id) -> Id:
    """An id as the vocabulary holds it, from what a person typed: of a uuid any form that Python's ``UUID`` reads.

    Raises:
        UnknownId: ids are integers here, and this is none of 64 bits; or they are uuids, and this is none; or it is no
            text that Postgres could hold.
    """
    kind = "an integer of 64 bits" if pa.types.is_integer(ids.type) else "a text in UTF-8"
    try:
        if pa.types.is_integer(ids.type):
            return int(np.int64(int(text)))
        typed = str(text).encode().decode()
        return _uuid(ids, typed) if _are_uuids(ids.take(_some(len(ids)))) else typed
    except (ValueError, OverflowError):
        raise UnknownId(f"{text!r} is no id of this service: each of them is {kind}.") from None


def _uuid(ids: Ids, typed: str) -> str:
    """A uuid as Postgres writes it; among ids that are not all uuids, another text stays as it is.

    Raises:
        UnknownId: all ids are uuids, and this is none.
    """
    try:
        return str(UUID(typed))
    except ValueError:
        if _are_uuids(ids):
            raise UnknownId(f"{typed!r} is no id of this service: each of them is a uuid.") from None
        return typed


def _are_uuids(ids: Ids) -> bool:
    """Whether ids are uuids as Postgres writes them. A stored vocabulary does not tell them from other texts."""
    return len(ids) > 0 and bool(pc.all(pc.match_substring_regex(ids, _UUID)).as_py())


def _some(length: int) -> pa.Array:
    """Positions of a few ids, which spare most questions a look at all of them."""
    return pa.array(np.linspace(0, max(length - 1, 0), min(length, 16)).astype(np.int64))


def find_row(ids: Ids, order: npt.NDArray[np.integer[Any]], wanted: Id) -> int | None:
    """Row of an id, by bisection of the stored order; None when it is not there."""
    place = bisect_left(range(len(order)), wanted, key=lambda i: ids[int(order[i])].as_py())
    if place < len(order) and ids[int(order[place])].as_py() == wanted:
        return int(order[place])
    return None
