"""Ranges of rows: they cover all rows once, and reach pairs that 32 bits cannot number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recsys_tasks.matrix.play_matrix import of_users, without_users
from recsys_tasks.matrix.row_ranges import NARROW_PAIRS, as_cells, by_blocks, row_ranges, rows_at, rows_within, whole
from recsys_tasks.matrix.trained_plays import TrainedPlays, track_listeners

N_ROWS, EACH = 40, NARROW_PAIRS // 39  # 2.2 billion pairs


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 12))
def test_every_row_lies_in_one_range_of_few_pairs(lengths, pairs):
    """Ranges follow each other, hold at most so many pairs, and one row alone where that has more."""
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ranges = row_ranges(ends, pairs)
    assert [row for rows in ranges for row in range(rows.start, rows.stop)] == list(range(len(lengths)))
    for rows in ranges:
        assert ends[rows.stop] - ends[rows.start] <= pairs or rows.stop == rows.start + 1


@pytest.fixture(scope="module")
def beyond(tmp_path_factory):
    """2.2 billion pairs in files of which all but the last ones are holes; the last two rows hold columns 3 and 5."""
    folder, n = tmp_path_factory.mktemp("beyond"), N_ROWS * EACH
    plays, cols = (np.memmap(folder / name, kind, "w+", shape=(n,)) for name, kind in (("plays", "u4"), ("cols", "i4")))
    ends = np.arange(N_ROWS + 1) * EACH
    ends[-3:-1] = n - 2, n - 1
    plays[-2:], cols[-2:] = (7, 8), (3, 5)
    return as_cells(plays, cols, ends, (N_ROWS, 6))


def test_rows_beyond_32_bits_are_found(beyond):
    """The rows behind the 2,147,483,647th pair are given with pointers of 32 bits, and nothing before them is read."""
    assert beyond.nnz > NARROW_PAIRS
    for last in (rows_within(beyond, slice(N_ROWS - 2, N_ROWS)), rows_at(beyond, np.array([N_ROWS - 2, N_ROWS - 1]))):
        assert last.toarray().tolist() == [[0, 0, 0, 7, 0, 0], [0, 0, 0, 0, 0, 8]]
        assert last.indptr.dtype == last.indices.dtype == np.int32
    assert np.shares_memory(rows_within(beyond, slice(0, 1)).data, beyond.data)


def test_a_training_beyond_32_bits_gives_its_last_rows(beyond):
    """Without the day of the last listener, whose only play it was: 64-bit ends, and a slice of 32 bits."""
    day = sparse.csr_matrix(([8], ([N_ROWS - 1], [5])), shape=beyond.shape, dtype=np.uint32)
    training = TrainedPlays(beyond, day)
    assert training.nnz == beyond.nnz - 1
    assert training.indptr[-2] == training.indptr[-1] > NARROW_PAIRS
    assert training[slice(N_ROWS - 2, N_ROWS)].toarray().tolist() == [[0, 0, 0, 7, 0, 0], [0] * 6]
    last = row_ranges(training.indptr, NARROW_PAIRS)[-1]
    assert training.indptr[last.stop] - training.indptr[last.start] <= NARROW_PAIRS


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_a_training_by_ranges_is_the_matrix_without_the_hidden_day(seed, pairs):
    """In ranges of any size, and as a whole, it is what taking out all at once leaves."""
    rng = np.random.default_rng(seed)
    counts = sparse.csr_matrix(rng.integers(0, 4, (12, 6)).astype(np.uint32))
    day = sparse.csr_matrix(np.minimum(counts.toarray(), rng.integers(0, 3, (12, 6))).astype(np.uint32))
    chosen = rng.random(12) < 0.4
    remaining, taken = without_users(counts, day, chosen)
    training = TrainedPlays(counts, of_users(day, chosen))
    found = sparse.vstack([cells for _, cells in by_blocks(training, pairs)])
    assert (taken != training.taken).nnz == (found != remaining).nnz == (whole(training) != remaining).nnz == 0
    np.testing.assert_array_equal(training.indptr, remaining.indptr)
    np.testing.assert_array_equal(track_listeners(training), np.diff(remaining.tocsc().indptr))
