"""How much each scored listener counts: accounts that act as one count as one, and no account counts for too much.

Two things bound an account's share of a verdict. Listeners with the same hits (``TWIN_SHARE`` of a list or more are the
same tracks) share the weight of one: a ring of accounts that plays one list, or a playlist that many are led through,
is one piece of evidence, however many play it. And who hits far more than the service's own rate of hits explains is
left out: who plays exactly what is recommended says nothing about what others like. The rate is taken from listeners
that count once each, so that a few accounts with full lists cannot raise it.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.stats import poisson

from recsys_tasks.core.domain import BoolArray, IntArray

TWIN_SHARE = 0.5
"""Two listeners are twins when the hits they share are so much of a list's length: 5 of 10. Chance shares fewer."""
TASTE = 4.0
"""A listener may be so many times easier to predict than the service's rate of hits says."""
CHANCE = 1e-3
"""Chance that anybody of a day's honest listeners is left out for hitting too often."""
BLOCK = 2_048
"""Listeners whose hits are compared with all others' at once."""


def twins_of(hits: sparse.csr_matrix, k: int) -> npt.NDArray[np.int64]:
    """Number of other listeners with the same hits. (n_users,).

    Args:
        hits: (n_users, n_tracks) whether any of the compared lists hit the track.
        k: length of a list.
    """
    least = max(2, int(np.ceil(TWIN_SHARE * k)))
    twins = np.zeros(hits.shape[0], dtype=np.int64)
    rows = np.flatnonzero(np.diff(hits.indptr) >= least)
    able = sparse.csr_matrix(hits[rows], dtype=np.int32)
    for start in range(0, len(rows), BLOCK):
        some = slice(start, start + BLOCK)
        shared = (able[some] @ able.T).tocsr()
        shared.data = (shared.data >= least).astype(np.int32)
        twins[rows[some]] = np.asarray(shared.sum(axis=1)).ravel() - 1  # each is a twin of itself
    return twins


def too_lucky(most_hits: IntArray, n_hidden: IntArray) -> BoolArray:
    """Who has more hits than a service with its rate of hits would show once in a thousand days. (n_users,).

    Args:
        most_hits: (n_users,) hits of the best of the compared lists.
        n_hidden: (n_users,) hidden plays of each, at least 1.
    """
    rate = np.minimum(most_hits, 1).sum() / max(1, n_hidden.sum())
    chance = poisson.sf(most_hits - 1, TASTE * rate * n_hidden)
    return np.asarray((most_hits > 1) & (chance < CHANCE / max(1, len(most_hits))))


def weights_of(twins: IntArray, lucky: BoolArray) -> npt.NDArray[np.float64]:
    """How much each listener counts, 0 to 1. (n_users,)."""
    return np.where(lucky, 0.0, 1.0 / (1.0 + twins))
