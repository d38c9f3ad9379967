"""How much effort a query needs, and the recall that it then reaches.

The effort is chosen on one sample of users and tracks; the gate measures the recall (``truth``) on others. Work is
counted in tracks scored, never timed, so the choice is the same on every machine. What can no longer be the least
effort, or no longer reach the target, is not asked to the end; that changes no choice.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.index.exact_neighbours import Recalls, Truth, neighbours_of, spread
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.index.two_tier_search import LEAST_BLOCK, Effort, TwoTierSearch
from recsys_tasks.recommenders.vectors import Played, rounding, row_norms

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


def sampled(n: int, wanted: int, seed: int) -> IntArray:
    """A sample of 0..n-1, rising: never more than half of them, so that others are left to measure recall on."""
    return np.sort(np.random.default_rng(seed).permutation(n)[: min(wanted, max(1, n // 2))])


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
    return least_effort(tracks, index, Truth.of_ranked(tracks, user_vectors, played, track_cols, config.k), config)


def least_effort(tracks: RankedTracks, index: Any, truth: Truth, config: IndexConfig) -> Effort:
    """``calibrate`` on exact answers over the ranked tracks that are there already."""
    similar_search_k = _least_similar_search_k(len(tracks), index, truth, config)
    budget, search_k = _least_user_effort(_Scan.of(tracks, truth), index, len(tracks), config.recall_target)
    return Effort(budget, search_k, similar_search_k)


@dataclass(frozen=True)
class _Scan:
    """What follows from one exact search of the sampled users: work and recall at every budget."""

    user_vectors: FloatArray  # (n_users, n_factors)
    top: IntArray  # (n_users, k) ranks of the exact best, -1 where there are no more
    stops: npt.NDArray[np.int64]  # (n_users,) ranks that must be seen until the bound proves the answer
    is_full: BoolArray  # (n_users,) a list that is not full is scanned for to the end
    heaviest: IntArray

    @classmethod
    def of(cls, tracks: RankedTracks, truth: Truth) -> "_Scan":
        """For users whose exact answers these are."""
        kth = truth.top.scores[:, -1]
        stops = _certified_stops(tracks, truth.user_vectors, kth)
        return cls(truth.user_vectors, truth.top.cols, stops, kth > -np.inf, truth.heaviest)

    def work(self, budget: int, cost: IntArray | float) -> float:
        """Mean of tracks scanned, and of ``cost`` ((n_users,) or of each) for whom Annoy is asked."""
        return float(np.mean(np.minimum(self.stops, budget) + np.where(self._is_open(budget), cost, 0)))

    def recalls(self, budget: int, met: BoolArray) -> Recalls:
        """With what Annoy meets (n_users, k) of the exact best; never less with a larger budget. (n_users,)."""
        there = self.top >= 0
        return _share(there & ((self.top < budget) | met | ~self._is_open(budget)[:, None]), there)

    def _is_open(self, budget: int) -> BoolArray:
        return (self.stops > budget) & self.is_full

    def ask(self, index: Any, search_k: int, budget: int, target: float) -> tuple[BoolArray, IntArray]:
        """Which of the exact best (n_users, k) Annoy hands on, and its cost in scanned tracks (n_users,).

        Whoever is still to be asked counts as one for whom Annoy hands on the best alone; once the target cannot be
        reached at this budget even so, nobody is asked any more.
        """
        met = np.full(self.top.shape, search_k > 0)
        cost = np.full(len(self.top), ANNOY_WEIGHT * search_k, dtype=np.int64)
        for users in spread(np.arange(len(self.top))) if search_k else ():
            for user, ranks in zip(users, neighbours_of(index, self.user_vectors[users], search_k), strict=True):
                met[user], cost[user] = np.isin(self.top[user], ranks), ANNOY_WEIGHT * search_k + len(ranks)
            if not _can_reach(self.recalls(budget, met), target):
                break
        return met, cost


def _least_user_effort(scan: _Scan, index: Any, n_tracks: int, target: float) -> tuple[int, int]:
    """Budget and search_k with the fewest tracks scored."""
    budgets = _budgets(n_tracks)
    best, least = (budgets[-1], 0), math.inf
    if not len(scan.top):  # nobody says that less would do
        return best
    for search_k in (effort for effort in SEARCH_KS if ANNOY_WEIGHT * effort < budgets[-1]):
        cheap = [budget for budget in budgets if scan.work(budget, ANNOY_WEIGHT * search_k) < least]
        if not cheap:  # not even if Annoy handed on nothing
            continue
        met, cost = scan.ask(index, search_k, cheap[-1], target)
        for budget in budgets:
            recalls = scan.recalls(budget, met)
            if _reaches(recalls, target) and _mean(recalls[scan.heaviest]) >= target:
                work = scan.work(budget, cost)
                best, least = ((budget, search_k), work) if work < least else (best, least)
                break  # a larger budget only adds work
    return best


def _budgets(n_tracks: int) -> list[int]:
    """Rising, the last of them all tracks."""
    size = max(1, n_tracks)
    return [int(budget) for budget in np.unique(np.geomspace(min(LEAST_BLOCK, size), size, N_BUDGETS).round())]


def _certified_stops(tracks: RankedTracks, user_vectors: FloatArray, kth: FloatArray) -> npt.NDArray[np.int64]:
    """Ranks that each user must see until the bound proves an answer with this k-th score. (n_users,)."""
    norms, falling = row_norms(user_vectors), -tracks.ranked_norms.astype(np.float64)
    slack = float(-falling[:1].sum()) * rounding(user_vectors.shape[1])
    reach = np.divide(kth, norms, out=np.full(len(norms), -np.inf), where=norms > 0)
    return np.asarray(np.searchsorted(falling, slack - reach))


def _least_similar_search_k(n_tracks: int, index: Any, truth: Truth, config: IndexConfig) -> int:
    """The first of a doubling search_k that reaches the target, up to asking every tree for everything."""
    everything = max(1, n_tracks * int(index.get_n_trees()))
    rows, target = np.arange(n_tracks), config.recall_target
    search_k = min(10 * config.k, everything)
    while search_k < everything:
        found = truth.similar_recalls(index, search_k, truth.asked, rows, lambda so_far: not _can_reach(so_far, target))
        if _reaches(found, target):
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
    truth = Truth.of_trained(item_factors, user_vectors, played, track_cols, k)
    found = search.find(truth.user_vectors, truth.played, truth.top.cols.shape[1])
    users, tracks = truth.user_recalls(found.cols), search.tracks
    similar_search_k, ranks = search.effort.similar_search_k, tracks.col_ranks[truth.asked]
    similar = truth.similar_recalls(search.index, similar_search_k, ranks, tracks.rank_cols)
    return Recall(
        _mean(users),
        _mean(users[truth.heaviest]),
        _mean(similar),
        _mean(found.scored.astype(np.float64)),
        _mean(found.exact.astype(np.float64)),
        int(np.count_nonzero(~np.isnan(users))),
        int(np.count_nonzero(~np.isnan(similar))),
    )


def _share(hits: BoolArray, there: BoolArray) -> Recalls:
    """Recall of each row of (n, k) flags, NaN where nothing is there. (n,)."""
    n_there = there.sum(axis=1)
    return np.where(n_there > 0, hits.sum(axis=1) / np.maximum(n_there, 1), np.nan)


def _reaches(recalls: Recalls, target: float) -> bool:
    """Whether another sample will reach the target too, as far as this one can tell; an empty one cannot."""
    recalls = recalls[~np.isnan(recalls)]
    return len(recalls) > 0 and _is_above(recalls, float(recalls.std()), target)


def _can_reach(recalls: Recalls, target: float) -> bool:
    """Whether recalls of at most so much may still reach it: they would if all were as even as is ever believed."""
    recalls = recalls[~np.isnan(recalls)]
    return len(recalls) > 0 and _is_above(recalls, LEAST_SPREAD, target)


def _is_above(recalls: Recalls, deviation: float, target: float) -> bool:
    chance = STANDARD_ERRORS * math.sqrt(2 / len(recalls)) * max(LEAST_SPREAD, deviation)
    return bool(recalls.mean() - max(HEADROOM, chance) >= target)


def _mean(values: Recalls) -> float:
    """Mean of the values that are not NaN, 0 without any."""
    return float(np.mean(values[~np.isnan(values)])) if not np.isnan(values).all() else 0.0
