"""One metric a function, one value a user; the mean over users is the figure.

``hits`` is (n_users, k) bool: whether the track at each place of a user's list is among the user's hidden plays.
A list that is shorter than k counts its missing places as misses. ``n_hidden`` is (n_users,), at least 1: users
without a hidden play are not scored at all.
"""

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, IntArray

Values = npt.NDArray[np.float64]


def precision(hits: BoolArray) -> Values:
    """hits / k: the textbook precision@k (``implicit`` divides by min(k, plays) and pools the users)."""
    return np.asarray(hits.mean(axis=1, dtype=np.float64))


def recall(hits: BoolArray, n_hidden: IntArray) -> Values:
    """hits / hidden plays."""
    return np.asarray(hits.sum(axis=1) / n_hidden)


def ndcg(hits: BoolArray, n_hidden: IntArray) -> Values:
    """DCG with gain 1 and discount 1/log2(1 + place), over that of the best list (Järvelin and Kekäläinen 2002)."""
    discount = 1 / np.log2(np.arange(2, hits.shape[1] + 2))
    best = np.cumsum(discount)[np.minimum(n_hidden, hits.shape[1]) - 1]
    return np.asarray((hits * discount).sum(axis=1) / best)


def average_precision(hits: BoolArray, n_hidden: IntArray) -> Values:
    """Mean of precision@i over the places i of the hits, over min(k, hidden plays)."""
    places = np.arange(1, hits.shape[1] + 1)
    at_hits = np.cumsum(hits, axis=1) / places * hits
    return np.asarray(at_hits.sum(axis=1) / np.minimum(n_hidden, hits.shape[1]))


def hit(hits: BoolArray) -> Values:
    """1 where any place is a hit."""
    return np.asarray(hits.any(axis=1), dtype=np.float64)


def all_metrics(hits: BoolArray, n_hidden: IntArray) -> dict[str, Values]:
    """Every metric of a list by name, (n_users,) each."""
    return {
        "precision": precision(hits),
        "recall": recall(hits, n_hidden),
        "ndcg": ndcg(hits, n_hidden),
        "map": average_precision(hits, n_hidden),
        "hit_rate": hit(hits),
    }


def discounted_hits(hits: BoolArray, k: int) -> Values:
    """Hits of a long list over k, a hit beyond place k counting sqrt(k / place): precision@k of a list of length k.

    Far more plays are found in 200 places than in 10, so that two models are told apart on fewer listeners; the
    discount keeps the first places the most important ones. docs/gate.md compares it with others.
    """
    places = np.arange(1, hits.shape[1] + 1)
    return np.asarray((hits * np.minimum(1.0, np.sqrt(k / places))).sum(axis=1) / k)
