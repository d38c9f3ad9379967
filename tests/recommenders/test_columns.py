"""Places by column are those of the plain way."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys_tasks.recommenders.columns import places_among

COLUMNS = st.lists(st.integers(0, 1 << 17), max_size=200)


class TestColumns:
    @given(COLUMNS, st.sets(st.integers(0, 1 << 17), max_size=50))
    def test_places_are_those_of_equal_columns_alone(self, columns, wanted):
        """Columns that share their last 16 bits with a wanted one are told from it."""
        cols, rising = np.array([*columns, 5 + (1 << 16)], np.int32), np.array(sorted({*wanted, 5}), np.int32)
        places, equals = places_among(cols, rising)
        np.testing.assert_array_equal(places, np.flatnonzero(np.isin(cols, rising)))
        np.testing.assert_array_equal(rising[equals], cols[places])
