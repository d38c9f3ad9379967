"""The best of some scores, against a stable sort."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from recsys_tasks.index.best_lists import best_of


@given(st.lists(st.integers(-3, 3), max_size=60), st.integers(1, 12), st.integers(0, 70))
def test_best_of_is_a_stable_sort(scores, k, sorted_at_once):
    """Whether all scores are sorted or only the large ones, the same tracks are listed, ties in the order given."""
    ranks, scores = np.arange(len(scores)), np.array(scores, dtype=np.float32)
    expected = sorted(ranks.tolist(), key=lambda rank: -scores[rank])[:k]
    found, values = best_of(ranks, scores, k, sorted_at_once)
    assert found.tolist() == expected
    assert_array_equal(values, scores[expected])
