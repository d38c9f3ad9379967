"""What a setting is worth to users of a tuning split: precision@k and nDCG@k of exact lists, one value a user."""

from typing import NamedTuple

import numpy as np

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import IntArray
from recsys_tasks.evaluation.estimates import Z_95, paired_difference
from recsys_tasks.evaluation.lists import Lists, is_hit
from recsys_tasks.evaluation.metrics import Values, ndcg, precision
from recsys_tasks.evaluation.tuning_split import TuningSplit
from recsys_tasks.matrix.popularity import first_unplayed, listeners_of, popular_order
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.vectors import Played


class Scores(NamedTuple):
    """One value a user of each metric. (n_users,) each."""

    precision: Values
    ndcg: Values


class Means(NamedTuple):
    """Means over users."""

    precision: float
    ndcg: float


class Interval(NamedTuple):
    """A mean paired difference and its interval of 95 %."""

    difference: float
    low: float
    high: float


class Gains(NamedTuple):
    """By how much one setting scores more than another on the same users."""

    precision: Interval
    ndcg: Interval


def trained(split: TuningSplit, config: AlsConfig) -> Factors:
    """The factors of a cold start on the split's training plays."""
    return Als(config).fit(TrainingData(split.training, split.users, split.tracks)).component


def scores_of(split: TuningSplit, config: AlsConfig, factors: Factors, rows: IntArray, k: int) -> Scores:
    """Scores of exact lists, made for users as a release makes them: learned anew from their own plays."""
    played = split.training[rows]
    vectors = Als(config).user_vectors(played, factors.item_factors)
    found = exact_top(factors.item_factors, vectors, Played(played.indptr, played.indices), k).cols
    return _scored(split, found.astype(np.int64), rows)


def scores_of_popular(split: TuningSplit, rows: IntArray, k: int) -> Scores:
    """Scores of the tracks that most listeners of the training have played."""
    order = popular_order(listeners_of(split.training))
    return _scored(split, first_unplayed(order, split.training[rows], k), rows)


def nothing_found(rows: IntArray) -> Scores:
    """Scores of lists without a hit."""
    return Scores(np.zeros(len(rows)), np.zeros(len(rows)))


def means(scores: Scores) -> Means:
    """Their means."""
    return Means(float(scores.precision.mean()), float(scores.ndcg.mean()))


def gains(one: Scores, other: Scores) -> Gains:
    """By how much one scores more than the other, in each metric."""
    return Gains(interval(one.precision, other.precision), interval(one.ndcg, other.ndcg))


def interval(one: Values, other: Values) -> Interval:
    """By how much one scores more than the other on the same users; of fewer than two users, the bounds are NaN."""
    found = paired_difference(one, other)
    half = float("nan") if found["standard_error"] is None else Z_95 * found["standard_error"]
    return Interval(found["difference"], found["difference"] - half, found["difference"] + half)


def is_near(one: Values, best: Values) -> bool:
    """Whether it scores at most one standard error of their paired difference less than the best."""
    pair = paired_difference(one, best)
    return bool(pair["difference"] >= -(pair["standard_error"] or 0.0))


def _scored(split: TuningSplit, found: Lists, rows: IntArray) -> Scores:
    hidden = split.hidden[rows]
    hits = is_hit(found, hidden)
    return Scores(precision(hits), ndcg(hits, np.diff(hidden.indptr)))
