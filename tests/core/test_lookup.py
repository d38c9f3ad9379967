"""Where ids and numbers stand among others."""

import numpy as np
import pyarrow as pa
import pytest

from recsys_tasks.core.lookup import are_in, places_in


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
