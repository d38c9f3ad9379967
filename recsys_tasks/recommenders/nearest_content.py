"""Which tracks are most alike by their features: a product of sparse matrices, some rows at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.recommenders.neighbours import best_scored

PRODUCTS = 1 << 23
"""Products of two numbers that are computed together: some 100 MB on the way."""


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
    chosen = features[known].T.tocsr()  # (n_columns, n_known)
    parts: list[tuple[IntArray, IntArray, FloatArray]] = [(known[:0], known[:0], np.zeros(0, np.float32))]
    for start, end in _blocks(_work(features, chosen), products):
        alike = sparse.csr_matrix(features[start:end] @ chosen)
        for row in range(start, end):
            own = slice(alike.indptr[row - start], alike.indptr[row - start + 1])
            cols, values = known[alike.indices[own]], alike.data[own]
            found, similarities = best_scored(cols[cols != row], values[cols != row], n_nearest)
            parts.append((found, np.full(len(found), row), similarities))
    sources, targets, similarities = (np.concatenate(each) for each in zip(*parts, strict=True))
    cells = similarities, (sources, targets)
    return sparse.csr_matrix(cells, shape=(features.shape[0],) * 2, dtype=np.float32)


def _work(features: sparse.csr_matrix, chosen: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """Products that each row takes. (n_tracks,)."""
    each = np.concatenate([[0], np.cumsum(np.diff(chosen.indptr)[features.indices])])
    return np.asarray(np.diff(each[features.indptr]))


def _blocks(work: npt.NDArray[np.int64], products: int) -> Iterator[tuple[int, int]]:
    """First row and the one after the last of runs of rows that take at most so much work, or are one row."""
    total, start = np.cumsum(work), 0
    while start < len(work):
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + products, side="right")))
        yield start, end
        start = end
