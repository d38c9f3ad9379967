"""Play counts by ranges of rows: what memory and 32-bit pointers hold is then a range, however many pairs there are.

A matrix of more than 2^31 - 1 pairs has pointers of 64 bits beside columns of 32. scipy's own functions would make 64
bits of every column first, in memory; those of this module never do, and what they give has 32 bits throughout.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import IntArray

SLICE_PAIRS = 1 << 26
"""Pairs that are solved, or transposed, together: 0.5 GB of columns and confidences. A matrix of fewer is one slice,
and lies in memory as a whole."""
BLOCK_PAIRS = 1 << 22
"""Pairs that are checked, merged or copied together: 34 MB, which the allocator uses again."""
NARROW_PAIRS = 2**31 - 1
"""The most that pointers of 32 bits can number."""


class PlayRows(Protocol):
    """Play counts that are asked for by rows: a canonical ``csr_matrix``, or what makes one of some rows when asked."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of users and tracks."""

    @property
    def nnz(self) -> int:
        """Number of pairs."""

    @property
    def indptr(self) -> IntArray:
        """Where the pairs of each user begin. (n_users + 1,)."""

    def __getitem__(self, rows: Any) -> sparse.csr_matrix:
        """The play counts of a range (``slice``) or of some rows (array). (n_rows, n_tracks) canonical, a copy."""


def as_cells(
    data: npt.NDArray[Any], cols: npt.NDArray[Any], ends: npt.NDArray[Any], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """A matrix of stored arrays, none of which is copied, be there more pairs than 32 bits can number.

    Args:
        data: (n_pairs,) its cells.
        cols: (n_pairs,) their columns.
        ends: (n_rows + 1,) where the cells of each row begin.
        shape: of the matrix.
    """
    if ends[-1] <= NARROW_PAIRS:
        return sparse.csr_matrix((data, cols, ends), shape=shape)
    cells = sparse.csr_matrix(shape, dtype=data.dtype)
    cells.data, cells.indices, cells.indptr = data, cols, ends
    return cells


def row_ranges(ends: IntArray, pairs: int) -> list[slice]:
    """Ranges of rows, all of them in their order, each of at most so many pairs unless one row alone has more.

    Args:
        ends: (n_rows + 1,) where the cells of each row begin.
        pairs: at the most, 1 or more.
    """
    ranges, start, n_rows = [], 0, len(ends) - 1
    while start < n_rows:
        stop = int(np.searchsorted(ends, int(ends[start]) + pairs, side="right")) - 1
        stop = min(max(stop, start + 1), n_rows)
        ranges.append(slice(start, stop))
        start = stop
    return ranges


def rows_within(cells: sparse.csr_matrix, rows: slice) -> sparse.csr_matrix:
    """A range of rows that shares its cells with the matrix. (n_rows, n_columns)."""
    ends = cells.indptr[rows.start : rows.stop + 1]
    first, last = int(ends[0]), int(ends[-1])
    own = (ends - first).astype(np.int32, copy=False)
    return sparse.csr_matrix(
        (cells.data[first:last], cells.indices[first:last], own), shape=(len(own) - 1, cells.shape[1])
    )


def rows_at(cells: sparse.csr_matrix, rows: IntArray) -> sparse.csr_matrix:
    """Some rows, copied. (n_rows, n_columns)."""
    if cells.nnz <= NARROW_PAIRS:
        return cells[rows]
    lengths = np.diff(cells.indptr)[rows]
    own = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(own[-1]) + np.repeat(cells.indptr[rows] - own[:-1], lengths)
    return sparse.csr_matrix((cells.data[places], cells.indices[places], own), shape=(len(rows), cells.shape[1]))


def whole(plays: PlayRows) -> sparse.csr_matrix:
    """All rows as one matrix; no copy of one that is one already."""
    return plays if sparse.issparse(plays) else plays[slice(0, plays.shape[0])]


def by_blocks(plays: PlayRows, pairs: int = BLOCK_PAIRS) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Range after range of few pairs, and its play counts, which may share their cells with the matrix."""
    for rows in row_ranges(plays.indptr, pairs):
        yield rows, rows_within(plays, rows) if sparse.issparse(plays) else plays[rows]
