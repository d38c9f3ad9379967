"""The popularity baseline: the tracks that most listeners have played, those that a user knows left out.

It is what the gate asks every candidate to beat, and what a listener gets whom a release does not know.
"""

from itertools import pairwise

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


def head_tracks(listeners: IntArray) -> BoolArray:
    """The fewest tracks that hold half of all pairs of user and track: the head of the catalogue. (n_tracks,)."""
    order = popular_order(listeners)
    before = np.cumsum(listeners[order]) - listeners[order]
    head = np.zeros(len(listeners), dtype=bool)
    head[order[2 * before < listeners.sum()]] = True
    return head


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
    place = np.full(played.shape[1], -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    lists = [_first_free(order, place[played.indices[start:stop]], k) for start, stop in pairwise(played.indptr)]
    return np.array(lists, dtype=np.int64).reshape(played.shape[0], k)


def _first_free(order: IntArray, taken: IntArray, k: int) -> npt.NDArray[np.int64]:
    """The first k of an order without the places taken (-1: not in the order), padded with -1. (k,).

    The first k + t places hold at least k free ones when t of all places are taken.
    """
    taken = np.sort(taken[taken >= 0])
    free = np.ones(min(len(order), k + len(taken)), dtype=bool)
    free[taken[taken < len(free)]] = False
    found = order[np.flatnonzero(free)[:k]]
    return np.concatenate([found, np.full(k - len(found), -1, dtype=np.int64)])
