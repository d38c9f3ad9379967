"""Where ids and numbers stand among others."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_tasks.core.lookup import are_in, places_among, places_in


@pytest.mark.parametrize(
    ("among", "places"),
    [(["b", "a"], [1, -1, 0, -1]), ([], [-1, -1, -1, -1])],
)
def test_an_id_has_its_place_or_none(among, places):
    """Ids that are null or nowhere have place -1, in one piece or in several, and so have all among none."""
    ids = ["a", None, "b", "c"]
    among = pa.array(among, pa.string())
    assert places_in(among, pa.array(ids)).tolist() == places
    assert places_in(among, pa.chunked_array([ids[:1], ids[1:]])).tolist() == places


@pytest.mark.parametrize(("rising", "there"), [([2, 2, 5], [[False, True], [True, False]]), ([], [[False] * 2] * 2)])
def test_a_number_is_among_rising_ones_or_not(rising, there):
    """Numbers below, between and beyond all others are not among them; the answer has the shape of the question."""
    assert are_in(np.array(rising, np.int64), np.array([[1, 2], [5, 9]])).tolist() == there


@given(st.lists(st.integers(0, 1 << 17), max_size=200), st.sets(st.integers(0, 1 << 17), max_size=50))
def test_places_are_those_of_equal_numbers_alone(columns, wanted):
    """Numbers that share their last 16 bits with a wanted one are told from it."""
    cols, rising = np.array([*columns, 5 + (1 << 16)], np.int32), np.array(sorted({*wanted, 5}), np.int32)
    places, equals = places_among(cols, rising)
    np.testing.assert_array_equal(places, np.flatnonzero(np.isin(cols, rising)))
    np.testing.assert_array_equal(rising[equals], cols[places])
