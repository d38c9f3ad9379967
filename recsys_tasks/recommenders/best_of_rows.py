"""The largest entries of each row of a sparse matrix, many rows at a time.

A sample of a long row says what its k largest entries exceed; all below that are dropped in one pass, and only where
too few are left is the whole row looked at. What is left is sorted as whole numbers, of all rows together.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.recommenders.falling import rising_keys

SAMPLED = 8
"""Of the entries of a long row, every eighth is sampled."""
PLACES = 1 << 19
"""Entries of a sample that are looked at together: some ten megabytes, of which a core keeps much at hand."""
ROW_SHIFT = 33
"""Above the bits of an entry, and its sign, stand those of its row: all rows are sorted at once."""
LONG = 8
"""A row of more than so many times k entries is long."""


def best_of_rows(matrix: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    """The k largest entries of each row; of equal ones those of the lowest columns. Columns rise in each row.

    Args:
        matrix: (n_rows, n_columns), its columns in any order.
        k: entries that a row keeps at the most.
    """
    found = kept_of(matrix, are_best(matrix, k))
    found.sort_indices()
    return found


def are_best(matrix: sparse.csr_matrix, k: int) -> BoolArray:
    """Which entries are among the k largest of their row, of equal ones those of the lowest columns. (n_entries,).

    Args:
        matrix: (n_rows, n_columns) float32, its columns in any order.
        k: entries that a row keeps at the most.
    """
    places = np.flatnonzero(
        promising(matrix.data, matrix.indptr, k)
    )  # a running sum of truth values takes ten times as long
    some = _at(matrix, places)
    lengths, firsts = np.diff(some.indptr), np.arange(matrix.shape[0]) << ROW_SHIFT
    keys = rising_keys(some.data) + np.repeat(firsts, lengths)  # rise by row, and as entries fall
    last, long = firsts + (1 << ROW_SHIFT) - 1, np.flatnonzero(lengths > k)
    last[long] = np.sort(keys)[some.indptr[long] + k - 1]
    last = np.repeat(last, lengths)
    best = keys <= last
    best[_behind(some, keys == last, np.diff(np.searchsorted(np.flatnonzero(best), some.indptr)) - k)] = False
    found = np.zeros(len(matrix.data), dtype=bool)
    found[places[best]] = True
    return found


def kept_of(matrix: sparse.csr_matrix, kept: BoolArray) -> sparse.csr_matrix:
    """Some of the entries. kept: (n_entries,)."""
    return _at(matrix, np.flatnonzero(kept))


def with_rows(matrix: sparse.csr_matrix, *others: tuple[IntArray, sparse.csr_matrix]) -> sparse.csr_matrix:
    """A matrix with some of its rows replaced, each by one other at the most. others: rows, and what stands there."""
    rows, n = np.arange(matrix.shape[0]), matrix.shape[0]
    for replaced, other in others:
        rows[replaced] = n + np.arange(other.shape[0])
        n += other.shape[0]
    return sparse.vstack([matrix, *(other for _, other in others)], format="csr")[rows]


def least_of_full(matrix: sparse.csr_matrix, k: int) -> npt.NDArray[Any]:
    """The smallest entry of each row that holds k, 0 of any other. (n_rows,)."""
    full, least = np.diff(matrix.indptr) >= k, np.zeros(matrix.shape[0], dtype=matrix.dtype)
    if full.any():
        least[full] = np.minimum.reduceat(np.append(matrix.data, least.dtype.type(np.inf)), matrix.indptr[:-1])[full]
    return least


def _at(matrix: sparse.csr_matrix, places: npt.NDArray[np.int64]) -> sparse.csr_matrix:
    """The entries at some places, which rise: a running sum of truth values would take ten times as long.
    places: (n_kept,)."""
    ends = np.searchsorted(places, matrix.indptr).astype(matrix.indptr.dtype)
    return sparse.csr_matrix((matrix.data[places], matrix.indices[places], ends), shape=matrix.shape)


def promising(values: npt.NDArray[Any], ends: IntArray, k: int) -> BoolArray:
    """Entries that may be among the k largest of their row, all those among them. (n_entries,).

    Args:
        values: (n_entries,) row by row.
        ends: (n_rows + 1,) where the entries of each row begin, and those of the last one end.
        k: how many.
    """
    lengths = np.diff(ends)
    least, wanted = np.full(len(lengths), -np.inf, dtype=values.dtype), 2 * k // SAMPLED + 2
    for rows, places, there in _sampled(ends, np.flatnonzero(lengths > LONG * k)):
        sample = np.where(there, values[places], -np.inf)
        if sample.shape[1] > wanted:
            least[rows] = np.partition(sample, sample.shape[1] - wanted, axis=1)[:, sample.shape[1] - wanted]
    kept = values >= np.repeat(least, lengths)
    few = np.diff(np.searchsorted(np.flatnonzero(kept), ends)) < np.minimum(k, lengths)
    return np.asarray(kept | np.repeat(few, lengths) if few.any() else kept)


def _sampled(ends: IntArray, rows: IntArray) -> Iterator[tuple[IntArray, npt.NDArray[np.int64], BoolArray]]:
    """Rows of about one length; where every eighth of their entries stands, (n_rows, longest); which of these are."""
    lengths = np.diff(ends)
    digits = np.frexp(lengths[rows])[1]
    for each in np.unique(digits):
        alike = rows[digits == each]
        longest = lengths[alike].max()
        for some in np.array_split(alike, -(-len(alike) * longest // (PLACES * SAMPLED))):
            last = ends[some + 1, None].astype(np.int64)
            places = ends[some, None] + np.arange(0, longest, SAMPLED)
            there = places < last
            yield some, np.where(there, places, last - 1), there


def _behind(matrix: sparse.csr_matrix, equal: BoolArray, too_many: IntArray) -> npt.NDArray[np.int64]:
    """Where those of some equal entries stand that are too many of their row: those of the highest columns.

    Args:
        matrix: (n_rows, n_columns).
        equal: (n_entries,) the entries.
        too_many: (n_rows,) how many; none where it is not above zero.
    """
    tied = np.flatnonzero(too_many > 0)
    if not len(tied):
        return tied
    wanted = np.zeros(len(too_many), dtype=bool)
    wanted[tied] = True
    places = np.flatnonzero(equal & np.repeat(wanted, np.diff(matrix.indptr)))
    ends = np.searchsorted(places, matrix.indptr[tied + 1])
    rows = np.repeat(np.arange(len(tied)), np.diff(ends, prepend=0))
    cells = rows * matrix.shape[1] + matrix.indices[places]
    places = places[np.argsort(cells, kind="stable")]  # quick where columns rise
    return places[np.arange(len(places)) >= np.repeat(ends - too_many[tied], np.diff(ends, prepend=0))]
