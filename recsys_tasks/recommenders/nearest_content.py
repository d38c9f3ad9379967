"""Which tracks are most alike by their features: a product of sparse matrices, some rows at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.recommenders.best_of_rows import best_of_rows, kept_of

Found = TypeVar("Found")
PRODUCTS = 1 << 20
"""Products of two numbers that are computed together: some 50 MB on the way."""


@dataclass(frozen=True)
class Before:
    """What an earlier day found, in today's columns."""

    nearest: sparse.csr_matrix  # (n_tracks, n_tracks) float32: row i holds the nearest of track i
    settled: BoolArray  # (n_tracks,) has the same features as then
    known: BoolArray  # (n_tracks,) could be chosen then


def nearest_content(
    features: sparse.csr_matrix,
    known: IntArray,
    n_nearest: int,
    products: int = PRODUCTS,
    before: Before | None = None,
    threads: int = 1,
) -> sparse.csr_matrix:
    """Similarities of each known track to the tracks that have it among their nearest. (n_tracks, n_tracks) float32.

    Column i holds the ``n_nearest`` known tracks that are most like track i, without itself; of equal ones the lowest.
    The lists of an earlier day spare most of the products and change no answer: of two tracks whose features are the
    same as then, the similarity is too, so that only the others can enter a list or leave it.

    Args:
        features: (n_tracks, n_columns) float32.
        known: (n_known,) columns of the tracks to choose from, rising.
        n_nearest: how many are kept.
        products: that are computed together, which bounds the memory and changes no answer.
        before: the same of an earlier day.
        threads: that share the work; they change no answer.
    """
    every = np.arange(features.shape[0])
    if before is None:
        return _as_columns(_products(features, every, known, n_nearest, products, threads))
    chosen = np.isin(every, known)
    stays = before.settled & before.known & chosen
    kept = kept_of(before.nearest, stays[before.nearest.indices])
    full, lost = np.diff(before.nearest.indptr) >= n_nearest, np.diff(kept.indptr) < np.diff(before.nearest.indptr)
    anew = ~before.settled | (full & lost)  # what stood behind the last one of a full list is not known
    others = np.flatnonzero(chosen & ~stays)
    new = _products(features, np.flatnonzero(~anew), others, n_nearest, products, threads)
    whole = _products(features, np.flatnonzero(anew), known, n_nearest, products, threads)
    kept = kept_of(kept, ~np.repeat(anew, np.diff(kept.indptr)))
    return _as_columns(sparse.csr_matrix(best_of_rows(sparse.csr_matrix(kept + new), n_nearest) + whole))


def _products(
    features: sparse.csr_matrix, rows: IntArray, choice: IntArray, n_nearest: int, products: int, threads: int
) -> sparse.csr_matrix:
    """The nearest of some rows among some tracks, empty rows for the others. (n_tracks, n_tracks)."""
    n_tracks, chosen = features.shape[0], sparse.csr_matrix(features[choice].T)  # (n_columns, n_choice)
    places = np.full(n_tracks, -1)
    places[choice] = np.arange(len(choice))
    nothing, asked = sparse.csr_matrix((0, len(choice)), dtype=np.float32), features[rows]

    def nearest(start: int, end: int) -> sparse.csr_matrix:
        alike = sparse.csr_matrix(asked[start:end] @ chosen)
        return best_of_rows(_without_own(alike, places[rows[start:end]]), n_nearest)

    parts = in_blocks(nearest, work_of(asked, chosen), products, threads)
    found, lengths = sparse.vstack([nothing, *parts], format="csr"), np.zeros(n_tracks, dtype=np.int64)
    lengths[rows] = np.diff(found.indptr)
    cells = found.data, choice[found.indices], np.concatenate([[0], np.cumsum(lengths)])
    return sparse.csr_matrix(cells, shape=(n_tracks, n_tracks))


def _as_columns(nearest: sparse.csr_matrix) -> sparse.csr_matrix:
    """Row i of what was the nearest of track i becomes column i; columns rise in each row."""
    found = sparse.csr_matrix(nearest.T)
    found.sort_indices()
    return found


def _without_own(alike: sparse.csr_matrix, own: IntArray) -> sparse.csr_matrix:
    """Rows without the column of the track itself, -1 where it has none, and without what is not positive."""
    return kept_of(alike, (alike.indices != np.repeat(own, np.diff(alike.indptr))) & (alike.data > 0))


def work_of(features: sparse.csr_matrix, chosen: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """Products that each row takes. (n_rows,)."""
    each = np.concatenate([[0], np.cumsum(np.diff(chosen.indptr)[features.indices], dtype=np.int64)])
    return np.asarray(np.diff(each[features.indptr]))


def in_blocks(of: Callable[[int, int], Found], work: npt.NDArray[np.int64], products: int, threads: int) -> list[Found]:
    """What a function gives for each run of rows, in their order. Products of sparse matrices, and most of what NumPy
    does with them, hold no lock of the interpreter, so that threads share the runs; each has one in memory.

    Args:
        of: of a run's first row, and the one after its last.
        work: (n_rows,) products that each row takes.
        products: of a run, at the most.
        threads: that share the runs.
    """
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda run: of(*run), blocks_of_work(work, products)))


def blocks_of_work(work: npt.NDArray[np.int64], products: int) -> Iterator[tuple[int, int]]:
    """First row and the one after the last of runs of rows that take at most so much work, or are one row."""
    total, start = np.cumsum(work), 0
    while start < len(work):
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + products, side="right")))
        yield start, end
        start = end
