"""Lists of joined components from several choices of tracks."""

from dataclasses import replace

import numpy as np
import pytest
from recommenders.suite import N_TRACKS, world

from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.joined import Choice, lists_from
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.vectors import Played

DEPTH, K, ROWS = 12, 5, np.arange(30)
EVEN, FEW = np.arange(N_TRACKS) % 2 == 0, np.arange(N_TRACKS) < 7


class Asked:
    """A component that notes of each question whether anybody in it was cold."""

    def __init__(self, component):
        self.component, self.cold = component, []

    def candidates(self, user_rows, *rest):
        """As the component."""
        self.cold.append(bool(self.component.cold_users()[user_rows].any()))
        return self.component.candidates(user_rows, *rest)

    def scores(self, user_rows, item_cols):
        """As the component."""
        return self.component.scores(user_rows, item_cols)


@pytest.fixture(scope="module")
def asked():
    """Two components joined, few of whose candidates any listener has, and what the listeners played."""
    data = world()[0]
    kinds = Als(AlsConfig(factors=4, a=1.0, regularization=5.0)), NearestTracks(NeighboursConfig())
    blended = Blend((1.0, 0.5), ("als", "neighbours"), DEPTH).of([kind.fit(data).component for kind in kinds])
    return blended, Played(data.plays.indptr, data.plays.indices).rows(ROWS)


class TestListsFrom:
    def test_each_choice_takes_the_best_that_it_allows_of_the_same_candidates(self, asked):
        """What is listed of a choice is the longest list of everything, as far as the candidates reach, without the
        others; and where nothing is left out it is the list itself."""
        blended, played = asked
        everything, even = lists_from(blended, ROWS, played, K, [Choice(), Choice(EVEN)])
        whole = blended.candidates(ROWS, played, DEPTH).cols
        np.testing.assert_array_equal(everything, whole[:, :K])
        left = [[col for col in row if col >= 0 and EVEN[col]][:K] for row in whole]
        enough = [n for n, row in enumerate(left) if len(row) == K]
        assert len(enough) > 10
        np.testing.assert_array_equal(even[enough], [left[n] for n in enough])

    def test_who_has_too_few_is_asked_about_that_choice(self, asked):
        """Of few tracks hardly one is among the candidates: the list is then that of the choice alone."""
        blended, played = asked
        (few,) = lists_from(blended, ROWS, played, K, [Choice(FEW)])
        alone = blended.candidates(ROWS, played, K, FEW).cols
        short = (np.isin(blended.candidates(ROWS, played, DEPTH).cols, np.flatnonzero(FEW)).sum(axis=1)) < 2
        assert short.sum() > 10
        np.testing.assert_array_equal(few[short], alone[short])
        assert FEW[few[few >= 0]].all()

    def test_a_list_may_be_longer_than_what_each_component_names(self, asked):
        """Whoever asks for more than the depth gets it, of each choice."""
        blended, played = asked
        (longer,) = lists_from(blended, ROWS, played, 3 * DEPTH, [Choice()])
        np.testing.assert_array_equal(longer, blended.candidates(ROWS, played, 3 * DEPTH).cols)
        assert (longer[0] >= 0).sum() > 2 * DEPTH

    def test_nobody_is_asked_anew_who_can_get_no_more(self, asked):
        """Neither who is cold to the first component, nor of whom no candidate is missing."""
        blended, played = asked
        als = blended.components[0]
        again = Asked(als.with_users(ROWS[:1], np.zeros((1, 4), np.float32)))
        deep = replace(blended, components=(again, *blended.components[1:]), depth=N_TRACKS + 1)
        shallow = replace(deep, depth=DEPTH)
        for joined, expected in ((deep, []), (shallow, [False])):
            again.cold.clear()
            lists_from(joined, ROWS, played, K, [Choice(FEW)])
            assert again.cold[1:] == expected

    def test_another_joining_orders_the_same_candidates(self, asked):
        """Its lists are those that it would give alone, and no component is asked for them again; of other components
        it asks them."""
        blended, played = asked
        counted = Asked(blended.components[0])
        first = replace(blended, components=(counted, *blended.components[1:]))
        other = replace(first, weights=(1.0, 3.0))
        own, theirs, even = lists_from(first, ROWS, played, K, [Choice(), Choice(by=other), Choice(EVEN, other)])
        assert len(counted.cold) == 1 + bool((even[:, -1] < 0).any())
        np.testing.assert_array_equal(own, blended.candidates(ROWS, played, K).cols)
        np.testing.assert_array_equal(theirs, other.candidates(ROWS, played, K).cols)
        assert (own != theirs).any()
        assert EVEN[even[even >= 0]].all()
        (alone,) = lists_from(first, ROWS, played, K, [Choice(by=blended.components[0])])
        np.testing.assert_array_equal(alone, blended.components[0].candidates(ROWS, played, K).cols)

    def test_one_component_answers_for_itself(self, asked):
        """Its list of a choice is what it says when it is asked about that choice."""
        blended, played = asked
        als = blended.components[0]
        (even,) = lists_from(als, ROWS, played, K, [Choice(EVEN)])
        np.testing.assert_array_equal(even, als.candidates(ROWS, played, K, EVEN).cols)

    def test_nobody_is_asked_in_vain(self, asked):
        """Half of one listener is nobody: no list, of the right length."""
        blended, played = asked
        nobody = np.zeros(0, np.int64)
        for retriever in (blended, blended.components[0]):
            lists = lists_from(retriever, nobody, played.rows(nobody), K, [Choice(), Choice(EVEN)])
            assert [each.shape for each in lists] == [(0, K), (0, K)]
