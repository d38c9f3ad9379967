"""The order of the tracks: falling norm, tracks without a factor left out, and arrays that do not fit refused."""

import numpy as np
import pytest
from search_cases import nobody_played

from recsys_tasks.core.errors import BadData
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.recommenders.exact_search import exact_top


def test_order_is_falling_norm_then_column():
    """Equal norms stay in column order, so the same factors give the same bytes."""
    ranked = rank_tracks(np.array([[1, 0], [0, 3], [0, 1], [3, 0]], np.float32))
    assert ranked.rank_cols.tolist() == [1, 3, 0, 2]
    assert ranked.ranked_norms.tolist() == [3, 3, 1, 1]


def test_a_residue_of_the_solver_is_no_factor():
    """A track that nobody plays may keep a norm of 1e-9: left out, by the ranks and by the exact search alike."""
    factors = np.array([[1, 0], [1e-9, 0], [0.5, 0]], np.float32)
    assert rank_tracks(factors).rank_cols.tolist() == [0, 2]
    assert exact_top(factors, factors[:1], nobody_played(1), 3).cols.tolist() == [[0, 2, -1]]


@pytest.mark.parametrize(
    ("cols", "norms", "words"),
    [
        ([0, 1], [1.0, 2.0], "falling"),
        ([0, 1], [np.nan, 1.0], "finite"),
        ([0, 1], [1.0, 0.0], "positive"),
        ([0, 0], [2.0, 1.0], "Two ranks"),
        ([0, 5], [2.0, 1.0], "outside"),
        ([0], [2.0, 1.0], "do not fit"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(cols, norms, words):
    """A rising norm or a wrong column would make the bound a lie: refused when it is loaded."""
    with pytest.raises(BadData, match=words):
        RankedTracks(np.array(cols, np.int32), np.ones((len(cols), 2), np.float32), np.array(norms, np.float32), 3)


def test_factors_that_are_not_finite_are_refused():
    """One NaN factor would sort anywhere."""
    with pytest.raises(BadData, match="not finite"):
        rank_tracks(np.array([[np.nan, 1]], np.float32))
