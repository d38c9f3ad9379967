"""The play matrix as a fold over daily partitions (design: nothing is ever added in place).

Row numbers are ordered by (first date seen, id), so they are a function of the partitions alone: an ordinary day
appends, and folding the same partitions in whatever pieces gives the same bytes.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.digests import digest_of
from recsys_tasks.domain import Day, Ids, PlayCounts, PlayMatrix, Vocabulary
from recsys_tasks.errors import BadData

EPOCH = Day(1970, 1, 1)
Chain = tuple[tuple[Day, str], ...]


def chain_digests(chain: Iterable[tuple[Day, str]]) -> list[str]:
    """Digest of every prefix of a chain: equal digests, equal partitions, so a stored prefix is found by name."""
    digests, digest = [], ""
    for day, partition in chain:
        digest = digest_of("matrix", digest, day.isoformat(), partition)
        digests.append(digest)
    return digests


def empty_matrix(user_ids: pa.DataType, track_ids: pa.DataType) -> PlayMatrix:
    """The matrix before the first day; the types are those of the source's ids."""
    nobody, nothing = (Vocabulary(pa.array([], type=kind), np.zeros(0, np.int32)) for kind in (user_ids, track_ids))
    return PlayMatrix(sparse.csr_matrix((0, 0), dtype=np.uint32), nobody, nothing, ())


def fold(matrix: PlayMatrix, day: Day, counts: PlayCounts, digest: str) -> PlayMatrix:
    """The matrix with one more day: one merge of sorted rows, whatever the history holds.

    Raises:
        BadData: the day is not after the last one folded in.
    """
    if matrix.chain and day <= matrix.chain[-1][0]:
        raise BadData(f"{day} cannot be folded onto a matrix that already reaches {matrix.chain[-1][0]}.")
    if (counts.user_ids.type, counts.track_ids.type) != (matrix.users.ids.type, matrix.tracks.ids.type):
        raise BadData(f"The ids of {day} are of another type than those before it. Use a new store for other id types.")
    users = grow(matrix.users, counts.user_ids, day)
    tracks = grow(matrix.tracks, counts.track_ids, day)
    new = day_counts(counts, users, tracks)
    total = pad(matrix.counts, new.shape) + new
    return PlayMatrix(canonical(total), users, tracks, (*matrix.chain, (day, digest)))


def grow(vocabulary: Vocabulary, ids: Ids, day: Day) -> Vocabulary:
    """The vocabulary with the ids that it does not hold yet, appended in the order of the ids."""
    unique = pc.unique(ids)
    new = unique.filter(pa.array(vocabulary.rows_of(unique) < 0))
    new = new.take(pc.sort_indices(new))
    first_days = np.full(len(new), (day - EPOCH).days, dtype=np.int32)
    return Vocabulary(
        pa.concat_arrays([vocabulary.ids, new]) if len(new) else vocabulary.ids,
        np.concatenate([vocabulary.first_days, first_days]),
    )


def day_counts(counts: PlayCounts, users: Vocabulary, tracks: Vocabulary) -> sparse.csr_matrix:
    """One day's play counts in the row numbers of the vocabularies. (n_users, n_tracks) uint32, canonical.

    Raises:
        BadData: an id of the day is in no vocabulary.
    """
    rows, cols = users.rows_of(counts.user_ids), tracks.rows_of(counts.track_ids)
    if len(rows) and (rows.min() < 0 or cols.min() < 0):
        raise BadData("A partition holds ids that its matrix does not know. Remove the stored matrix and fold again.")
    return canonical(sparse.csr_matrix((counts.plays, (rows, cols)), shape=(len(users), len(tracks)), dtype=np.uint32))


def pad(counts: sparse.csr_matrix, shape: tuple[int, int]) -> sparse.csr_matrix:
    """The same cells in a larger matrix; the arrays of cells are shared, not copied."""
    grown = np.full(shape[0] - counts.shape[0], counts.indptr[-1], dtype=counts.indptr.dtype)
    return sparse.csr_matrix((counts.data, counts.indices, np.concatenate([counts.indptr, grown])), shape=shape)


def canonical(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Sorted, summed, without stored zeros: the order of cells in a row would change the bytes of ALS."""
    counts.sum_duplicates()
    counts.sort_indices()
    counts.eliminate_zeros()
    return counts


def without_users(
    matrix: PlayMatrix, counts: PlayCounts, user_rows: npt.NDArray[np.int64]
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Take the last day's plays of some users out of the matrix.

    Args:
        matrix: all plays up to and with the day of ``counts``.
        counts: that day's partition.
        user_rows: (n_hidden,) rows of the users, sorted.

    Returns:
        What remains (n_users, n_tracks), and what was taken out, of these users alone (n_hidden, n_tracks).
    """
    day = day_counts(counts, matrix.users, matrix.tracks)
    chosen = np.zeros(len(matrix.users), dtype=bool)
    chosen[user_rows] = True
    removed = day.copy()
    removed.data[~np.repeat(chosen, np.diff(day.indptr))] = 0
    removed.eliminate_zeros()
    # uint32 cannot go below zero here: the matrix holds at least the day's own plays in each of its cells
    return canonical(matrix.counts - removed), removed[user_rows]
