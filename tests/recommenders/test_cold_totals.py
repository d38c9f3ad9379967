"""Totals of tracks without plays, in the places of those that trees give them."""

import numpy as np
import pytest

from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.cold_totals import COLD_TOTALS, ColdTotals
from recsys_tasks.recommenders.pools import Pool

FOUND = ColdTotals(np.array([np.inf, -2, np.inf, 1], np.float32), np.array([0.5, 0.0, 2.0]))
RAW = np.array([[[0.2, 1.5, -3.0, 9.0]], [[7.0, 7.0, 7.0, 7.0]], [[0.0, 0.25, 4.0, 9.0]]])


def pool(cols, raw=RAW):
    """Candidates of one listener."""
    yes = np.ones(1, bool)
    return Pool(np.array([cols]), np.zeros(raw.shape), yes, yes, raw)


def test_a_track_without_plays_has_its_base_and_what_components_say_of_it():
    """Scores count by their logarithm, those below zero not at all; what else is there stays as it is."""
    totals = np.array([[0.1, 0.2, 0.3, 0.4]])
    found = FOUND.put_into(totals, pool([0, 1, 3, -1]))
    np.testing.assert_allclose(found[0, 1], -2 + 0.5 * np.log(2.5) + 2 * np.log(1.25))
    np.testing.assert_allclose(found[0, 2], 1 + 2 * np.log(5))
    assert found[0, [0, 3]].tolist() == [0.1, 0.4]
    assert totals.tolist() == [[0.1, 0.2, 0.3, 0.4]]


def test_in_other_columns_a_track_keeps_its_base_and_an_unknown_one_has_none():
    """Of a track that the release does not know its trees decide."""
    found = FOUND.of_columns(np.array([3, -1, 1, 0]))
    assert found.bases.tolist() == [1, np.inf, -2, np.inf]
    assert found.bases.dtype == np.float32
    assert found.weights.tolist() == FOUND.weights.tolist()


def test_stored_totals_are_the_same():
    """Read back from their files."""
    files = FOUND.files()
    assert tuple(files) == COLD_TOTALS
    again = ColdTotals.of(files)
    assert all(np.array_equal(files[name], again.files()[name]) for name in COLD_TOTALS)


@pytest.mark.parametrize(("bases", "weights"), [([np.nan], [1.0]), ([1.0], [np.inf])])
def test_totals_that_are_no_numbers_are_refused(bases, weights):
    """A damaged file is an error, and no place at the head of everybody's list."""
    with pytest.raises(BadData, match="no numbers"):
        ColdTotals(np.array(bases, np.float32), np.array(weights))


def test_totals_of_other_components_are_refused():
    """Two components cannot be asked for what three were taught to say."""
    with pytest.raises(BadData, match="3 components do not fit 2"):
        FOUND.put_into(np.zeros((1, 4)), pool([0, 1, 2, 3], RAW[:2]))
