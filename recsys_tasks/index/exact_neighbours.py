"""A sample of queries with their exact answers, and the recall of other answers to them.

recall@k of a query = hits / min(k, tracks there are), where a hit is a listed track that scores no less than the exact
k-th best (so any of several equal tracks will do). The exact answers need no index: a build finds them while the trees
grow.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.index.annoy_index import find_near, find_similar
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.recommenders.exact_search import Top, exact_top
from recsys_tasks.recommenders.vectors import Played, has_direction, rounding, row_norms

Recalls = npt.NDArray[np.float64]  # (n_queries,), NaN for a query with nothing to find

ASKERS = 2
"""Threads that ask Annoy, which lets go of the interpreter; the answers are the same with any number."""
ASKED_AT_ONCE = 64
"""Queries that are asked before the caller decides whether the others can still matter: enough to keep both threads
busy, and an eighth of an ordinary sample."""


@dataclass(frozen=True)
class ExactNeighbours:
    """Users and tracks that are asked about, and their exact answers. A row is one of ``factors``."""

    factors: FloatArray  # (n_rows, n_factors) of all tracks
    lengths: npt.NDArray[np.float64]  # (n_rows,) their norms, inf for one without a direction
    user_vectors: FloatArray  # (n_users, n_factors)
    played: Played  # rows that each user is not shown
    heaviest: IntArray  # places of the tenth of the users with the most played tracks
    top: Top  # (n_users, k) rows and scores, equal scores by row
    asked: IntArray  # (n_asked,) rows of the tracks whose similar tracks are asked for
    cosines: FloatArray  # (n_asked, k) the largest with other rows, best first, padded with -inf

    @classmethod
    def of_trained(
        cls, item_factors: FloatArray, user_vectors: FloatArray, played: Played, track_cols: IntArray, k: int
    ) -> "ExactNeighbours":
        """Find the answers over the factors as trained: a row is a track column.

        Args:
            item_factors: (n_tracks, n_factors) in the order of the track columns.
            user_vectors: (n_users, n_factors) float32.
            played: track columns that each user is not shown.
            track_cols: (n_sampled,) of the tracks to ask about; those without a factor are left out.
            k: length of the lists.

        Raises:
            BadData: shapes do not fit, or a vector is not finite.
        """
        asked = track_cols[has_direction(row_norms(item_factors))[track_cols]]
        played = Played(*played)
        return _find_all(item_factors, user_vectors, played, _heaviest(played), asked, k)

    @classmethod
    def of_ranked(
        cls, tracks: RankedTracks, user_vectors: FloatArray, played: Played, track_cols: IntArray, k: int
    ) -> "ExactNeighbours":
        """Find the answers over the ranked tracks: a row is a rank. Arguments and errors as in ``of_trained``."""
        asked, played = tracks.col_ranks[track_cols], Played(*played)
        heaviest, played = _heaviest(played), _played_ranks(tracks, played)
        return _find_all(tracks.ranked_factors, user_vectors, played, heaviest, asked[asked >= 0], k)

    def unit(self, rows: IntArray) -> FloatArray:
        """Factors of some rows scaled to norm 1, zero for one without a direction. (n, n_factors)."""
        return np.asarray(self.factors[rows] / self.lengths[rows][:, None], dtype=np.float32)

    def user_recalls(self, rows: IntArray) -> Recalls:
        """Recall of each user's list (n_users, k), padded with -1. (n_users,)."""
        largest_norm = row_norms(self.factors).max(initial=0.0)
        tolerances = 2 * rounding(self.factors.shape[1]) * largest_norm * row_norms(self.user_vectors)
        recalls = np.full(len(rows), np.nan)
        for user, vector in enumerate(self.user_vectors):
            own = rows[user]
            listed = np.setdiff1d(own[own >= 0], self.played.of(user))  # each once, and none that was played
            recalls[user] = _recall(self.factors[listed] @ vector, self.top.scores[user], tolerances[user])
        return recalls

    def similar_recalls(
        self,
        index: Any,
        search_k: int,
        ranks: IntArray,
        rank_rows: IntArray,
        is_hopeless: Callable[[Recalls], bool] = lambda _: False,
        asked_at_once: int = ASKED_AT_ONCE,
    ) -> Recalls:
        """Recall of Annoy's answer for each track that is asked about. (n_asked,).

        Args:
            index: the opened Annoy index; None: nothing is found.
            search_k: number of tracks that Annoy inspects.
            ranks: (n_asked,) of the tracks, -1 for one that is not indexed.
            rank_rows: (n_indexed,) row of each rank.
            is_hopeless: called after every ``asked_at_once`` queries with the recalls so far, 1 for every query that is
                still to come; when it returns true, these are the result.
            asked_at_once: number of queries.
        """

        def recall(query: int) -> float:
            answer, _ = find_similar(index, int(ranks[query]), self.cosines.shape[1], search_k)
            listed, own = self.unit(np.sort(rank_rows[answer])), self.unit(rank_rows[ranks[query : query + 1]])[0]
            return _recall(listed @ own, self.cosines[query], 2 * rounding(self.factors.shape[1]))

        can_be = (ranks >= 0) & (index is not None)
        recalls = np.where(self.cosines[:, 0] > -np.inf, np.where(can_be, 1.0, 0.0), np.nan)
        with ThreadPoolExecutor(ASKERS) as askers:
            for queries in interleave(np.flatnonzero(can_be), asked_at_once):
                recalls[queries] = list(askers.map(recall, queries))
                if is_hopeless(recalls):
                    break
        return recalls


def interleave(queries: IntArray, size: int) -> list[IntArray]:
    """The queries in parts of at most ``size``, each from everywhere: the first few then show what all will."""
    n_parts = -(-len(queries) // size)
    return [queries[part::n_parts] for part in range(n_parts)]


def find_near_each(index: Any, vectors: FloatArray, search_k: int) -> list[npt.NDArray[np.int64]]:
    """Ranks of the tracks that Annoy finds near each vector (n, n_factors), in the order of the vectors."""
    with ThreadPoolExecutor(ASKERS) as askers:
        return list(askers.map(lambda vector: find_near(index, vector, search_k), vectors))


def mean_recall(values: Recalls) -> float:
    """Mean of the values that are not NaN, 0 without any."""
    return float(np.mean(values[~np.isnan(values)])) if not np.isnan(values).all() else 0.0


def _find_all(
    factors: FloatArray, user_vectors: FloatArray, played: Played, heaviest: IntArray, asked: IntArray, k: int
) -> ExactNeighbours:
    lengths = row_norms(factors)
    lengths[~has_direction(lengths)] = np.inf
    top = exact_top(factors, user_vectors, played, k)
    cosines = _cosines(factors, lengths, asked, k)
    return ExactNeighbours(factors, lengths, user_vectors, played, heaviest, top, asked, cosines)


def _cosines(factors: FloatArray, lengths: npt.NDArray[np.float64], asked: IntArray, k: int) -> FloatArray:
    """The k largest cosines of each row that is asked about with the others, padded with -inf. (n_asked, k)."""
    unit = np.empty(factors.shape, dtype=np.float32)
    np.divide(factors, lengths[:, None], out=unit, casting="same_kind")  # never all of them in 64 bits
    return exact_top(unit, unit[asked], Played(np.arange(len(asked) + 1), asked), k).scores


def _recall(scores: FloatArray, exact: FloatArray, tolerance: float) -> float:
    """hits / tracks there are, NaN for none. scores: (n_listed,); exact: (k,) best first, padded with -inf."""
    there = np.count_nonzero(exact > -np.inf)
    if not there:
        return math.nan
    return min(1.0, np.count_nonzero(scores >= exact[there - 1] - tolerance) / there)


def _played_ranks(tracks: RankedTracks, played: Played) -> Played:
    """The same lists with ranks for columns; a track without a rank needs no hiding."""
    ranks = tracks.col_ranks[played.cols]
    kept_before = np.concatenate([[0], np.cumsum(ranks >= 0)])
    return Played(kept_before[played.indptr], ranks[ranks >= 0])


def _heaviest(played: Played) -> IntArray:
    """Rows of the tenth of the users with the most played tracks, at least one of them."""
    counts = np.diff(played.indptr)
    return np.argsort(-counts, kind="stable")[: max(1, len(counts) // 10)]
