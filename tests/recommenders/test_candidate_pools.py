"""Candidates of listeners: what several components list, whether anything is missing, and their z-scores."""

import numpy as np
import pytest

from recsys_tasks.recommenders.base import Candidates
from recsys_tasks.recommenders.blend import Blended
from recsys_tasks.recommenders.neighbours import LISTENERS_AT_ONCE as MANY
from recsys_tasks.recommenders.pools import best_of, blocks_of, places_of, pooled, standardised
from recsys_tasks.recommenders.vectors import Played

FULL, SHORT, EMPTY = [4, 2, 7], [4, 2, -1], [-1, -1, -1]


class Column:
    """A component that scores each item by its column."""

    def scores(self, user_rows, item_cols):
        """As a retriever does it."""
        return np.asarray(item_cols, np.float32)


def pool(*lists):
    """The pool of one listener: a list of each component, and whether it is exact."""
    found = [Candidates(np.array([cols], np.int32), np.zeros((1, 3), np.float32), np.array([e])) for cols, e in lists]
    return pooled([Column() for _ in lists], found, np.array([0]))


class TestPooled:
    @pytest.mark.parametrize(
        ("lists", "complete"),
        [
            ([(SHORT, True), (SHORT, True)], True),
            ([(SHORT, True), (FULL, True)], False),
            ([(SHORT, True), (SHORT, False)], False),
            ([(SHORT, True), (EMPTY, False)], True),
        ],
    )
    def test_a_pool_is_complete_where_every_list_ends_before_its_length(self, lists, complete):
        """A full list may go on, one that is not exact may have missed something, and of nobody nothing is missing."""
        assert pool(*lists).complete.tolist() == [complete]

    def test_the_best_of_a_listener_who_is_cold_are_nothing_and_not_exact(self):
        """Nothing is certified of who has no list of the first component, though no candidate is missing."""
        found = best_of(pool((EMPTY, True), (SHORT, True)), np.ones((1, 6)), 2)
        assert (found.cols.tolist(), found.exact.tolist()) == ([[-1, -1]], [False])

    def test_each_candidate_stands_once_by_column_before_the_empty_places(self):
        """Whatever lists name it, and in whatever order."""
        assert pool((FULL, True), (SHORT, True)).cols.tolist() == [[2, 4, 7, -1, -1, -1]]


def test_the_best_candidate_has_the_first_place_and_a_missing_one_the_last():
    """Though it would score more than one below zero; equal ones stand in their order."""
    scores, there = np.array([[-1.0, 0.0, 5.0, -1.0]]), np.array([[True, False, True, True]])
    assert places_of(scores, there).tolist() == [[1, 3, 0, 2]]


class TestStandardised:
    def test_z_scores_are_over_the_places_that_are_there(self):
        """Mean 0 and deviation 1 of these; what stands at the others is not looked at."""
        found = standardised(np.array([[1.0, 99.0, 3.0]]), np.array([[True, False, True]]))
        assert found.tolist() == [[-1, 0, 1]]

    def test_scores_that_differ_by_rounding_are_all_alike(self):
        """The mean of three times 0.1 is not 0.1: that tells nothing of the candidates."""
        assert np.full(3, 0.1).sum() / 3 != 0.1
        assert standardised(np.full((1, 3), 0.1), np.ones((1, 3), bool)).tolist() == [[0, 0, 0]]

    def test_scores_of_pairs_are_by_the_same_rule(self):
        """A blend that is asked for single pairs takes scores for alike where its lists do."""

        class Alike(Column):
            def scores(self, user_rows, item_cols):
                return np.full(len(item_cols), 0.1)

            def cold_users(self):
                return np.zeros(1, bool)

            def cold_items(self):
                return np.zeros(9, bool)

        rows, cols = np.zeros(3, int), np.arange(3)
        assert Blended((Alike(), Alike()), (1.0, 1.0), 3).scores(rows, cols).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("n", "sizes"), [(0, [0]), (MANY, [MANY]), (2 * MANY + 2, [MANY, MANY, 2])])
def test_blocks_are_of_a_few_listeners_with_their_own_plays(n, sizes):
    """Listener i played i % 3 tracks; nobody is one block too, so that there is a list of nothing."""
    ends = np.concatenate([[0], np.cumsum(np.arange(n) % 3)])
    played, blocks = Played(ends, np.arange(ends[-1])), list(blocks_of(np.arange(n), Played(ends, np.arange(ends[-1]))))
    assert [len(rows) for rows, _ in blocks] == sizes
    for rows, own in blocks:
        assert [own.of(place).tolist() for place in range(len(rows))] == [played.of(row).tolist() for row in rows]
