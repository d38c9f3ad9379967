"""The brute-force search that every other search is compared with: it scores all tracks, and knows no ranks.

It scores many users and few tracks at a time, so that the scores never leave the cache, and of each run of RUN tracks
it keeps the largest score only. The k runs with the largest maxima hold k scores that are no less than the k-th of
these maxima, so the k-th best score is no less either, and a run whose maximum is smaller holds none of the best. Only
the other runs are scored again. The product itself is the limit: 2 * n_users * n_tracks * n_factors operations.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.recommenders.vectors import Played, check_query, has_direction, inner_products, rounding, row_norms

USERS_AT_ONCE = 256
"""Users that are scored together: with TRACKS_AT_ONCE, 2 MB of scores, which stay in the cache."""
FEW = 0.75
"""Share of the tracks, up to which those that may be listed are copied, so that no others are scored."""
RUN = 256
"""Tracks of which only the largest score is kept: few enough that little is scored again, and enough that the maxima
are a small part of the scores."""
TRACKS_AT_ONCE = 8 * RUN
"""Tracks that are scored together."""


class Top(NamedTuple):
    """Lists of the best tracks, best first, padded with -1 and -inf where nothing is left."""

    cols: npt.NDArray[np.int32]  # (n_users, k)
    scores: FloatArray  # (n_users, k) inner products


def exact_top(
    item_factors: FloatArray,
    user_vectors: FloatArray,
    played: Played,
    k: int,
    allowed: BoolArray | None = None,
    users_at_once: int = USERS_AT_ONCE,
    lengths: npt.NDArray[np.float64] | None = None,
) -> Top:
    """The k best unplayed tracks of each user, found by scoring all of them; equal scores stand by column.

    Args:
        item_factors: (n_tracks, n_factors) float32; a track without a factor is never listed.
        user_vectors: (n_users, n_factors) float32; a zero vector gets no answer.
        played: track columns that each user is not shown.
        k: length of the lists.
        allowed: (n_tracks,) bool, the tracks to choose from; None: all.
        users_at_once: users that are scored together; changes no answer.
        lengths: (n_tracks,) norms of the factors, of who knows them already.

    Raises:
        BadData: shapes do not fit, or a vector is not finite.
        ConfigError: k is not positive.
    """
    norms = check_query(user_vectors, played, k, allowed, item_factors.shape)
    lengths = row_norms(item_factors) if lengths is None else lengths
    listed = has_direction(lengths)  # (n_tracks,)
    if allowed is not None:
        listed &= allowed
    slacks = 2 * rounding(item_factors.shape[1]) * lengths.max(initial=0.0) * norms
    some = np.flatnonzero(listed) if np.count_nonzero(listed) < FEW * len(listed) else None
    if some is not None:  # the others are not even scored
        item_factors, played, listed = item_factors[some], _among(played, some, len(listed)), np.ones(len(some), bool)
    unlisted = np.flatnonzero(~listed)  # places: few as a rule, and flags of all tracks would be read for each user
    top = Top(np.full((len(norms), k), -1, dtype=np.int32), np.full((len(norms), k), -np.inf, dtype=np.float32))
    for start in range(0, len(norms) if len(item_factors) else 0, users_at_once):
        rows = slice(start, min(start + users_at_once, len(norms)))
        maxima = _maxima(item_factors, user_vectors[rows], _pairs(played, rows), unlisted)
        for row in range(rows.start, rows.stop):
            if norms[row] == 0:
                continue
            places = _promising(maxima[row - start], k, slacks[row], len(item_factors))
            places = places[listed[places] & np.isin(places, played.of(row), invert=True)]
            cols, scores = _best(item_factors, user_vectors[row], places, k, slacks[row])
            top.cols[row, : len(cols)] = cols if some is None else some[cols]
            top.scores[row, : len(cols)] = scores
    return top


def _among(played: Played, some: IntArray, n_tracks: int) -> Played:
    """Played tracks by their places among some columns, which rise; others are left out."""
    places = np.full(n_tracks, -1)
    places[some] = np.arange(len(some))
    found = places[played.cols]
    there = found >= 0
    return Played(np.concatenate([[0], np.cumsum(there)])[played.indptr], found[there])


def _pairs(played: Played, rows: slice) -> tuple[IntArray, IntArray]:
    """Users, counted from the first of some rows, and the columns that they played, by column. (n_pairs,) each."""
    ends = played.indptr[rows.start : rows.stop + 1]
    cols, users = played.cols[ends[0] : ends[-1]], np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    order = np.argsort(cols, kind="stable")
    return users[order], cols[order]


def _maxima(
    item_factors: FloatArray, user_vectors: FloatArray, pairs: tuple[IntArray, IntArray], unlisted: IntArray
) -> FloatArray:
    """The largest score of each user in each run of tracks, -inf where all are hidden. (n_users, n_runs)."""
    users, cols = pairs
    maxima = []
    for start in range(0, len(item_factors), TRACKS_AT_ONCE):
        scores = user_vectors @ item_factors[start : start + TRACKS_AT_ONCE].T
        first, last = np.searchsorted(cols, (start, start + TRACKS_AT_ONCE))
        scores[users[first:last], cols[first:last] - start] = -np.inf
        first, last = np.searchsorted(unlisted, (start, start + TRACKS_AT_ONCE))
        scores[:, unlisted[first:last] - start] = -np.inf
        maxima.append(np.maximum.reduceat(scores, np.arange(0, scores.shape[1], RUN), axis=1))
    return np.concatenate(maxima, axis=1)


def _promising(maxima: FloatArray, k: int, slack: float, n_tracks: int) -> IntArray:
    """Columns (n,), rising, of the runs that may hold one of the k best.

    Args:
        maxima: (n_runs,) largest score of each run.
        k: length of the list.
        slack: by how much two products of the same vectors may differ through rounding.
        n_tracks: their number.
    """
    runs = np.flatnonzero(maxima >= _kth(maxima, k) - slack)
    places = (runs[:, None] * RUN + np.arange(RUN)).ravel()
    return np.asarray(places[: np.searchsorted(places, n_tracks)])  # the last run may be shorter


def _best(
    item_factors: FloatArray, user_vector: FloatArray, places: IntArray, k: int, slack: float
) -> tuple[IntArray, FloatArray]:
    """Columns and scores of the k best of some places, best first, equal ones by column. (at most k,) each."""
    scores = item_factors.take(places, axis=0) @ user_vector
    near = places[scores >= _kth(scores, k) - slack]
    exact = inner_products(user_vector[None], item_factors, near[None])[0]
    best = np.argsort(-exact, kind="stable")[:k]
    return near[best], exact[best]


def _kth(values: FloatArray, k: int) -> float:
    """The k-th largest, -inf where there are fewer."""
    return float(np.partition(values, len(values) - k)[len(values) - k]) if k <= len(values) else -np.inf
