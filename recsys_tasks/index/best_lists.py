"""Lists of the best tracks that a search has found so far: by rank, best first, equal scores by rank."""

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.recommenders.falling import rising_keys

SORTED_AT_ONCE = 256
"""Scores: sorting so few takes less time than looking for the best of them first."""
_LEAST = np.float32(-np.inf)


class BestLists:
    """The best k tracks of each user of a batch so far, best first, padded with -1 and -inf."""

    def __init__(self, n_users: int, k: int) -> None:
        self.ranks: npt.NDArray[np.int32] = np.full((n_users, k), -1, dtype=np.int32)
        self.scores: FloatArray = np.full((n_users, k), _LEAST)

    def offer(self, rows: IntArray, start: int, scores: FloatArray) -> None:
        """Take what is good enough of a block of tracks.

        Args:
            rows: (n_rows,) the users that were scored.
            start: rank of the block's first track.
            scores: (n_rows, width) of the block's tracks.
        """
        floor = self.scores[rows, -1]  # (n_rows,) what a track must exceed
        k, width = self.scores.shape[1], scores.shape[1]
        if width > k and floor.min() == _LEAST:  # else every track of the first block would be sorted
            kth = np.partition(scores, width - k, axis=1)[:, width - k]
            floor = np.maximum(floor, np.nextafter(kth, _LEAST))
        places = (scores > floor[:, None]).ravel().nonzero()[0]  # several times faster than in two dimensions
        if len(places):
            owners = places // width
            self.merge(rows, owners, start + places - owners * width, scores.ravel()[places])

    def merge(self, rows: IntArray, owners: IntArray, ranks: IntArray, scores: FloatArray) -> None:
        """Take the best of these tracks and of those listed.

        Args:
            rows: (n_rows,) the users whose lists may change.
            owners: (n,) place in ``rows`` of the user that each track is offered to.
            ranks: (n,) rising within an owner, and above those already listed.
            scores: (n,) float32.
        """
        k = self.scores.shape[1]
        all_scores = np.concatenate([self.scores[rows].ravel(), scores])
        all_ranks = np.concatenate([self.ranks[rows].ravel(), ranks.astype(np.int32)])
        if len(rows) == 1:
            self.ranks[rows], self.scores[rows] = best_of(all_ranks, all_scores, k)
            return
        order = _by_owner(np.concatenate([np.repeat(np.arange(len(rows)), k), owners]), all_scores)
        counts = k + np.bincount(owners, minlength=len(rows))
        best = order[(np.cumsum(counts) - counts)[:, None] + np.arange(k)]  # (n_rows, k); stable: ties by rank
        self.scores[rows], self.ranks[rows] = all_scores[best], all_ranks[best]


def _by_owner(owners: IntArray, scores: FloatArray) -> npt.NDArray[np.int64]:
    """Places by owner, then by falling score, equal ones in their order: sorted as one whole number each.

    A place takes at most 24 bits and an owner seven, far more than a search scores at once (``ScanSizes``). (n,) each.
    """
    keys = (owners << 56) + ((rising_keys(scores) + (1 << 31)) << 24) + np.arange(len(scores))
    keys.sort()
    return keys & ((1 << 24) - 1)


def best_of(
    ranks: IntArray, scores: FloatArray, k: int, sorted_at_once: int = SORTED_AT_ONCE
) -> tuple[IntArray, FloatArray]:
    """The k largest of some scores (n,), best first, equal ones in the order given. (at most k,) each."""
    if len(scores) > max(k, sorted_at_once):
        large = (scores >= np.partition(scores, len(scores) - k)[len(scores) - k]).nonzero()[0]
        ranks, scores = ranks[large], scores[large]
    order = np.argsort(-scores, kind="stable")[:k]  # stable, so equal scores stay in rank order
    return ranks[order], scores[order]
