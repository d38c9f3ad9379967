"""The popularity baseline: the tracks that most listeners have played, those that a user knows left out.

It is what the gate asks every candidate to beat, and what a listener gets whom a release does not know.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray

BLOCK_PAIRS = 1 << 21
"""Pairs that are counted together: 16 MB on the way, which the allocator uses again."""


def listeners_of(plays: sparse.csr_matrix, block_pairs: int = BLOCK_PAIRS) -> npt.NDArray[np.int64]:
    """Number of users who played each track. (n_tracks,)."""
    return _by_track(plays, None, block_pairs)


def plays_of(plays: sparse.csr_matrix, block_pairs: int = BLOCK_PAIRS) -> npt.NDArray[np.int64]:
    """Number of plays of each track. (n_tracks,)."""
    return _by_track(plays, plays.data, block_pairs)


def _by_track(
    plays: sparse.csr_matrix, weights: npt.NDArray[np.uint32] | None, block_pairs: int
) -> npt.NDArray[np.int64]:
    """The stored cells of each track, or the sum of their weights, which is exact up to 2^53. (n_tracks,)."""
    total = np.zeros(plays.shape[1], dtype=np.int64)
    for start in range(0, plays.nnz, block_pairs):  # bincount makes 64 bits of each column number and each weight
        some = slice(start, start + block_pairs)
        weighed = None if weights is None else weights[some]
        total += np.bincount(plays.indices[some], weighed, minlength=plays.shape[1]).astype(np.int64, copy=False)
    return total


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


def first_unplayed(order: IntArray, played: sparse.csr_matrix, k: int) -> npt.NDArray[np.int64]:
    """The first k tracks of an order that each user has not played, padded with -1. (n_users, k).

    Args:
        order: track columns, best first.
        played: (n_users, n_tracks), any stored cell is a played track.
        k: length of the list.
    """
    place = np.full(played.shape[1], -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    taken, users = place[played.indices], np.arange(played.shape[0])
    owners = np.repeat(users, np.diff(played.indptr))[taken >= 0]
    return np.append(order, -1)[_free_places(owners, taken[taken >= 0], len(users), len(order), k)]


def _free_places(owners: IntArray, taken: IntArray, n_users: int, n_places: int, k: int) -> npt.NDArray[np.int64]:
    """The first k places of n that each user has not taken, n_places where there is none. (n_users, k).

    Before the j-th of a user's taken places (from 0, rising) lie as many free ones as its number less j; so free place
    i stands behind as many taken ones as have at most i free ones before them.
    """
    width = n_places + k
    keys = np.sort(owners * width + taken)
    owners, first = keys // width, np.searchsorted(keys, np.arange(n_users) * width)  # of each user's
    free_before = keys - (np.arange(len(keys)) - first[owners])  # rising still, and no user's reach the next one's
    wanted = np.arange(n_users)[:, None] * width + np.arange(k)  # (n_users, k)
    taken_before = np.searchsorted(free_before, wanted, side="right") - first[:, None]
    return np.minimum(np.arange(k) + taken_before, n_places)


def first_of(order: IntArray, taken: IntArray, k: int) -> IntArray:
    """The first k of an order without those taken: ``first_unplayed`` for one user, who waits for it. (at most k,)."""
    first = order[: k + len(taken)]
    return first[~np.isin(first, taken)][:k]
