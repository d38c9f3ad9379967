"""The popularity baseline, against plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recsys_tasks.matrix.popularity import first_of, first_unplayed, head_tracks, listeners_of, plays_of, popular_order


class TestPopularity:
    @pytest.mark.parametrize("together", [1, 7, 10_000])
    def test_tracks_are_counted_in_pieces_of_any_size(self, together):
        """Listeners and plays of each track are those of the whole matrix, however many pairs are looked at at once."""
        plays = sparse.random(30, 20, 0.3, format="csr", rng=np.random.default_rng(5))
        plays.data = np.arange(1, plays.nnz + 1, dtype=np.uint32)
        dense = plays.toarray()
        np.testing.assert_array_equal(listeners_of(plays, together), (dense > 0).sum(axis=0))
        np.testing.assert_array_equal(plays_of(plays, together), dense.sum(axis=0))

    @given(st.integers(0, 2**30), st.integers(1, 12))
    def test_the_first_unplayed_in_order(self, seed, k):
        """Each user's list is the order without what they played, padded with -1; for one user too. The order may lack
        tracks that nobody may be shown."""
        rng = np.random.default_rng(seed)
        played = sparse.random(5, 30, 0.6, format="csr", rng=rng)
        order = popular_order(rng.integers(0, 5, 30))
        order = order[rng.random(len(order)) < 0.7]
        for user, found in enumerate(first_unplayed(order, played, k)):
            free = [c for c in order if c not in played[user].indices]
            assert found.tolist() == (free + [-1] * k)[:k]
            assert first_of(order, played[user].indices, k).tolist() == found[found >= 0].tolist()

    @given(st.lists(st.integers(0, 20), min_size=1, max_size=30))
    def test_the_head_is_the_fewest_tracks_with_half_of_the_listeners(self, listeners):
        """Its tracks hold at least half, any one fewer less than half, and no track outside is more popular."""
        counts = np.array(listeners)
        head = head_tracks(counts)
        assert 2 * counts[head].sum() >= counts.sum()
        if head.any():
            assert 2 * (counts[head].sum() - counts[head].min()) < counts.sum()
            assert (~head).all() or counts[head].min() >= counts[~head].max(initial=0)
