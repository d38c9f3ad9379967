"""What joining is worth a day later: the live release's lists beside those of its first component alone."""

import numpy as np
import pytest
from evaluation.test_blend_weights import N_TRACKS, K, day

from recsys_tasks.evaluation.estimates import TOLD_LISTENERS
from recsys_tasks.evaluation.joined_later import JoinedLater, joined_later
from recsys_tasks.evaluation.lists import EvaluatedModel, is_hit, recommend
from recsys_tasks.evaluation.metrics import precision
from recsys_tasks.gate.wording import joining_loses
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.popular import PopularTracks


def model(retriever, holdout):
    """A release that answers so."""
    return EvaluatedModel(retriever, PopularTracks(holdout.listeners, 0), np.arange(N_TRACKS), N_TRACKS)


def found(first, second, holdout, weight=2.0):
    """What joining a second component to a first one is worth, and the lists of both."""
    live = model(Blend((1.0, weight), ("als", "neighbours")).of([first, second]), holdout)
    lists = recommend(live, np.arange(len(holdout.user_rows)), holdout.history, K)
    return joined_later(live, lists, holdout, K), lists


class TestJoinedLater:
    def test_the_joined_lists_are_compared_with_those_of_the_first_component(self):
        """Of a second one that knows the hidden plays the interval lies above zero; of one that guesses, below."""
        holdout, guesses, knows = day(400)
        gains, lists = found(guesses, knows, holdout)
        alone = recommend(model(guesses, holdout), np.arange(400), holdout.history, K)
        of_both, of_first = (precision(is_hit(each, holdout.hidden)) for each in (lists, alone))
        assert (gains.listeners, gains.joined, gains.first) == (400, of_both.mean(), of_first.mean())
        assert gains.difference == pytest.approx((of_both - of_first).mean())
        assert gains.low > 0
        assert not gains.surely_loses
        assert found(knows, guesses, holdout, 20.0)[0].surely_loses

    def test_of_many_listeners_some_are_asked(self):
        """As for every figure that no verdict hangs on."""
        holdout, guesses, knows = day(TOLD_LISTENERS + 1)
        later, lists = found(guesses, knows, holdout)
        assert later.listeners == TOLD_LISTENERS // 2 + 1
        assert later.joined == precision(is_hit(lists[::2], holdout.hidden[::2])).mean()

    def test_a_release_of_one_component_joins_nothing(self):
        """Then nothing is told."""
        holdout, guesses, _ = day(100)
        assert joined_later(model(guesses, holdout), np.zeros((100, K), int), holdout, K) is None

    def test_one_listener_alone_gives_no_interval_and_no_warning(self):
        """A difference without an interval surely loses nothing."""
        assert not JoinedLater(1, 0.0, 1.0, -1.0, None, None).surely_loses

    def test_a_loss_is_told_with_its_interval_and_what_to_do(self):
        """In one sentence that names both figures."""
        said = joining_loses(JoinedLater(900, 0.02, 0.03, -0.01, -0.015, -0.005), 10)
        assert "precision@10 0.0200 on this day" in said
        assert "ALS alone it would have 0.0300 (−0.0100 [−0.0150, −0.0050], 900 listeners)" in said
        assert "recsys tune --components" in said
