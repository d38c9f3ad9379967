"""First plays: what a date holds that none before it did."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recsys_tasks.matrix.first_plays import FirstPlays

SHAPE = (4, 5)
CELLS = st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 4)), st.integers(1, 3), max_size=8)


def counted(cells):
    """A date's play counts."""
    dense = np.zeros(SHAPE, np.uint32)
    for cell, plays in cells.items():
        dense[cell] = plays
    return sparse.csr_matrix(dense)


@given(st.lists(CELLS, min_size=1, max_size=5), st.data())
def test_they_are_the_cells_that_no_date_before_has(dates, data):
    """With their counts, from whatever date of the chain on they are asked for."""
    days = [counted(cells) for cells in dates]
    total, start = sparse.csr_matrix(sum(days[1:], days[0])), data.draw(st.integers(0, len(days) - 1))
    firsts = FirstPlays(total, days[start:])
    for number in range(start, len(days)):
        before = sum((day.toarray() for day in days[:number]), np.zeros(SHAPE, np.uint32))
        expected = np.where(before > 0, 0, days[number].toarray())
        np.testing.assert_array_equal(firsts.of(days[number]).toarray(), expected)


def test_the_total_stays_as_it_is():
    """It may be mapped from a store."""
    total = counted({(0, 0): 3, (1, 2): 1})
    total.data.flags.writeable = False
    FirstPlays(total, [counted({(0, 0): 2})])
    assert total.data.tolist() == [3, 1]
