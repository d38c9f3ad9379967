"""The play matrix: a fold that nothing can tell from a recount."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import days_of_events, play_counts

from recsys_tasks.core.domain import PlayMatrix
from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.play_matrix import day_counts, empty_matrix, fold, without_users

START = date(2026, 1, 5)


def folded(days, start=None, **slices):
    """Fold days of events one after the other onto a matrix."""
    matrix = start or empty_matrix(pa.int64(), pa.int64())
    for events in days:
        day = START + timedelta(days=len(matrix.chain))
        matrix = fold(matrix, day, play_counts(events), f"digest of {day}", **slices)
    return matrix


def recounted(days):
    """The same by counting everything again in plain Python: rows by (first date, id)."""
    users, tracks, cells = {}, {}, {}
    for events in days:
        for known, ids in ((users, {u for u, _ in events}), (tracks, {t for _, t in events})):
            for one in sorted(ids - known.keys()):
                known[one] = len(known)
        for (user, track), plays in events.items():
            cells[users[user], tracks[track]] = cells.get((users[user], tracks[track]), 0) + plays
    dense = np.zeros((len(users), len(tracks)), dtype=np.uint32)
    for (row, col), plays in cells.items():
        dense[row, col] = plays
    return list(users), list(tracks), dense


class TestFold:
    @given(days_of_events)
    def test_a_fold_is_a_recount(self, days):
        """Folding day by day gives the vocabularies and cells of counting everything again."""
        matrix = folded(days)
        users, tracks, dense = recounted(days)
        assert matrix.users.ids.to_pylist() == users
        assert matrix.tracks.ids.to_pylist() == tracks
        np.testing.assert_array_equal(matrix.counts.toarray(), dense)

    @given(days_of_events, days_of_events)
    def test_any_split_gives_the_same_bytes(self, first, second):
        """Extending a stored prefix gives byte for byte what one fold from nothing gives."""
        whole, pieces = folded(first + second), folded(second, start=folded(first))
        assert whole.chain == pieces.chain
        for name in ("data", "indices", "indptr"):
            one, other = getattr(whole.counts, name), getattr(pieces.counts, name)
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes()

    @given(days_of_events, st.integers(1, 9))
    def test_ranges_of_rows_give_the_same_bytes(self, days, pairs):
        """A fold that merges a few pairs at a time gives byte for byte what one merge gives."""
        whole, ranges = folded(days), folded(days, slice_pairs=pairs)
        for name in ("data", "indices", "indptr"):
            one, other = getattr(whole.counts, name), getattr(ranges.counts, name)
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes()

    def test_a_day_cannot_be_folded_twice(self):
        """A date that the matrix already holds is refused instead of being counted double."""
        matrix = folded([{(1, 1): 1}])
        with pytest.raises(BadData, match="2026-01-05 cannot be folded"):
            fold(matrix, START, play_counts({(1, 1): 1}), "again")

    def test_counts_beyond_uint8_survive(self):
        """200 and 100 plays make 300, not 44."""
        assert folded([{(1, 1): 200}, {(1, 1): 100}]).counts[0, 0] == 300

    def test_a_matrix_of_another_size_than_its_vocabulary_is_refused(self):
        """A vocabulary that is shorter than its matrix never gets as far as training."""
        matrix = folded([{(1, 1): 1, (2, 1): 1}])
        short = type(matrix.users)(matrix.users.ids[:1], matrix.users.first_days[:1])
        with pytest.raises(BadData, match="in its vocabularies"):
            PlayMatrix(matrix.counts, short, matrix.tracks, matrix.chain)


class TestChain:
    def test_a_changed_day_changes_every_later_digest_and_no_earlier_one(self):
        """A restated partition makes the matrices from that date on stale, and only those."""
        days = [START + timedelta(days=n) for n in range(4)]
        chain = [(day, f"partition {day}") for day in days]
        restated = [*chain[:2], (days[2], "another"), chain[3]]
        same = [a == b for a, b in zip(chain_digests(chain), chain_digests(restated), strict=True)]
        assert same == [True, True, False, False]


class TestWithoutUsers:
    @given(days_of_events)
    def test_taking_out_the_last_day_of_users_restores_what_they_were(self, days):
        """The rows of the chosen users are those of the day before; all others keep the day."""
        matrix = folded(days)
        rows = np.arange(0, len(matrix.users), 2)
        chosen = np.isin(np.arange(len(matrix.users)), rows)
        of_day = day_counts(play_counts(days[-1]), matrix.users, matrix.tracks)
        remaining, taken = without_users(matrix.counts, of_day, chosen)
        before = folded(days[:-1])
        for row in range(len(matrix.users)):
            expected = matrix.counts[row].toarray().ravel()
            if row % 2 == 0:
                expected = np.zeros(len(matrix.tracks), dtype=np.uint32)
                if row < len(before.users):
                    expected[: len(before.tracks)] = before.counts[row].toarray().ravel()
            np.testing.assert_array_equal(remaining[row].toarray().ravel(), expected)
        np.testing.assert_array_equal((remaining[rows] + taken[rows]).toarray(), matrix.counts[rows].toarray())


class TestOverflow:
    def test_a_cell_that_outgrows_its_bits_is_refused(self):
        """2^32 plays of one pair are told, and never begin again at 0."""
        with pytest.raises(BadData, match="2\\^32 times"):
            folded([{(1, 1): 2**32 - 1}, {(1, 1): 1}])
        with pytest.raises(BadData, match="2\\^32 times"):
            folded([{(1, 1): 2**32 - 1}, {(1, 1): 7}])
