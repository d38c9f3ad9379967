"""The play matrix as a fold over daily partitions (design: nothing is ever added in place).

Row numbers are ordered by (first date seen, id), so they are a function of the partitions alone: an ordinary day
appends, and folding the same partitions in whatever pieces gives the same bytes.

A track has a column from its first stream on and none before it, whatever the catalogue lists; so has a user a row.
Where the only plays of a track are hidden from a training, its column is empty there, and it gets no factor.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.domain import (
    BoolArray,
    Day,
    Ids,
    IntArray,
    PlayCounts,
    PlayMatrix,
    Scratch,
    Vocabulary,
    day_number,
)
from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.row_ranges import BLOCK_PAIRS, NARROW_PAIRS, SLICE_PAIRS, as_cells, by_blocks, rows_within


@dataclass(frozen=True)
class MatrixFigures:
    """Numbers of a play matrix."""

    users: int
    tracks: int
    pairs: int
    plays: int


def figures_of(matrix: PlayMatrix) -> MatrixFigures:
    """Numbers of users, tracks, pairs and plays."""
    return MatrixFigures(len(matrix.users), len(matrix.tracks), int(matrix.counts.nnz), matrix.plays)


def empty_matrix(user_ids: pa.DataType, track_ids: pa.DataType) -> PlayMatrix:
    """The matrix before the first day; the types are those of the source's ids."""
    nobody, nothing = (Vocabulary(pa.array([], type=kind), np.zeros(0, np.int32)) for kind in (user_ids, track_ids))
    return PlayMatrix(sparse.csr_matrix((0, 0), dtype=np.uint32), nobody, nothing, ())


def fold(
    matrix: PlayMatrix,
    day: Day,
    counts: PlayCounts,
    digest: str,
    scratch: Scratch = np.empty,
    slice_pairs: int = SLICE_PAIRS,
) -> PlayMatrix:
    """The matrix with one more day: one merge of sorted rows, whatever the history holds.

    Args:
        matrix: the days before.
        day: the date that is folded in.
        counts: its play counts.
        digest: of these.
        scratch: gives room for the merged cells where there are more than a slice.
        slice_pairs: pairs of a slice; the bytes do not depend on it.

    Raises:
        BadData: the day is not after the last one folded in, or a cell outgrows its 32 bits.
    """
    if matrix.chain and day <= matrix.chain[-1][0]:
        raise BadData(f"{day} cannot be folded onto a matrix that already reaches {matrix.chain[-1][0]}.")
    if (counts.user_ids.type, counts.track_ids.type) != (matrix.users.ids.type, matrix.tracks.ids.type):
        raise BadData(f"The ids of {day} are of another type than those before it. Use a new store for other id types.")
    with ThreadPoolExecutor(1) as beside:  # Arrow works without the interpreter's lock
        growing = beside.submit(grow, matrix.users, counts.user_ids, day)
        tracks, cols = grow(matrix.tracks, counts.track_ids, day)
        users, rows = growing.result()
    new = _cells(counts.plays, rows, cols, (len(users), len(tracks)))
    total = _merged(pad(matrix.counts, new.shape), new, scratch, slice_pairs)
    folded = PlayMatrix(total, users, tracks, (*matrix.chain, (day, digest)))
    if folded.plays != matrix.plays + counts.plays.sum(dtype=np.int64):  # uint32 begins again at 0, and says nothing
        raise BadData(f"With {day}, one user has played one track 2^32 times or more. Look for a bot in the source.")
    return folded


def _merged(old: sparse.csr_matrix, new: sparse.csr_matrix, scratch: Scratch, slice_pairs: int) -> sparse.csr_matrix:
    """The sum of two canonical matrices of one shape, which is canonical; range by range where it is large."""
    most = old.nnz + new.nnz
    if most <= slice_pairs:
        return old + new
    plays, cols = scratch(most, np.uint32), scratch(most, np.int32)
    ends, filled = np.zeros(old.shape[0] + 1, np.int64), 0
    for rows, held in by_blocks(old, min(slice_pairs, BLOCK_PAIRS)):
        part = held + rows_within(new, rows)
        ends[rows.start + 1 : rows.stop + 1] = filled + part.indptr[1:]
        own = slice(filled, filled := filled + part.nnz)
        plays[own], cols[own] = part.data, part.indices
    narrow = np.int32 if filled <= NARROW_PAIRS else np.int64
    return as_cells(plays[:filled], cols[:filled], ends.astype(narrow), old.shape)


def grow(vocabulary: Vocabulary, ids: Ids, day: Day) -> tuple[Vocabulary, npt.NDArray[np.int32]]:
    """The vocabulary with the ids that it does not hold yet, appended in the order of the ids; the row of each id."""
    encoded = ids.dictionary_encode()
    rows = vocabulary.rows_of(encoded.dictionary).astype(np.int32)  # (n_distinct,)
    fresh = np.flatnonzero(rows < 0)
    new = encoded.dictionary.take(pa.array(fresh))
    order = np.asarray(pc.sort_indices(new))
    rows[fresh[order]] = len(vocabulary) + np.arange(len(fresh), dtype=np.int32)
    first_days = np.full(len(new), day_number(day), dtype=np.int32)
    grown = Vocabulary(
        pa.concat_arrays([vocabulary.ids, new.take(pa.array(order))]) if len(new) else vocabulary.ids,
        np.concatenate([vocabulary.first_days, first_days]),
    )
    return grown, rows[np.asarray(encoded.indices)]


def day_counts(counts: PlayCounts, users: Vocabulary, tracks: Vocabulary) -> sparse.csr_matrix:
    """One day's play counts in the row numbers of the vocabularies. (n_users, n_tracks) uint32, canonical.

    Raises:
        BadData: an id of the day is in no vocabulary.
    """
    rows, cols = users.rows_of(counts.user_ids), tracks.rows_of(counts.track_ids)
    if len(rows) and (rows.min() < 0 or cols.min() < 0):
        raise BadData("A partition holds ids that its matrix does not know. Remove the stored matrix and fold again.")
    return _cells(counts.plays, rows, cols, (len(users), len(tracks)))


def known_counts(counts: PlayCounts, users: Vocabulary, tracks: Vocabulary) -> sparse.csr_matrix:
    """The same without what is in no vocabulary."""
    rows, cols = users.rows_of(counts.user_ids), tracks.rows_of(counts.track_ids)
    known = (rows >= 0) & (cols >= 0)
    return _cells(counts.plays[known], rows[known], cols[known], (len(users), len(tracks)))


def _cells(plays: npt.NDArray[np.uint32], rows: IntArray, cols: IntArray, shape: tuple[int, int]) -> sparse.csr_matrix:
    return canonical(sparse.csr_matrix((plays, (rows, cols)), shape=shape, dtype=np.uint32))


def pad(counts: sparse.csr_matrix, shape: tuple[int, int]) -> sparse.csr_matrix:
    """The same cells in a larger matrix; the arrays of cells are shared, not copied."""
    grown = np.full(shape[0] - counts.shape[0], counts.indptr[-1], dtype=counts.indptr.dtype)
    return as_cells(counts.data, counts.indices, np.concatenate([counts.indptr, grown]), shape)


def stored_counts(
    plays: npt.NDArray[Any], cols: npt.NDArray[Any], indptr: npt.NDArray[Any], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """The cells of a matrix from its stored arrays; scipy and the solver would read wherever these point.

    Args:
        plays: (n_pairs,) uint32.
        cols: (n_pairs,) track columns, rising within each user.
        indptr: (n_users + 1,) where the cells of each user begin.
        shape: numbers of users and tracks, which are those of the vocabularies.

    Raises:
        BadData: they are of other types, do not fit together, point outside, or are not canonical.
    """
    n_users, n_tracks = shape
    if plays.dtype != np.uint32 or cols.dtype.kind != "i" or indptr.dtype.kind != "i":
        raise BadData(f"A play matrix of {plays.dtype} plays, {cols.dtype} columns and {indptr.dtype} pointers.")
    if len(indptr) != n_users + 1:
        raise BadData(f"A play matrix of {len(indptr) - 1} users has {n_users} users in its vocabulary.")
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any() or not indptr[-1] == len(cols) == len(plays):
        raise BadData(f"The rows of a play matrix do not divide its {len(cols)} columns and {len(plays)} counts.")
    if len(cols) and not 0 <= cols.min() <= cols.max() < n_tracks:
        raise BadData(f"A play matrix has a column outside of the {n_tracks} tracks in its vocabulary.")
    counts = as_cells(plays, cols, indptr, shape)
    if not all(cells.has_canonical_format for _, cells in by_blocks(counts)):
        raise BadData("A play matrix holds a pair twice, or its columns do not rise within a user.")
    return counts


def canonical(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Sorted, summed, without stored zeros: the order of cells in a row would change the bytes of ALS."""
    counts.sum_duplicates()
    counts.sort_indices()
    counts.eliminate_zeros()
    return counts


def without_users(
    counts: sparse.csr_matrix, day: sparse.csr_matrix, chosen: BoolArray
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Take the last day's plays of some users out of play counts, be these of all users or of a few.

    Args:
        counts: (n_users, n_tracks) all plays up to and with the day.
        day: (n_users, n_tracks) those of that day, which are part of them.
        chosen: (n_users,) whose day is taken out.

    Returns:
        What remains, and what was taken out. (n_users, n_tracks) each.
    """
    taken = of_users(day, chosen)
    return take_out(counts.copy(), taken), taken


def of_users(day: sparse.csr_matrix, chosen: BoolArray) -> sparse.csr_matrix:
    """The cells of some users alone, the rows of the others left empty. (n_users, n_tracks), a copy."""
    some = day.copy()
    some.data[~np.repeat(chosen, np.diff(day.indptr))] = 0
    some.eliminate_zeros()
    return some


def take_out(counts: sparse.csr_matrix, taken: sparse.csr_matrix) -> sparse.csr_matrix:
    """Play counts without some plays that are part of them; they are changed in place. (n_users, n_tracks) each."""
    places, there = _places_of(taken, counts)
    # uint32 cannot go below zero here: the counts hold at least the day's own plays in each cell
    counts.data[places] -= taken.data[there]
    counts.eliminate_zeros()
    return counts


def _places_of(few: sparse.csr_matrix, counts: sparse.csr_matrix) -> tuple[IntArray, BoolArray]:
    """Where the cells of few rows lie among those of all, and which of them are there at all: all, in sound data.

    Both are canonical and (n_users, n_tracks). Looks at the rows that ``few`` has cells in, and at no other.
    """
    rows, n_tracks = np.flatnonzero(np.diff(few.indptr)), counts.shape[1]
    lengths = np.diff(counts.indptr)[rows].astype(np.int64)
    own = np.arange(lengths.sum()) + np.repeat(counts.indptr[rows] - np.cumsum(lengths) + lengths, lengths)
    cells = np.repeat(rows, lengths) * n_tracks + counts.indices[own]
    wanted = np.repeat(rows, np.diff(few.indptr)[rows]) * n_tracks + few.indices
    nearest = np.searchsorted(cells, wanted)
    there = np.append(cells, -1)[nearest] == wanted
    return own[nearest[there]], there
