"""Places by falling score are those of a stable sort."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from recsys_tasks.recommenders.falling import falling

FEW = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 1e-40, 1.5])
"""So few that most are equal to another one."""


class TestFalling:
    @given(
        arrays(
            np.float32,
            array_shapes(min_dims=2, max_dims=2),
            elements=st.one_of(FEW, st.floats(width=32, allow_nan=False)),
        )
    )
    def test_equal_scores_keep_their_order(self, scores):
        """Whatever the numbers: below zero, too small to be normal, zero with either sign, or without bounds."""
        np.testing.assert_array_equal(falling(scores), np.argsort(-scores, axis=1, kind="stable"))
