"""Lists for a history that no training knew: an unknown listener's tracks, or a playlist.

The history is folded in as a listener of the release (Hu, Koren and Volinsky, ICDM 2008, equation 4, against its track
factors), and the release's own retriever answers for it. A playlist is continued by the fold-in, by the neighbours of
its tracks and by its artists, joined as the components of a candidate are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.products.listeners import Asked, chosen
from recsys_tasks.products.lists import TrackLists, as_played
from recsys_tasks.products.reasons import reasons_for
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.base import Candidates, Retriever
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.neighbours import Neighbours, best_scored
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Listeners


@dataclass(frozen=True)
class SameArtists:
    """A ``Retriever`` of tracks by the artists of each history, by how often these stand in it."""

    view: ReleaseView
    histories: Played

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``."""
        cols, scores = np.full((len(user_rows), k), -1, np.int32), np.full((len(user_rows), k), -np.inf, np.float32)
        for place, row in enumerate(user_rows):
            found, values = self._of(row)
            open_ = ~np.isin(found, played.of(place)) & (True if allowed is None else allowed[found])
            best = best_scored(found[open_], values[open_], k)
            cols[place, : len(best[0])], scores[place, : len(best[0])] = best
        return Candidates(cols, scores, np.ones(len(user_rows), dtype=bool))

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        found = np.zeros(len(user_rows), np.float32)
        for row in np.unique(user_rows):
            own, pairs = dict(zip(*self._counts(row), strict=True)), np.flatnonzero(user_rows == row)
            artists = self.view.artists.of_col[item_cols[pairs]]
            found[pairs] = self._scored(item_cols[pairs], np.array([own.get(artist, 0) for artist in artists.tolist()]))
        return found

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: nobody."""
        return np.zeros(len(self.histories.indptr) - 1, dtype=bool)

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those of unknown artists."""
        return np.asarray(self.view.artists.of_col < 0)

    def _of(self, row: int) -> tuple[IntArray, FloatArray]:
        """Columns, rising, and scores of all tracks by the artists of a history."""
        artists, times = self._counts(row)
        lists = [self.view.artists.cols(artist) for artist in artists.tolist()]
        cols = np.concatenate([np.zeros(0, np.int64), *lists])
        scores = self._scored(cols, np.repeat(times, [len(each) for each in lists]))
        order = np.argsort(cols)
        return cols[order], scores[order]

    def _counts(self, row: int) -> tuple[IntArray, IntArray]:
        artists = self.view.artists.of_col[self.histories.of(row)]
        return np.unique(artists[artists >= 0], return_counts=True)

    def _scored(self, cols: IntArray, times: IntArray) -> FloatArray:
        """Times of the artist in the history, and below one of them the track's share of listeners."""
        listeners = self.view.bundle.names.listeners
        share = listeners[cols] / max(int(listeners.max(initial=0)), 1)
        return np.where(times > 0, times * (1 + share), 0).astype(np.float32)


def for_histories(
    view: ReleaseView, histories: Sequence[IntArray], k: int, allowed: BoolArray | None = None
) -> TrackLists:
    """What the release recommends to listeners of these histories; the popular tracks where nothing is known of one.

    Args:
        view: the release.
        histories: track columns of each, in any order.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.

    Raises:
        BadData: a column lies outside of the release's tracks.
    """
    played = _checked(view, histories)
    listeners = Listeners(folded_in(view, played), played, view.bundle.users.recent)
    return _listed(view, played, lambda places: view.bundle.gated.retriever(listeners, places), k, allowed)


def continued(view: ReleaseView, playlists: Sequence[IntArray], k: int, allowed: BoolArray | None = None) -> TrackLists:
    """Tracks that go on with playlists; arguments and errors as for ``for_histories``."""
    played = _checked(view, playlists)
    vectors = folded_in(view, played)
    of_list, of_tracks, of_artists = view.settings.playlist_weights
    depth = view.bundle.gated.key.blend.depth

    def asked(places: int) -> Retriever:
        places = max(places, depth)
        parts: list[tuple[str, float, Retriever]] = [
            ("als", of_list, IndexedFactors(view.bundle.gated.search_for(places), vectors))
        ]
        if view.bundle.gated.similar is not None:
            parts.append(("neighbours", of_tracks, Neighbours(view.bundle.gated.similar, played)))
        if len(view.artists):
            parts.append(("artists", of_artists, SameArtists(view, played)))
        names, weights, retrievers = zip(*parts, strict=True)
        return Blend(weights, names, depth).of(retrievers)

    return _listed(view, played, asked, k, allowed, most_of_one_artist=0)


def folded_in(view: ReleaseView, histories: Played) -> npt.NDArray[np.float32]:
    """Factors of listeners who played each track of their history once. (n_histories, n_factors).

    Zero for a history without any track that has a factor.
    """
    factors, config = view.tracks.ranked_factors, view.training
    found = np.zeros((len(histories.indptr) - 1, factors.shape[1]), np.float32)
    once = confidence(sparse.csr_matrix(np.ones((1, 1), np.uint32)), config).data[0]
    for row in range(len(found)):
        ranks = view.tracks.col_ranks[histories.of(row)]
        own = factors[ranks[ranks >= 0]].astype(np.float64)
        if len(own):
            left = view.gram + (once - 1) * own.T @ own + config.regularization * np.eye(factors.shape[1])
            found[row] = np.linalg.solve(left, once * own.sum(axis=0))
    return found


def _checked(view: ReleaseView, histories: Sequence[IntArray]) -> Played:
    """Each track of each history once, by column."""
    played = as_played([np.unique(cols) for cols in histories])
    if len(played.cols) and not 0 <= played.cols.min() <= played.cols.max() < view.n_tracks:
        raise BadData(f"A history names a track outside of the {view.n_tracks} tracks.")
    return played


def _listed(
    view: ReleaseView,
    played: Played,
    asked: Asked,
    k: int,
    allowed: BoolArray | None,
    most_of_one_artist: int | None = None,
) -> TrackLists:
    rows = np.arange(len(played.indptr) - 1)
    cols, scores = chosen(view, asked, rows, played, k, allowed, most_of_one_artist)
    if (bare := np.flatnonzero(cols[:, 0] < 0)).size:
        cols[bare], scores[bare] = chosen(view, lambda _: view.popular, bare, played.rows(bare), k, allowed)
    return TrackLists(cols, scores, reasons_for(view, cols, played))
