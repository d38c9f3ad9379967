"""How much effort a query needs, and the recall that it then reaches.

recall@k of a query = hits / min(k, tracks there are), where a hit is a listed track that scores no less than the exact
k-th best (so any of several equal tracks will do). The effort is chosen on one sample of users and tracks, and the
recall measured on another. Work is counted in tracks scored, never timed, so the choice is the same on every machine.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.annoy_index import neighbours, similar
from recsys_tasks.config import IndexConfig
from recsys_tasks.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.ranked_tracks import Played, RankedTracks, exact_top, has_direction, rounding, row_norms
from recsys_tasks.search import LEAST_BLOCK, Effort, TwoTierSearch

Recalls = npt.NDArray[np.float64]  # (n_queries,), NaN for a query with nothing to find

SEARCH_KS = (0, 250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000)
"""Efforts of Annoy tried for user-track queries, as long as a full scan is not cheaper."""
ANNOY_WEIGHT = 40
"""A track that Annoy inspects counts as so many scanned ones, for it lies anywhere in memory: at 100,000 tracks x 40 it
takes 0.19 microseconds, a scanned one 0.012 in a single query and 0.0025 in a batch."""
N_BUDGETS = 100
"""Budgets tried, from LEAST_BLOCK to a full scan, each the same factor above the last."""
HEADROOM = 0.02
"""Recall above the target that the sample has to show at least,"""
STANDARD_ERRORS = 3.0
"""and so many standard errors of the difference of two samples: another misses the target once in 700 builds."""
LEAST_SPREAD = 0.05
"""A standard deviation below this is not believed: a dozen users who all find everything prove little."""


@dataclass(frozen=True)
class Recall:
    """What was measured; a recall is 0 where nothing could be measured."""

    user_recall: float
    user_recall_heaviest: float  # of the tenth of the users with the most played tracks
    similar_recall: float
    mean_scored: float  # tracks scored a user-track query
    share_exact: float  # of the users' answers were certified
    n_users: int  # with something to find
    n_tracks: int  # with something to find


def disjoint_samples(n: int, first: int, second: int, seed: int) -> tuple[IntArray, IntArray]:
    """Two samples of 0..n-1 without a common member, rising; in proportion where n is too small, equal at n < 2."""
    order = np.random.default_rng(seed).permutation(n)
    if n < 2:
        return order, order
    first = min(first, max(1, n * first // (first + second)))
    return np.sort(order[:first]), np.sort(order[first : first + second])


def calibrate(
    tracks: RankedTracks,
    index: Any,
    user_vectors: FloatArray,
    played: Played,
    track_cols: IntArray,
    config: IndexConfig,
) -> Effort:
    """The least effort that reaches ``config.recall_target`` on the sample, up to a full scan.

    Args:
        tracks: the ranked tracks.
        index: the opened Annoy index over them.
        user_vectors: (n_sampled, n_factors) float32.
        played: their played tracks.
        track_cols: (n_sampled_tracks,) columns that similar tracks are asked for; one without a factor is left out.
        config: k and the target.

    Raises:
        BadData: shapes do not fit, or a vector is not finite.
    """
    ranks = tracks.col_ranks[track_cols]
    similar_search_k = _least_similar_search_k(tracks, index, ranks[ranks >= 0], config)
    budget, search_k = _least_user_effort(tracks, index, user_vectors, Played(*played), config)
    return Effort(budget, search_k, similar_search_k)


def _least_user_effort(
    tracks: RankedTracks, index: Any, user_vectors: FloatArray, played: Played, config: IndexConfig
) -> tuple[int, int]:
    """Budget and search_k with the fewest tracks scored. Recall at every budget follows from one exact search."""
    size, heaviest = len(tracks), _heaviest(played)
    top = exact_top(tracks.ranked_factors, user_vectors, _played_ranks(tracks, played), config.k)  # ties by rank
    kth, there = top.scores[:, -1], top.cols >= 0
    stops = _certified_stops(tracks, user_vectors, kth)
    budgets = np.unique(np.geomspace(min(LEAST_BLOCK, max(1, size)), max(1, size), N_BUDGETS).round().astype(int))
    best, least = (max(1, size), 0), math.inf
    for search_k in (effort for effort in SEARCH_KS if ANNOY_WEIGHT * effort < max(1, size)):
        met, cost = _ask_annoy(index, user_vectors, top.cols, search_k)
        for budget in budgets.tolist():
            is_open = (stops > budget) & (kth > -np.inf)  # a list that is not full is scanned for to the end
            recalls = _share(there & ((top.cols < budget) | met | ~is_open[:, None]), there)
            if _reaches(recalls, config.recall_target) and _mean(recalls[heaviest]) >= config.recall_target:
                work = float(np.mean(np.minimum(stops, budget) + np.where(is_open, cost, 0)))
                best, least = ((budget, search_k), work) if work < least else (best, least)
                break  # a larger budget only adds work
    return best


def _certified_stops(tracks: RankedTracks, user_vectors: FloatArray, kth: FloatArray) -> npt.NDArray[np.int64]:
    """Ranks that each user must see until the bound proves an answer with this k-th score. (n_users,)."""
    norms, falling = row_norms(user_vectors), -tracks.ranked_norms.astype(np.float64)
    slack = float(-falling[:1].sum()) * rounding(user_vectors.shape[1])
    reach = np.divide(kth, norms, out=np.full(len(norms), -np.inf), where=norms > 0)
    return np.asarray(np.searchsorted(falling, slack - reach))


def _ask_annoy(index: Any, user_vectors: FloatArray, top: IntArray, search_k: int) -> tuple[BoolArray, IntArray]:
    """Which of the exact best (n_users, k) Annoy hands on, and its cost in scanned tracks (n_users,)."""
    met, cost = np.zeros(top.shape, dtype=np.bool_), np.zeros(len(top), dtype=np.int64)
    if search_k:
        for row, vector in enumerate(user_vectors):
            ranks = neighbours(index, vector, search_k)
            met[row], cost[row] = np.isin(top[row], ranks), ANNOY_WEIGHT * search_k + len(ranks)
    return met, cost


def _least_similar_search_k(tracks: RankedTracks, index: Any, ranks: IntArray, config: IndexConfig) -> int:
    """The first of a doubling search_k that reaches the target, up to asking every tree for everything."""
    everything = max(1, len(tracks) * int(index.get_n_trees()))
    unit, rows = _unit(tracks.ranked_factors), np.arange(len(tracks))
    exact = _exact_cosines(unit, ranks, config.k)
    search_k = min(10 * config.k, everything)
    while search_k < everything:
        if _reaches(_similar_recalls(index, search_k, ranks, rows, unit, exact), config.recall_target):
            break
        search_k = min(2 * search_k, everything)
    return search_k


def measure(
    search: TwoTierSearch,
    item_factors: FloatArray,
    user_vectors: FloatArray,
    played: Played,
    track_cols: IntArray,
    k: int,
) -> Recall:
    """Recall of both ways against an exact search of the factors as trained, never of their ranked copy.

    So a norm order that does not belong to the factors shows in the users' recall, a broken Annoy file in the tracks'.

    Args:
        search: the search to judge, with its index and effort.
        item_factors: (n_tracks, n_factors) in the order of the track columns.
        user_vectors: (n_users, n_factors), users that the effort was not chosen on.
        played: their played tracks.
        track_cols: (n_sampled_tracks,) columns that the effort was not chosen on; one without a factor is left out.
        k: length of the lists.

    Raises:
        BadData: shapes do not fit, or a vector is not finite.
    """
    played = Played(*played)
    found = search.find(user_vectors, played, k)
    users = _user_recalls(item_factors, user_vectors, played, found.cols)
    track_cols = track_cols[has_direction(row_norms(item_factors))[track_cols]]
    unit, ranks = _unit(item_factors), search.tracks.col_ranks[track_cols]
    exact = _exact_cosines(unit, track_cols, k)
    tracks = _similar_recalls(search.index, search.effort.similar_search_k, ranks, search.tracks.rank_cols, unit, exact)
    return Recall(
        _mean(users),
        _mean(users[_heaviest(played)]),
        _mean(tracks),
        _mean(found.scored.astype(np.float64)),
        _mean(found.exact.astype(np.float64)),
        int(np.count_nonzero(~np.isnan(users))),
        int(np.count_nonzero(~np.isnan(tracks))),
    )


def _user_recalls(item_factors: FloatArray, user_vectors: FloatArray, played: Played, cols: IntArray) -> Recalls:
    """Recall of each user's list of track columns (n_users, k). (n_users,)."""
    exact = exact_top(item_factors, user_vectors, played, cols.shape[1]).scores
    tolerances = rounding(item_factors.shape[1]) * row_norms(item_factors).max(initial=0.0) * row_norms(user_vectors)
    recalls = np.full(len(cols), np.nan)
    for row, vector in enumerate(user_vectors):
        listed = np.setdiff1d(cols[row][cols[row] >= 0], played.of(row))  # each once, and none that was played
        recalls[row] = _recall(item_factors[listed] @ vector, exact[row], 2 * tolerances[row])
    return recalls


def _similar_recalls(
    index: Any, search_k: int, ranks: IntArray, rank_rows: IntArray, unit: FloatArray, exact: FloatArray
) -> Recalls:
    """Recall of Annoy's answer for each track of ``ranks`` (n,), -1 for one that is not indexed. (n,).

    Rank r is row ``rank_rows[r]`` of unit (n_rows, n_factors); exact (n, k) cosines, best first.
    """
    recalls = np.where(exact[:, 0] > -np.inf, 0.0, np.nan)
    for query in np.flatnonzero(ranks >= 0) if index is not None else ():
        own = rank_rows[ranks[query]]
        answer, _ = similar(index, int(ranks[query]), exact.shape[1], search_k)
        listed = np.setdiff1d(rank_rows[answer], own)
        recalls[query] = _recall(unit[listed] @ unit[own], exact[query], 2 * rounding(unit.shape[1]))
    return recalls


def _recall(scores: FloatArray, exact: FloatArray, tolerance: float) -> float:
    """hits / tracks there are, NaN for none. scores: (n_listed,); exact: (k,) best first, padded with -inf."""
    there = np.count_nonzero(exact > -np.inf)
    if not there:
        return math.nan
    return min(1.0, np.count_nonzero(scores >= exact[there - 1] - tolerance) / there)


def _exact_cosines(unit: FloatArray, rows: IntArray, k: int) -> FloatArray:
    """The k largest cosines of each row with the others, best first, padded with -inf. (n_rows, k)."""
    return exact_top(unit, unit[rows], Played(np.arange(len(rows) + 1), rows), k).scores


def _unit(factors: FloatArray) -> FloatArray:
    """Rows scaled to norm 1; a row without a direction becomes zero. (n, n_factors)."""
    norms = row_norms(factors)
    norms[~has_direction(norms)] = np.inf
    return np.asarray(factors / norms[:, None], dtype=np.float32)


def _played_ranks(tracks: RankedTracks, played: Played) -> Played:
    """The same lists with ranks for columns; a track without a rank needs no hiding."""
    ranks = tracks.col_ranks[played.cols]
    kept_before = np.concatenate([[0], np.cumsum(ranks >= 0)])
    return Played(kept_before[played.indptr], ranks[ranks >= 0])


def _heaviest(played: Played) -> IntArray:
    """Rows of the tenth of the users with the most played tracks, at least one of them."""
    counts = np.diff(played.indptr)
    return np.argsort(-counts, kind="stable")[: max(1, len(counts) // 10)]


def _share(hits: BoolArray, there: BoolArray) -> Recalls:
    """Recall of each row of (n, k) flags, NaN where nothing is there. (n,)."""
    n_there = there.sum(axis=1)
    return np.where(n_there > 0, hits.sum(axis=1) / np.maximum(n_there, 1), np.nan)


def _reaches(recalls: Recalls, target: float) -> bool:
    """Whether another sample will reach the target too, as far as this one can tell; an empty one cannot."""
    recalls = recalls[~np.isnan(recalls)]
    if not len(recalls):
        return False
    chance = STANDARD_ERRORS * math.sqrt(2 / len(recalls)) * max(LEAST_SPREAD, float(recalls.std()))
    return bool(recalls.mean() - max(HEADROOM, chance) >= target)


def _mean(values: Recalls) -> float:
    """Mean of the values that are not NaN, 0 without any."""
    return float(np.mean(values[~np.isnan(values)])) if not np.isnan(values).all() else 0.0
