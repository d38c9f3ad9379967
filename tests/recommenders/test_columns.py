"""Sums and places by column are those of the plain way, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_tasks.recommenders.columns import places_among, summed

COLUMNS = st.lists(st.integers(0, 1 << 17), max_size=200)


class TestColumns:
    @given(COLUMNS, st.integers(0, 2**32 - 1))
    def test_a_sum_has_the_bits_of_one_in_the_given_order(self, columns, seed):
        """Lists must not change with the way in which the same numbers are added."""
        cols, values = np.array(columns, np.int32), np.random.default_rng(seed).random(len(columns), np.float32)
        once, sums = summed(cols, values)
        wanted, inverse = np.unique(cols, return_inverse=True)
        np.testing.assert_array_equal(once, wanted)
        np.testing.assert_array_equal(sums, np.bincount(inverse, values, len(wanted)).astype(np.float32))

    @given(COLUMNS, st.integers(0, 2**32 - 1))
    def test_a_place_for_each_column_changes_no_bit_and_is_left_as_it_was(self, columns, seed):
        """Who is asked with many others gets the list that they get alone; nothing of it is left to the next one."""
        cols, values = np.array(columns, np.int32), np.random.default_rng(seed).random(len(columns), np.float32)
        places = np.zeros((1 << 17) + 1)
        for one, other in zip(summed(cols, values, places), summed(cols, values), strict=True):
            assert one.tobytes() == other.tobytes()
            assert one.dtype == other.dtype
        assert not places.any()

    @pytest.mark.parametrize("places", [None, np.zeros(4)])
    def test_numbers_of_all_sizes_are_added_in_the_given_order(self, places):
        """A small number that comes before a large one and its opposite is lost, and stays where it comes behind."""
        cols, values = np.array([3, 1, 3, 1, 3, 1], np.int32), np.array([1e30, 1, -1e30, 1e30, 1, -1e30], np.float32)
        once, sums = summed(cols, values, places)
        assert (once.tolist(), sums.tolist()) == ([1, 3], [0.0, 1.0])

    @given(COLUMNS, st.sets(st.integers(0, 1 << 17), max_size=50))
    def test_places_are_those_of_equal_columns_alone(self, columns, wanted):
        """Columns that share their last 16 bits with a wanted one are told from it."""
        cols, rising = np.array([*columns, 5 + (1 << 16)], np.int32), np.array(sorted({*wanted, 5}), np.int32)
        places, equals = places_among(cols, rising)
        np.testing.assert_array_equal(places, np.flatnonzero(np.isin(cols, rising)))
        np.testing.assert_array_equal(rising[equals], cols[places])
