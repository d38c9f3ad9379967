"""How much some tracks are like all others, some rows at a time.

By weights, two tracks are alike by a sum of products over their listeners: a product of sparse matrices. Where a track
has one weight for all of them, as for the cosine, the listeners of both need only be counted. A product would add each
one at a place of its own in memory; here the tracks of all listeners of a track are copied behind each other, sorted
and counted, for numpy sorts whole numbers of 32 bits in some two nanoseconds each.

Most tracks have one listener in common with another, and nobody asks about most of these: a place among the nearest
goes to a few of them, those with the smallest norms. So columns stand by rising norm, and only those that may be asked
about get a similarity.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.recommenders.best_of_rows import kept_of, promising
from recsys_tasks.recommenders.in_blocks import work_of
from recsys_tasks.recommenders.vectors import Played

ROUNDING = 1e-6
"""By how much a bound is lowered, so that no rounding of its float32 leaves out what is on it."""


class Alike(Protocol):
    """Similarities of the tracks from a column on to all tracks."""

    work: npt.NDArray[np.int64]  # (n_rows,) products that each row takes

    def found(self, start: int, end: int, k: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Of some rows all that are among the k largest of their row, and all that exceed what their column asks for;
        others may be among them. Each track is among those that it is like. Both (end - start, n_tracks) float32, their
        columns in any order.
        """


class AlikeByWeights:
    """The sums of products of the weights of two tracks."""

    def __init__(self, weighted: sparse.csr_matrix, first: int, least: FloatArray) -> None:
        """Nothing is multiplied yet.

        Args:
            weighted: (n_users, n_tracks).
            first: column of the first row.
            least: (n_tracks,) what a similarity has to exceed to be of use to each column.
        """
        self._weighted, self._own, self._least = weighted, sparse.csr_matrix(weighted[:, first:].T), least
        self.work = work_of(Played(self._own.indptr, self._own.indices), weighted)

    def found(self, start: int, end: int, k: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """As ``Alike``."""
        all_of = sparse.csr_matrix(self._own[start:end] @ self._weighted, dtype=np.float32)
        asked = all_of.data > self._least[all_of.indices]
        return kept_of(all_of, promising(all_of.data, all_of.indptr, k)), kept_of(all_of, asked)


class AlikeByCosine:
    """The cosines of the listeners of two tracks, both norms shrunk."""

    def __init__(self, plays: sparse.csr_matrix, norms: npt.NDArray[np.float64], first: int, least: FloatArray) -> None:
        """Nothing is counted yet.

        Args:
            plays: (n_users, n_tracks).
            norms: (n_tracks,) of the columns.
            first: column of the first row.
            least: (n_tracks,) what a similarity has to exceed to be of use to each column.
        """
        each = (1 / np.where(norms > 0, norms, 1)).astype(np.float32)  # nobody looks up those without a norm
        self._tracks = np.argsort(-each, kind="stable").astype(np.int32)  # by rising norm, then by column
        places = np.empty_like(self._tracks)
        places[self._tracks] = np.arange(len(places), dtype=np.int32)
        ones = np.ones(len(plays.indices), np.uint8)
        own = sparse.csr_matrix((ones, plays.indices, plays.indptr), plays.shape)[:, first:]
        self._own = sparse.csr_matrix(own.T)
        self._plays = sparse.csr_matrix((ones, places[plays.indices], plays.indptr), plays.shape)
        self._own_each, self._each = each[first:], each[self._tracks]
        # what a row has to exceed for one listener in common to be of use to a column
        self._needed = least[self._tracks] / self._each * np.float32(1 - ROUNDING)
        self.work = work_of(Played(self._own.indptr, self._own.indices), self._plays)

    def found(self, start: int, end: int, k: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """As ``Alike``."""
        ends, places, counts = self._counted(start, end)
        largest = counts > 1
        foremost = ends[:-1, None] + np.arange(k)  # of those with one listener in common
        largest[foremost[foremost < ends[1:, None]]] = True
        row_each = self._own_each[start:end]
        asked = np.flatnonzero(largest | (self._needed[places] < np.repeat(row_each, np.diff(ends))))
        places, ends = places[asked], np.searchsorted(asked, ends).astype(np.int32)
        values = self._each[places]
        values *= np.repeat(row_each, np.diff(ends))
        values *= counts[asked].astype(np.float32)
        entering = sparse.csr_matrix((values, self._tracks[places], ends), shape=(end - start, self._plays.shape[1]))
        return kept_of(entering, largest[asked]), entering

    def _counted(self, start: int, end: int) -> tuple[IntArray, IntArray, IntArray]:
        """Where the places of each row end, the places, rising, and how many listeners each has in common with it."""
        bits = int(self._plays.shape[1] - 1).bit_length()  # of a place; a row's number stands above them
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
        ends = np.searchsorted(keys, starts)
        keys &= kind((1 << bits) - 1)
        return ends, keys, np.diff(first, append=len(is_first))
