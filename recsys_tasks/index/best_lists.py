"""Lists of the best tracks that a search has found so far: by rank, best first, equal scores by rank."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray, IntArray

SORTED = 256
"""So few scores are sorted sooner than the best of them are looked for."""
_LEAST = np.float32(-np.inf)


def no_lists(n_users: int, k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], FloatArray]:
    """Ranks, columns and scores of lists on which nothing stands. (n_users, k) each."""
    nothing = np.full((n_users, k), -1, dtype=np.int32)
    return nothing, nothing.copy(), np.full((n_users, k), -np.inf, dtype=np.float32)


@dataclass
class BestLists:
    """The best k of each user of a batch so far, best first."""

    scores: FloatArray  # (n_users, k)
    ranks: npt.NDArray[np.int32]  # (n_users, k)

    def offer(self, rows: IntArray, start: int, scores: FloatArray) -> None:
        """Let in what is good enough of a block that begins at rank ``start``. scores: (n_rows, width)."""
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
        """Let tracks in. ``owners`` index ``rows``; ranks rise within an owner and exceed those already listed."""
        k = self.scores.shape[1]
        all_scores = np.concatenate([self.scores[rows].ravel(), scores])
        all_ranks = np.concatenate([self.ranks[rows].ravel(), ranks.astype(np.int32)])
        if len(rows) == 1:
            self.ranks[rows], self.scores[rows] = best_of(all_ranks, all_scores, k)
            return
        order = np.lexsort((-all_scores, np.concatenate([np.repeat(np.arange(len(rows)), k), owners])))
        counts = k + np.bincount(owners, minlength=len(rows))
        best = order[(np.cumsum(counts) - counts)[:, None] + np.arange(k)]  # (n_rows, k); stable: ties by rank
        self.scores[rows], self.ranks[rows] = all_scores[best], all_ranks[best]


def best_of(ranks: IntArray, scores: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """The k largest of some scores, best first, equal ones in the order given. (at most k,) each."""
    if len(scores) > max(k, SORTED):
        large = (scores >= np.partition(scores, len(scores) - k)[len(scores) - k]).nonzero()[0]
        ranks, scores = ranks[large], scores[large]
    order = np.argsort(-scores, kind="stable")[:k]  # stable, so equal scores stay in rank order
    return ranks[order], scores[order]
