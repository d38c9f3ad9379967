"""How much some tracks are like all others, some rows at a time.

By weights, two tracks are alike by a sum of products over their listeners: a product of sparse matrices. Where a track
has one weight for all of them, as for the cosine, the listeners of both need only be counted. A product would add each
one at a place of its own in memory; here the tracks of all listeners of a track are copied behind each other, sorted
and counted, for numpy sorts whole numbers of 32 bits in some two nanoseconds each.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.recommenders.in_blocks import work_of
from recsys_tasks.recommenders.vectors import Played


class Alike(Protocol):
    """Similarities of the tracks from a column on to all tracks."""

    work: npt.NDArray[np.int64]  # (n_rows,) products that each row takes

    def rows(self, start: int, end: int) -> sparse.csr_matrix:
        """Those of some rows; each track is among those that it is like. (end - start, n_tracks) float32."""


class AlikeByWeights:
    """The sums of products of the weights of two tracks."""

    def __init__(self, weighted: sparse.csr_matrix, first: int) -> None:
        """Nothing is multiplied yet.

        Args:
            weighted: (n_users, n_tracks).
            first: column of the first row.
        """
        self._weighted, self._own = weighted, sparse.csr_matrix(weighted[:, first:].T)
        self.work = work_of(Played(self._own.indptr, self._own.indices), weighted)

    def rows(self, start: int, end: int) -> sparse.csr_matrix:
        """As ``Alike``, columns in any order."""
        return sparse.csr_matrix(self._own[start:end] @ self._weighted, dtype=np.float32)


class AlikeByCosine:
    """The cosines of the listeners of two tracks, both norms shrunk."""

    def __init__(self, plays: sparse.csr_matrix, norms: npt.NDArray[np.float64], first: int) -> None:
        """Nothing is counted yet.

        Args:
            plays: (n_users, n_tracks).
            norms: (n_tracks,) of the columns.
            first: column of the first row.
        """
        ones = np.ones(len(plays.indices), np.uint8)
        self._plays = sparse.csr_matrix((ones, plays.indices, plays.indptr), plays.shape)
        self._own = sparse.csr_matrix(self._plays[:, first:].T)
        heard = np.where(norms > 0, norms, 1)  # nobody looks up the others
        self._each, self._first = (1 / heard).astype(np.float32), first
        self.work = work_of(Played(self._own.indptr, self._own.indices), self._plays)

    def rows(self, start: int, end: int) -> sparse.csr_matrix:
        """As ``Alike``; columns rise."""
        ends, cols, counts = self._counted(start, end)
        values = self._each[cols]
        values *= np.repeat(self._each[self._first + start : self._first + end], np.diff(ends))
        values *= counts
        return sparse.csr_matrix((values, cols, ends), shape=(end - start, self._plays.shape[1]))

    def _counted(self, start: int, end: int) -> tuple[IntArray, IntArray, FloatArray]:
        """Where the columns of each row end, the columns, rising, and how many listeners each has in common with it."""
        bits = int(self._plays.shape[1] - 1).bit_length()  # of a column; a row's number stands above them
        starts = np.arange(end - start + 1, dtype=np.uint64) << np.uint64(bits)
        kind = np.uint32 if starts[-1] <= 1 << 32 else np.uint64
        users = self._own.indices[self._own.indptr[start] : self._own.indptr[end]]
        keys = self._plays[users].indices.astype(kind)
        keys |= np.repeat(starts[:-1].astype(kind), self.work[start:end])
        keys.sort()
        is_first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
        first = np.flatnonzero(is_first)
        keys = keys[first]
        ends = np.searchsorted(keys, starts).astype(np.int32)
        keys &= kind((1 << bits) - 1)
        counts = np.diff(first, append=len(is_first)).astype(np.float32)
        return ends, keys.astype(np.int32), counts
