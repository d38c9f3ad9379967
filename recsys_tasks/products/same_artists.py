"""Tracks by the artists of a history, as a part of what continues a playlist."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.products.artists import Artists
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.base import Candidates
from recsys_tasks.recommenders.falling import PLACE_BITS, rising_keys
from recsys_tasks.recommenders.vectors import Played


@dataclass(frozen=True)
class SameArtists:
    """A ``Retriever``: a track scores the times that its artist stands in the history, and its share of listeners."""

    artists: Artists
    share: FloatArray  # (n_tracks,) of the listeners of the most played track
    times: sparse.csr_matrix  # (n_histories, n_artists) how often each artist stands in each history

    @classmethod
    def of(cls, view: ReleaseView, histories: Played) -> "SameArtists":
        """Those of some histories."""
        artists = view.artists.of_col[histories.cols]
        owners, known = histories.owners, artists >= 0
        shape = (len(histories.indptr) - 1, len(view.artists))
        cells = (np.ones(int(known.sum()), np.float32), (owners[known], artists[known]))
        listeners = view.bundle.names.listeners
        share = (listeners / max(int(listeners.max(initial=0)), 1)).astype(np.float32)
        return cls(view.artists, share, sparse.csr_matrix(cells, shape=shape))

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: exact, for only tracks of these artists have a score."""
        cols, scores = np.full((len(user_rows), k), -1, np.int32), np.full((len(user_rows), k), -np.inf, np.float32)
        for place, row in enumerate(user_rows):
            some = slice(*self.times.indptr[row : row + 2])
            lists = [self.artists.cols(artist) for artist in self.times.indices[some].tolist()]
            found = np.concatenate([np.zeros(0, np.int64), *lists])
            values = np.repeat(self.times.data[some], [len(each) for each in lists]) + self.share[found]
            open_ = ~np.isin(found, played.of(place)) & (True if allowed is None else allowed[found])
            best = _best(found[open_], values[open_], k)
            cols[place, : len(best[0])], scores[place, : len(best[0])] = best
        return Candidates(cols, scores, np.ones(len(user_rows), dtype=bool))

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        artists = self.artists.of_col[item_cols]
        times = np.asarray(self.times[user_rows, np.maximum(artists, 0)], dtype=np.float32).ravel()
        return np.where((times > 0) & (artists >= 0), times + self.share[item_cols], np.float32(0))

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: histories without a known artist."""
        return np.asarray(np.diff(self.times.indptr) == 0)

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those of unknown artists."""
        return np.asarray(self.artists.of_col < 0)


def _best(cols: IntArray, scores: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """The k best, best first, equal ones by column. (at most k,) each."""
    if len(cols) > k:
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        cols, scores = cols[scores >= least], scores[scores >= least]
    order = np.argsort(rising_keys(scores) << PLACE_BITS | cols)[:k]
    return cols[order], scores[order]
