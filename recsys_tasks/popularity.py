"""The popularity baseline: the tracks that most listeners have played, those that a user knows left out.

It is what the gate asks every candidate to beat, and what a listener gets whom a release does not know.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.domain import BoolArray, IntArray


def listeners_of(plays: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """Number of users who played each track. (n_tracks,)."""
    return np.bincount(plays.indices, minlength=plays.shape[1])


def popular_order(listeners: IntArray) -> npt.NDArray[np.int64]:
    """Track columns by falling number of listeners, tracks without any left out; ties by column."""
    order = np.argsort(-listeners.astype(np.int64), kind="stable")
    return order[listeners[order] > 0]


def first_unplayed(
    order: IntArray, played: sparse.csr_matrix, k: int, allowed: BoolArray | None = None
) -> npt.NDArray[np.int64]:
    """The first k tracks of an order that each user has not played, padded with -1. (n_users, k).

    Args:
        order: track columns, best first.
        played: (n_users, n_tracks), any stored cell is a played track.
        k: length of the list.
        allowed: (n_tracks,) tracks that may appear; None for all.
    """
    if allowed is not None:
        order = order[allowed[order]]
    n_users, width = played.shape[0], 4 * k
    while True:
        head = order[:width]
        free = np.ones((n_users, len(head)), dtype=bool)
        place = np.full(played.shape[1], -1)
        place[head] = np.arange(len(head))
        rows = np.repeat(np.arange(n_users), np.diff(played.indptr))
        places = place[played.indices]
        free[rows[places >= 0], places[places >= 0]] = False
        if width >= len(order) or free.sum(axis=1).min(initial=k) >= k:
            break
        width *= 4
    found = np.full((n_users, k), -1, dtype=np.int64)
    users, at = np.nonzero(free & (np.cumsum(free, axis=1) <= k))
    found[users, np.cumsum(free, axis=1)[users, at] - 1] = head[at]
    return found
