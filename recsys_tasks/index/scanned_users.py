"""The users of one scan: what each may be shown, and the best tracks found for each so far.

``TwoTierSearch`` decides how far a scan goes; the users score the tracks that it names. One user and a batch offer the
same methods and attributes, and differ in their arithmetic alone: a listener waits for the answer to one user, most of
whose time goes into the calls of numpy, and as a batch of one it would take twice as long.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.lookup import are_in
from recsys_tasks.index.best_lists import BestLists, best_of
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.recommenders.vectors import Played

_HIDDEN = np.float32(-np.inf)


class OneUser:
    """One user, without what only several need."""

    def __init__(
        self,
        tracks: RankedTracks,
        vectors: FloatArray,
        norms: npt.NDArray[np.float64],
        played: Played,
        k: int,
        allowed: BoolArray | None,
    ) -> None:
        """Take the user of a query of one: vectors (1, n_factors) and norms (1,); the rest is as in ``UserBatch``."""
        self.vectors, self.scored, self.exact = vectors, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.bool_)
        self._tracks, self._vector, self._norm, self._k, self._allowed = tracks, vectors[0], float(norms[0]), k, allowed
        self._played = tracks.col_ranks[played.of(0)]
        self._played.sort()
        self._ranks: IntArray = np.zeros(0, dtype=np.int64)  # (at most k,)
        self._scores: FloatArray = np.zeros(0, dtype=np.float32)
        self.n_open = int(self._norm > 0)

    def score_block(self, start: int, stop: int) -> None:
        """Score the tracks of a block of ranks, and keep the best."""
        scores = self._tracks.ranked_factors[start:stop] @ self._vector
        scores[self._played[self._played.searchsorted(start) : self._played.searchsorted(stop)] - start] = _HIDDEN
        if self._allowed is not None:
            scores[~self._allowed[self._tracks.rank_cols[start:stop]]] = _HIDDEN
        places = (scores > self._kth()).nonzero()[0]
        self._keep(start + places, scores[places])

    def certify(self, stop: int, bound: float, to_fill: bool) -> float:
        """As ``UserBatch.certify``."""
        kth = self._kth() / self._norm
        exact = kth >= bound
        self.scored[0], self.exact[0] = stop, exact
        self.n_open = int(not exact and (kth == -np.inf or not to_fill))
        return kth

    def score_more(self, row: int, ranks: IntArray) -> int:
        """As ``UserBatch.score_more``."""
        ranks = _allowed_of(ranks[~are_in(self._played, ranks)], self._tracks, self._allowed)
        self._keep(ranks, self._tracks.ranked_factors[ranks] @ self._vector)
        return len(ranks)

    def ranks(self) -> npt.NDArray[np.int32]:
        """As ``UserBatch.ranks``."""
        if len(self._ranks) == self._k:
            return self._ranks[None].astype(np.int32)
        padded = np.full((1, self._k), -1, dtype=np.int32)
        padded[0, : len(self._ranks)] = self._ranks
        return padded

    def _kth(self) -> float:
        return float(self._scores[-1]) if len(self._scores) == self._k else -np.inf

    def _keep(self, ranks: IntArray, scores: FloatArray) -> None:
        if len(self._scores):
            ranks, scores = np.concatenate([self._ranks, ranks]), np.concatenate([self._scores, scores])
        self._ranks, self._scores = best_of(ranks, scores, self._k)


class UserBatch:
    """Several users, whose blocks are scored by one matrix product."""

    def __init__(
        self,
        tracks: RankedTracks,
        vectors: FloatArray,
        norms: npt.NDArray[np.float64],
        played: Played,
        k: int,
        allowed: BoolArray | None,
    ) -> None:
        """Start with empty lists.

        Args:
            tracks: the catalogue.
            vectors: (n_users, n_factors) float32.
            norms: (n_users,) of the vectors; a user of norm 0 gets no list.
            played: track columns that each user is not shown.
            k: length of the lists.
            allowed: (n_tracks,) the tracks to choose from; None: all.
        """
        n_users = len(vectors)
        self.vectors = vectors
        self.scored: npt.NDArray[np.int64] = np.zeros(n_users, dtype=np.int64)
        self.exact: BoolArray = np.zeros(n_users, dtype=np.bool_)
        self._tracks, self._norms, self._allowed = tracks, norms, allowed
        self._played = _played_keys(tracks, played)
        self._lists = BestLists(n_users, k)
        self._open = np.flatnonzero(norms > 0)

    @property
    def n_open(self) -> int:
        """Number of users that the scan goes on for."""
        return len(self._open)

    def score_block(self, start: int, stop: int) -> None:
        """Score the tracks of a block of ranks for the open users, and keep the best."""
        n_users, rows = len(self.vectors), self._open
        scores = np.asarray(self.vectors[rows] @ self._tracks.ranked_factors[start:stop].T)  # (n_open, stop - start)
        first, last = np.searchsorted(self._played, (start * n_users, stop * n_users))
        if first < last:
            users, ranks = self._played[first:last] % n_users, self._played[first:last] // n_users
            asked = np.isin(users, rows) if len(rows) < n_users else slice(None)
            scores[np.searchsorted(rows, users[asked]), ranks[asked] - start] = _HIDDEN
        if self._allowed is not None:
            np.copyto(scores, _HIDDEN, where=~self._allowed[self._tracks.rank_cols[start:stop]])
        self._lists.offer(rows, start, scores)

    def certify(self, stop: int, bound: float, to_fill: bool) -> float:
        """Close the users whose answer is proven, now that all ranks before ``stop`` were scored for them.

        Args:
            stop: the first rank that was not scored.
            bound: what no track from there on can exceed, for a user of norm 1.
            to_fill: whether the scan only goes on for users whose lists are not full.

        Returns:
            The k-th best score that half of the users that are still open reach, for a user of norm 1.
        """
        kth = self._lists.scores[self._open, -1] / self._norms[self._open]
        exact = kth >= bound
        self.exact[self._open], self.scored[self._open] = exact, stop
        is_open = ~exact & (kth == -np.inf) if to_fill else ~exact
        self._open, rising = self._open[is_open], np.sort(kth[is_open])
        return float(rising[(len(rising) - 1) // 2]) if len(rising) else np.inf

    def score_more(self, row: int, ranks: IntArray) -> int:
        """Score some more tracks (n,) for one user, those that it may be shown, and keep the best; their number."""
        ranks = _allowed_of(ranks[~are_in(self._played, ranks * len(self.vectors) + row)], self._tracks, self._allowed)
        scores = self._tracks.ranked_factors[ranks] @ self.vectors[row]
        self._lists.merge(np.array([row]), np.zeros(len(ranks), dtype=np.int64), ranks, scores)
        return len(ranks)

    def ranks(self) -> npt.NDArray[np.int32]:
        """Ranks of the tracks of each list, padded with -1. (n_users, k)."""
        return self._lists.ranks


Users: TypeAlias = OneUser | UserBatch


def _played_keys(tracks: RankedTracks, played: Played) -> npt.NDArray[np.int64]:
    """rank * n_users + user of every pair with a rank, rising: the pairs of a block of ranks are one slice. (n,)."""
    n_users = len(played.indptr) - 1
    keys = tracks.col_ranks[played.cols[played.indptr[0] : played.indptr[-1]]] * np.int64(n_users) + played.owners
    keys.sort()
    return keys[np.searchsorted(keys, 0) :]  # below are the tracks without a rank


def _allowed_of(ranks: IntArray, tracks: RankedTracks, allowed: BoolArray | None) -> IntArray:
    return ranks if allowed is None else ranks[allowed[tracks.rank_cols[ranks]]]
