"""Neighbours that are renewed on dates of the calendar, and the young tracks among them every day.

One play changes the norm of a track, and with it all of its similarities, so that updating the tracks of a day alone is
not what building anew would give. So the neighbours of *old* tracks, those that were first played well before the
newest date of renewal, are those of the plays before that date; all others are *young*: their own neighbours, and the
places that they take among those of old tracks, are found each day on all plays of the training. Both are a function of
the day and of its partitions, whichever days were made before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import FloatArray
from recsys_tasks.recommenders.alike import Alike
from recsys_tasks.recommenders.base import Arrays
from recsys_tasks.recommenders.best_of_rows import are_best, best_of_rows, kept_of, least_of_full
from recsys_tasks.recommenders.in_blocks import PRODUCTS, in_blocks, stacked
from recsys_tasks.recommenders.neighbours import SimilarTracks

LEFT = ("left_rows", "left_cols", "left_similarities")


@dataclass(frozen=True)
class RenewedNeighbours:
    """The neighbours of a day, and those of old tracks that left their lists for young ones."""

    similar: SimilarTracks  # of all tracks; old ones have the first columns
    left: sparse.csr_matrix  # (n_old, n_old) float32

    def old(self, threads: int = 1) -> sparse.csr_matrix:
        """The neighbours of old tracks as they were on the date of renewal. (n_old, n_old).

        Args:
            threads: that share the work.
        """
        now, n_old = self.similar.matrix, self.left.shape[0]

        def some(start: int, end: int) -> sparse.csr_matrix:
            rows = now[start:end]
            return _as_wide_as(kept_of(rows, rows.indices < n_old), n_old) + self.left[start:end]

        return stacked(in_blocks(some, np.diff(now.indptr[: n_old + 1]), PRODUCTS, threads), n_old, threads)

    def files(self) -> Arrays:
        """Name -> array."""
        left = self.left.tocoo()
        arrays = (left.row.astype(np.int32), left.col.astype(np.int32), left.data)
        return {**self.similar.files(), **dict(zip(LEFT, arrays, strict=True))}

    @classmethod
    def of(cls, files: Arrays, n_old: int) -> "RenewedNeighbours":
        """From its files, mapped or not."""
        rows, cols, values = (np.asarray(files[name]) for name in LEFT)
        return cls(SimilarTracks.of(files), sparse.csr_matrix((values, (rows, cols)), shape=(n_old, n_old)))


def with_young(
    old: sparse.csr_matrix,
    alike: Callable[[FloatArray], Alike],
    n_tracks: int,
    n_nearest: int,
    products: int = PRODUCTS,
    threads: int = 1,
) -> RenewedNeighbours:
    """The neighbours of a day.

    Args:
        old: (n_old, n_old) float32, row i the neighbours of track i among the old tracks.
        alike: how much the young tracks, which come behind the old ones, are like all tracks; it is told what a
            similarity has to exceed to be of use to each track. (n_tracks,) float32.
        n_tracks: old and young ones.
        n_nearest: neighbours that are kept of each track.
        products: that are computed together, which bounds the memory and changes no answer.
        threads: that share the work; they change no answer.
    """
    n_old = old.shape[0]
    least = np.full(n_tracks, np.inf, dtype=np.float32)
    least[:n_old] = least_of_full(old, n_nearest)  # what a young track has to exceed to enter a list of an old one
    young = alike(least)

    def some(start: int, end: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """The neighbours of some young tracks, and where these may be neighbours themselves."""
        own, entering = young.found(start, end, n_nearest + 1)  # one of them is the track itself
        itself = np.repeat(np.arange(n_old + start, n_old + end), np.diff(own.indptr))
        own = kept_of(own, (own.indices != itself) & (own.data > 0))
        entering = kept_of(entering, entering.data > least[entering.indices])  # among old ones alone
        return best_of_rows(own, n_nearest), _as_wide_as(entering, n_old)

    blocks = in_blocks(some, young.work, products, threads)
    own, entering = [each for each, _ in blocks], [each for _, each in blocks]
    new = stacked(entering, n_old, threads).T.tocsr()  # (n_old, n_young): those that may enter

    def of_old(start: int, end: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """The neighbours of some old tracks, and those that leave their lists."""
        both = sparse.csr_matrix(sparse.hstack([old[start:end], new[start:end]], format="csr", dtype=np.float32))
        best = are_best(both, n_nearest)
        return kept_of(both, best), _as_wide_as(kept_of(both, ~best & (both.indices < n_old)), n_old)

    blocks = in_blocks(of_old, np.diff(old.indptr) + np.diff(new.indptr), products, threads)
    similar = stacked([*(each for each, _ in blocks), *own], n_tracks, threads)
    return RenewedNeighbours(SimilarTracks(similar), stacked([left for _, left in blocks], n_old, threads))


def _as_wide_as(matrix: sparse.csr_matrix, n_columns: int) -> sparse.csr_matrix:
    """The same entries among more columns, or among fewer where those that it loses are empty."""
    return sparse.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], n_columns))
