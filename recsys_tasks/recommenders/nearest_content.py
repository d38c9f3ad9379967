"""Which tracks are most alike by their features: a product of sparse matrices, some rows at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import IntArray
from recsys_tasks.recommenders.best_of_rows import best_of_rows, kept_of

PRODUCTS = 1 << 22
"""Products of two numbers that are computed together: some 200 MB on the way."""


def nearest_content(
    features: sparse.csr_matrix, known: IntArray, n_nearest: int, products: int = PRODUCTS
) -> sparse.csr_matrix:
    """Similarities of each known track to the tracks that have it among their nearest. (n_tracks, n_tracks) float32.

    Column i holds the ``n_nearest`` known tracks that are most like track i, without itself; of equal ones the lowest.

    Args:
        features: (n_tracks, n_columns) float32.
        known: (n_known,) columns of the tracks to choose from, rising.
        n_nearest: how many are kept.
        products: that are computed together, which bounds the memory and changes no answer.
    """
    n_tracks, chosen = features.shape[0], features[known].T.tocsr()  # (n_columns, n_known)
    places = np.full(n_tracks, -1)
    places[known] = np.arange(len(known))
    parts = [sparse.csr_matrix((0, len(known)), dtype=np.float32)]
    for start, end in blocks_of_work(work_of(features, chosen), products):
        alike = sparse.csr_matrix(features[start:end] @ chosen)
        parts.append(best_of_rows(_without_own(alike, places[start:end]), n_nearest))
    by_track = sparse.vstack(parts, format="csr")  # (n_tracks, n_known)
    cells = by_track.data, known[by_track.indices], by_track.indptr
    return sparse.csr_matrix(sparse.csr_matrix(cells, shape=(n_tracks, n_tracks)).T)


def _without_own(alike: sparse.csr_matrix, own: IntArray) -> sparse.csr_matrix:
    """Rows without the column of the track itself, -1 where it has none, and without what is not positive."""
    return kept_of(alike, (alike.indices != np.repeat(own, np.diff(alike.indptr))) & (alike.data > 0))


def work_of(features: sparse.csr_matrix, chosen: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """Products that each row takes. (n_rows,)."""
    each = np.concatenate([[0], np.cumsum(np.diff(chosen.indptr)[features.indices], dtype=np.int64)])
    return np.asarray(np.diff(each[features.indptr]))


def blocks_of_work(work: npt.NDArray[np.int64], products: int) -> Iterator[tuple[int, int]]:
    """First row and the one after the last of runs of rows that take at most so much work, or are one row."""
    total, start = np.cumsum(work), 0
    while start < len(work):
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + products, side="right")))
        yield start, end
        start = end
