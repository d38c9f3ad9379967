"""Neighbours that are renewed on dates of the calendar, and the young tracks among them every day.

One play changes the norm of a track, and with it all of its similarities, so that updating the tracks of a day alone is
not what building anew would give. So the neighbours of *old* tracks, those that were first played well before the
newest date of renewal, are those of the plays before that date; all others are *young*: their own neighbours, and the
places that they take among those of old tracks, are found each day on all plays of the training. Both are a function of
the day and of its partitions, whichever days were made before.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import FloatArray
from recsys_tasks.recommenders.base import Arrays
from recsys_tasks.recommenders.best_of_rows import best_of_rows, kept_of
from recsys_tasks.recommenders.nearest_content import PRODUCTS, in_blocks, work_of
from recsys_tasks.recommenders.neighbours import SimilarTracks

LEFT = ("left_rows", "left_cols", "left_similarities")


@dataclass(frozen=True)
class RenewedNeighbours:
    """The neighbours of a day, and those of old tracks that left their lists for young ones."""

    similar: SimilarTracks  # of all tracks; old ones have the first columns
    left: sparse.csr_matrix  # (n_old, n_old) float32

    def old(self) -> sparse.csr_matrix:
        """The neighbours of old tracks as they were on the date of renewal. (n_old, n_old)."""
        n_old = self.left.shape[0]
        rows = self.similar.matrix[:n_old]
        kept = kept_of(rows, rows.indices < n_old)
        cells = kept.data, kept.indices, kept.indptr
        return sparse.csr_matrix(sparse.csr_matrix(cells, shape=self.left.shape) + self.left)

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
    old: sparse.csr_matrix, weighted: sparse.csr_matrix, n_nearest: int, products: int = PRODUCTS, threads: int = 1
) -> RenewedNeighbours:
    """The neighbours of a day.

    Args:
        old: (n_old, n_old) float32, row i the neighbours of track i among the old tracks.
        weighted: (n_users, n_tracks) plays of the day's training, two columns of which multiply to a similarity; the
            old tracks come first.
        n_nearest: neighbours that are kept of each track.
        products: that are computed together, which bounds the memory and changes no answer.
        threads: that share the work; they change no answer.
    """
    n_old, n_tracks = old.shape[0], weighted.shape[1]
    young, least = sparse.csr_matrix(weighted[:, n_old:].T), np.append(_least(old, n_nearest), np.inf)
    nothing = sparse.csr_matrix((0, n_tracks), dtype=np.float32)

    def some(start: int, end: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """The neighbours of some young tracks, and where these may be neighbours themselves."""
        alike = sparse.csr_matrix(young[start:end] @ weighted, dtype=np.float32)
        itself = np.repeat(np.arange(n_old + start, n_old + end), np.diff(alike.indptr))
        alike = kept_of(alike, (alike.indices != itself) & (alike.data > 0))
        return best_of_rows(alike, n_nearest), kept_of(alike, alike.data > least[np.minimum(alike.indices, n_old)])

    found = in_blocks(some, work_of(young, weighted), products, threads)
    own, entering = [nothing, *(each for each, _ in found)], [nothing, *(each for _, each in found)]
    new = sparse.vstack(entering, format="csr")[:, :n_old].T.tocsr()  # (n_old, n_young): those that may enter
    crowded = np.flatnonzero(np.diff(new.indptr))
    both = sparse.csr_matrix(sparse.hstack([old[crowded], new[crowded]], format="csr", dtype=np.float32))
    best = best_of_rows(both, n_nearest)
    left = sparse.csr_matrix((both - best)[:, :n_old])  # a difference of 0 is not stored
    wide = sparse.csr_matrix((old.data, old.indices, old.indptr), shape=(n_old, n_tracks))
    rows = _with_rows(wide, crowded, best)
    similar = sparse.vstack([rows, *own], format="csr")
    similar.sort_indices()
    return RenewedNeighbours(
        SimilarTracks(similar), _with_rows(sparse.csr_matrix(old.shape, dtype=old.dtype), crowded, left)
    )


def _least(old: sparse.csr_matrix, n_nearest: int) -> FloatArray:
    """What a young track has to exceed to enter each list; anything enters one that is not full. (n_old,)."""
    full, least = np.diff(old.indptr) >= n_nearest, np.zeros(old.shape[0], dtype=np.float32)
    if full.any():
        least[full] = np.minimum.reduceat(np.append(old.data, np.inf), old.indptr[:-1])[full]
    return least


def _with_rows(matrix: sparse.csr_matrix, rows: np.ndarray, other: sparse.csr_matrix) -> sparse.csr_matrix:
    """A matrix with some of its rows replaced."""
    replaced = np.isin(np.arange(matrix.shape[0]), rows)
    lengths = np.zeros(matrix.shape[0], dtype=np.int64)
    lengths[rows] = np.diff(other.indptr)
    placed = sparse.csr_matrix(
        (other.data, other.indices, np.concatenate([[0], np.cumsum(lengths)])), shape=(matrix.shape[0], other.shape[1])
    )
    kept = kept_of(matrix, ~np.repeat(replaced, np.diff(matrix.indptr)))
    return sparse.csr_matrix(kept + placed)
