"""The choice of the search parameters: the fewest tracks scored that reach the recall target.

The parameters are chosen on one sample of users and tracks; the gate measures the recall (``recall``) on others. Work
is counted in tracks scored, never timed, so the choice is the same on every machine. Questions whose answers can no
longer change the choice are not asked.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.index.exact_neighbours import (
    ASKED_AT_ONCE,
    ExactNeighbours,
    Recalls,
    find_near_each,
    interleave,
    mean_recall,
)
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.index.two_tier_search import ScanSizes, SearchParameters
from recsys_tasks.recommenders.vectors import rounding, row_norms

SEARCH_KS = (0, 250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000)
"""Values of search_k tried for user-track queries, as long as a full scan is not cheaper."""
ANNOY_WEIGHT = 40
"""Scanned tracks that one track inspected by Annoy counts as, for it lies anywhere in memory: at 100,000 tracks of 40
factors it takes 0.19 microseconds, a scanned one 0.012 in a single query and 0.0025 in a batch."""
N_BUDGETS = 100
"""Budgets tried, from ``ScanSizes.least_block`` to a full scan, each the same factor above the last."""
HEADROOM = 0.02
"""Recall above the target that the sample has to show at least,"""
STANDARD_ERRORS = 3.0
"""and so many standard errors of the difference of two samples: another misses the target once in 700 builds."""
LEAST_SPREAD = 0.05
"""A standard deviation of recalls below this is not believed: a dozen users who all find everything prove little."""


def sampled(n: int, wanted: int, seed: int) -> IntArray:
    """A sample of 0..n-1, rising: never more than half of them, so that others are left to measure recall on."""
    return np.sort(np.random.default_rng(seed).permutation(n)[: min(wanted, max(1, n // 2))])


def sampled_queries(index: IndexConfig, users: FloatArray, ranked: RankedTracks) -> tuple[IntArray, IntArray]:
    """Rows of the users, and columns of the tracks, that the search parameters of an index are chosen on.

    Args:
        index: its parameters.
        users: (n_users, n_factors), of which those that are not zero are drawn from.
        ranked: the tracks that are drawn from.
    """
    known = np.flatnonzero(users.any(axis=1))
    rows, ranks = (sampled(n, index.calibration_queries, index.seed) for n in (len(known), len(ranked)))
    return known[rows], ranked.rank_cols[ranks]


def choose_parameters(
    tracks: RankedTracks,
    index: Any,
    exact: ExactNeighbours,
    config: IndexConfig,
    annoy_weight: float = ANNOY_WEIGHT,
    asked_at_once: int = ASKED_AT_ONCE,
) -> SearchParameters:
    """The search parameters with the least work that reach ``config.recall_target`` on a sample, up to a full scan.

    Args:
        tracks: the ranked tracks.
        index: the opened Annoy index over them.
        exact: the sample and its exact neighbours over the ranked tracks, in lists of ``config.k``.
        config: k and the target.
        annoy_weight: scanned tracks that one track inspected by Annoy counts as.
        asked_at_once: queries after which it is seen whether the others can still matter; changes no choice.
    """
    similar_search_k = _least_similar_search_k(len(tracks), index, exact, config, asked_at_once)
    scan = _SampledScan.of(tracks, exact, annoy_weight, asked_at_once)
    budget, search_k = _least_budget_and_search_k(scan, index, len(tracks), config.recall_target)
    return SearchParameters(budget, search_k, similar_search_k)


@dataclass(frozen=True)
class _SampledScan:
    """What follows from one exact search of the sampled users: work and recall at every budget."""

    user_vectors: FloatArray  # (n_users, n_factors)
    top: IntArray  # (n_users, k) ranks of the exact best, -1 where there are no more
    stops: npt.NDArray[np.int64]  # (n_users,) ranks that must be seen until the bound proves the answer
    is_full: BoolArray  # (n_users,) a list that is not full is scanned for to the end
    heaviest: IntArray  # places of the users with the most played tracks
    annoy_weight: float  # scanned tracks that one track inspected by Annoy counts as
    asked_at_once: int  # queries

    @classmethod
    def of(
        cls, tracks: RankedTracks, exact: ExactNeighbours, annoy_weight: float, asked_at_once: int
    ) -> "_SampledScan":
        """For the users whose exact neighbours these are."""
        kth = exact.top.scores[:, -1]
        return cls(
            user_vectors=exact.user_vectors,
            top=exact.top.cols,
            stops=_certified_stops(tracks, exact.user_vectors, kth),
            is_full=kth > -np.inf,
            heaviest=exact.heaviest,
            annoy_weight=annoy_weight,
            asked_at_once=asked_at_once,
        )

    def work(self, budget: int, cost: npt.NDArray[np.float64] | float) -> float:
        """Mean of the tracks scanned, and of ``cost`` ((n_users,) or of each) for the users for whom Annoy is asked."""
        return float(np.mean(np.minimum(self.stops, budget) + np.where(self._is_open(budget), cost, 0)))

    def recalls(self, budget: int, met: BoolArray) -> Recalls:
        """Recalls (n_users,) where Annoy finds ``met`` (n_users, k) of the exact best: a larger budget lowers none."""
        there = self.top >= 0
        return _share(there & ((self.top < budget) | met | ~self._is_open(budget)[:, None]), there)

    def _is_open(self, budget: int) -> BoolArray:
        return (self.stops > budget) & self.is_full

    def ask(self, index: Any, search_k: int, budget: int, target: float) -> tuple[BoolArray, npt.NDArray[np.float64]]:
        """Which of the exact best (n_users, k) Annoy finds, and its cost in scanned tracks (n_users,).

        Users who are still to be asked count as if Annoy found just the best for them. Once even so the target is out
        of reach at this budget, nobody else is asked.
        """
        met = np.full(self.top.shape, search_k > 0)
        cost = np.full(len(self.top), self.annoy_weight * search_k, dtype=np.float64)
        for users in interleave(np.arange(len(self.top)), self.asked_at_once) if search_k else ():
            for user, ranks in zip(users, find_near_each(index, self.user_vectors[users], search_k), strict=True):
                met[user], cost[user] = np.isin(self.top[user], ranks), self.annoy_weight * search_k + len(ranks)
            if not _can_reach(self.recalls(budget, met), target):
                break
        return met, cost


def _least_budget_and_search_k(scan: _SampledScan, index: Any, n_tracks: int, target: float) -> tuple[int, int]:
    """The budget and search_k with the least work that reach the target; a full scan where nothing less does."""
    budgets = _budgets(n_tracks)
    best, least = (budgets[-1], 0), math.inf
    if not len(scan.top):  # nobody shows that less would do
        return best
    for search_k in (each for each in SEARCH_KS if scan.annoy_weight * each < budgets[-1]):
        cheap = [budget for budget in budgets if scan.work(budget, scan.annoy_weight * search_k) < least]
        if not cheap:  # not even if Annoy found nothing that is then scored
            continue
        met, cost = scan.ask(index, search_k, cheap[-1], target)
        for budget in budgets:
            recalls = scan.recalls(budget, met)
            if _reaches(recalls, target) and mean_recall(recalls[scan.heaviest]) >= target:
                work = scan.work(budget, cost)
                best, least = ((budget, search_k), work) if work < least else (best, least)
                break  # a larger budget only adds work
    return best


def _budgets(n_tracks: int) -> list[int]:
    """The budgets that are tried, rising; the last is a scan of all tracks."""
    size = max(1, n_tracks)
    tried = np.geomspace(min(ScanSizes.least_block, size), size, N_BUDGETS)
    return [int(budget) for budget in np.unique(tried.round())]


def _certified_stops(tracks: RankedTracks, user_vectors: FloatArray, kth: FloatArray) -> npt.NDArray[np.int64]:
    """Ranks that each user must see until the bound proves an answer with this k-th score. (n_users,)."""
    norms, falling = row_norms(user_vectors), -tracks.ranked_norms.astype(np.float64)
    slack = float(-falling[:1].sum()) * rounding(user_vectors.shape[1])
    reach = np.divide(kth, norms, out=np.full(len(norms), -np.inf), where=norms > 0)
    return np.asarray(np.searchsorted(falling, slack - reach))


def _least_similar_search_k(
    n_tracks: int, index: Any, exact: ExactNeighbours, config: IndexConfig, asked_at_once: int
) -> int:
    """The first of a doubling search_k that reaches the target; at the end every tree is asked for everything."""
    everything = max(1, n_tracks * int(index.get_n_trees()))
    rows, target = np.arange(n_tracks), config.recall_target
    search_k = min(10 * config.k, everything)
    while search_k < everything:
        found = exact.similar_recalls(
            index, search_k, exact.asked, rows, lambda so_far: not _can_reach(so_far, target), asked_at_once
        )
        if _reaches(found, target):
            break
        search_k = min(2 * search_k, everything)
    return search_k


def _share(hits: BoolArray, there: BoolArray) -> Recalls:
    """Recall of each row of (n, k) flags, NaN where nothing is there. (n,)."""
    n_there = there.sum(axis=1)
    return np.where(n_there > 0, hits.sum(axis=1) / np.maximum(n_there, 1), np.nan)


def _reaches(recalls: Recalls, target: float) -> bool:
    """Whether another sample will reach the target too, as far as this one can show; an empty one cannot."""
    recalls = recalls[~np.isnan(recalls)]
    return len(recalls) > 0 and _is_above(recalls, float(recalls.std()), target)


def _can_reach(recalls: Recalls, target: float) -> bool:
    """Whether recalls of at most so much may still reach it: they would if all were as even as is ever believed."""
    recalls = recalls[~np.isnan(recalls)]
    return len(recalls) > 0 and _is_above(recalls, LEAST_SPREAD, target)


def _is_above(recalls: Recalls, deviation: float, target: float) -> bool:
    chance = STANDARD_ERRORS * math.sqrt(2 / len(recalls)) * max(LEAST_SPREAD, deviation)
    return bool(recalls.mean() - max(HEADROOM, chance) >= target)
