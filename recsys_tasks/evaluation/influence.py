"""How much each scored listener counts: accounts that act as one count as one, and no account counts for too much.

Two things bound an account's share of a verdict. Listeners with the same hits, or with the same hidden plays, share
the weight of one: a ring of accounts that plays one list, or a playlist that many are led through, is one piece of
evidence, however many play it. And who hits far more than the service's own rate of hits explains is left out: who
plays exactly what is recommended says nothing about what others like. The rate is taken from listeners that count one
hit each, so that a few accounts with full lists cannot raise it.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse, special

from recsys_tasks.core.domain import BoolArray, IntArray

TWIN_SHARE = 0.5
"""Twins share hits on so much of a list's length, or so much of a listener's hidden plays. Chance shares fewer."""
LEAST_SHARED = 5
"""Hidden plays that twins share at the least: two listeners of the same two hits of the day are two listeners."""
TASTE = 2.0
"""A listener may be so many times easier to predict than the service's rate of hits says."""
CHANCE = 1e-3
"""Chance that anybody of a day's honest listeners is left out for hitting too often."""
BLOCK = 2_048
"""Listeners whose plays are compared with all others' at once."""


def twins_of(hits: sparse.csr_matrix, hidden: sparse.csr_matrix, k: int) -> npt.NDArray[np.int64]:
    """Number of other listeners with the same hits or the same hidden plays. (n_users,).

    Args:
        hits: (n_users, n_tracks) whether any of the compared lists hit the track.
        hidden: (n_users, n_tracks) the hidden plays.
        k: length of a list.
    """
    same_hits = np.full(hits.shape[0], max(2, int(np.ceil(TWIN_SHARE * k))))
    same_plays = np.maximum(LEAST_SHARED, np.ceil(TWIN_SHARE * np.diff(hidden.indptr)).astype(np.int64))
    return np.maximum(_sharing(hits, same_hits), _sharing(hidden, same_plays))


def _sharing(plays: sparse.csr_matrix, least: IntArray) -> npt.NDArray[np.int64]:
    """Number of other listeners who share at least so many tracks with each. (n_users,)."""
    others = np.zeros(plays.shape[0], dtype=np.int64)
    rows = np.flatnonzero(np.diff(plays.indptr) >= least)
    able = sparse.csr_matrix(plays[rows], dtype=np.int32)
    able.data[:] = 1
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        shared = (able[start : start + BLOCK] @ able.T).tocsr()
        asked = np.repeat(least[some], np.diff(shared.indptr))
        shared.data = (shared.data >= asked).astype(np.int32)
        others[some] = np.asarray(shared.sum(axis=1)).ravel() - 1  # each shares everything with itself
    return others


def too_lucky(most_hits: IntArray, n_hidden: IntArray) -> BoolArray:
    """Who has more hits than a service with its rate of hits would show once in a thousand days. (n_users,).

    Args:
        most_hits: (n_users,) hits of the best of the compared lists.
        n_hidden: (n_users,) hidden plays of each, at least 1.
    """
    rate = min(1.0, TASTE * float(np.minimum(most_hits, 1).sum()) / max(1, int(n_hidden.sum())))
    chance = special.bdtrc(most_hits - 1, n_hidden, rate)  # P(hits >= most_hits), binomial
    return np.asarray((most_hits > 1) & (chance < CHANCE / max(1, len(most_hits))))


def weights_of(twins: IntArray, lucky: BoolArray) -> npt.NDArray[np.float64]:
    """How much each listener counts, 0 to 1. (n_users,)."""
    return np.where(lucky, 0.0, 1.0 / (1.0 + twins))
