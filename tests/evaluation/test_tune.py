"""Tuning: honest splits, and a winner that is reported on other users."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from itertools import count, pairwise

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from strategies import play_counts

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.evaluation.tuning import Search, TimeIsUp, Watch, _search, tune
from recsys_tasks.evaluation.tuning_grid import DECADE, FINE, Point, edges_of
from recsys_tasks.evaluation.tuning_scores import Scores
from recsys_tasks.evaluation.tuning_split import split_random, split_time
from recsys_tasks.matrix.play_matrix import empty_matrix, fold

LOG = AlsConfig(factors=4, weight="log", a=0.01, regularization=1.0, threads=1)


def vocabulary(n):
    """Ids 0 .. n-1."""
    return Vocabulary(pa.array(range(n), type=pa.int64()), np.zeros(n, np.int32))


def two_tastes(n_users=120, n_tracks=60, seed=1):
    """Users of one half play tracks of one half: something to learn."""
    rng = np.random.default_rng(seed)
    likes = (np.arange(n_users)[:, None] % 2) == (np.arange(n_tracks)[None, :] % 2)
    plays = (rng.random((n_users, n_tracks)) < np.where(likes, 0.3, 0.01)) * rng.integers(1, 9, (n_users, n_tracks))
    return sparse.csr_matrix(plays.astype(np.uint32))


class TestSplits:
    def test_random_hides_a_fifth_and_loses_nothing(self):
        """Training and hidden cells are disjoint, together all cells, about one in five hidden."""
        plays = two_tastes()
        split = split_random(plays, vocabulary(120), vocabulary(60), 1)
        assert (split.training + split.hidden != plays).nnz == 0
        assert split.training.multiply(split.hidden).nnz == 0
        assert 0.15 < split.hidden.nnz / plays.nnz < 0.25
        assert not set(split.choosing) & set(split.reporting)

    def test_time_hides_the_discoveries_of_the_last_days(self):
        """Hidden are tracks first played after the cut, by users and of tracks known before; repeats are not."""
        matrix = empty_matrix(pa.int64(), pa.int64())
        matrix = fold(matrix, date(2026, 1, 1), play_counts({(1, 1): 1, (2, 2): 1, (3, 3): 2}), "")
        later = play_counts({(1, 1): 5, (1, 2): 1, (2, 9): 1, (8, 1): 1})
        split = split_time(matrix, [(date(2026, 1, 2), later)])
        assert list(zip(*(axis.tolist() for axis in split.hidden.nonzero()), strict=True)) == [(0, 1)]
        assert (split.training != matrix.counts).nnz == 0
        assert split.earlier is None

    def test_time_tells_the_first_third_of_the_dates_with_plays_apart(self):
        """Of four dates, one of them empty, the first has earlier discoveries; of two with plays as well."""
        matrix = fold(empty_matrix(pa.int64(), pa.int64()), date(2026, 1, 1), play_counts({(1, 1): 1, (2, 2): 1}), "")
        days = [{(1, 2): 1}, {}, {(2, 1): 1}, {(1, 2): 2}]
        dated = [(date(2026, 1, 2 + n), play_counts(plays)) for n, plays in enumerate(days)]
        for last in (4, 3):
            split = split_time(matrix, dated[:last])
            assert split.earlier.toarray().tolist() == [[0, 1], [0, 0]]
            assert split.hidden.toarray().tolist() == [[0, 1 if last == 3 else 3], [1, 0]]
            assert split.n_earlier == 2, "the first date and the empty one"
        every = [(date(2026, 1, 2 + n), play_counts({(1, 1): 1})) for n in range(6)]
        assert [split_time(matrix, every[:n]).n_earlier for n in (1, 2, 5, 6)] == [0, 1, 1, 2]

    def test_time_counts_what_is_discovered_of_tracks_that_nobody_had_played(self):
        """By known users, on the dates that judge: neither what newcomers play, nor what was discovered while others
        were taught, nor a repeat of it."""
        first = {(user, track): 1 for user in range(4) for track in range(4) if user != track}
        matrix = fold(empty_matrix(pa.int64(), pa.int64()), date(2026, 1, 1), play_counts(first), "")
        days = [{(0, 0): 1, (1, 7): 1}, {(0, 8): 1, (1, 7): 1, (1, 8): 1, (2, 2): 1, (9, 8): 1, (3, 3): 1}]
        dated = [(date(2026, 1, 2 + n), play_counts(plays)) for n, plays in enumerate(days)]
        split = split_time(matrix, dated)
        assert split.unplayed.tolist() == [1, 1, 0, 0]
        everybody = np.arange(4)
        assert replace(split, reporting=everybody).unplayed_share == 2 / 4
        assert replace(split, reporting=everybody[2:]).unplayed_share == 0
        alone = split_time(matrix, dated[1:])
        assert alone.unplayed.tolist() == [1, 2, 0, 0]
        assert replace(alone, reporting=everybody).unplayed_share == 3 / 5
        assert replace(alone, unplayed=None).unplayed_share == 0


def searched(split, current=LOG, factors=(4,), **watch):
    """A whole search, by a clock that stands still."""
    return tune(split, current, factors, 5, Watch(**{"clock": lambda: 0.0} | watch))


@pytest.fixture(scope="module")
def split():
    """Two tastes, a fifth hidden."""
    return split_random(two_tastes(), vocabulary(120), vocabulary(60), 1)


@pytest.fixture(scope="module")
def tuned(split):
    """What a search finds on them."""
    return searched(split)


class Peak(Search):
    """A search whose best point is known, and that trains nothing."""

    def __init__(self, a, regularization):
        self.a, self.regularization = a, regularization

    def score(self, point):
        """How near the point is."""
        return -abs(point.a - self.a) - abs(point.regularization - self.regularization)


class Ridge(Peak):
    """A peak at the end of a ridge, on which a and lambda are equally far from 1."""

    def score(self, point):
        """How near the point is, and how near to the ridge."""
        return super().score(point) - 9 * abs(point.a - point.regularization)


class Longer(Peak):
    """A peak that is higher with longer vectors, and what was asked; trials above a length would take too long."""

    def __init__(self, most):
        super().__init__(5, 3)
        self.most, self.asked = most, []

    def score(self, point):
        """How near the point is, with as many factors."""
        if point.factors > self.most:
            raise TimeIsUp
        self.asked.append(point)
        return super().score(point) + point.factors

    def leave(self, _factors):
        """Nothing is planned."""

    def fine(self):
        """Places of the points between decades in what was asked."""
        return [n for n, point in enumerate(self.asked) if point.a % DECADE or point.regularization % DECADE]


class Given(Search):
    """A search that trains nothing: what each length scores for each listener is given."""

    def __init__(self, split, by_length):
        super().__init__(split, LOG.model_copy(update={"factors": 2}), 5, Watch(lambda: 0.0))
        self.by_length = by_length

    def _scored(self, config, _factors, rows):
        values = np.resize(self.by_length[config.factors], len(rows))
        return Scores(values, values)


class TestLength:
    @pytest.mark.parametrize(
        ("gains", "winner"),
        [
            pytest.param([0.3, -0.28], 4, id="less than a standard error"),
            pytest.param([0.3, -0.02], 8, id="surely more"),
            pytest.param([-0.3, 0.28], 4, id="nothing"),
        ],
    )
    def test_longer_vectors_win_by_more_than_one_standard_error(self, split, monkeypatch, gains, winner):
        """They cost more each day: shorter ones that are nearly as good stand first, and are reported."""
        monkeypatch.setattr("recsys_tasks.evaluation.tuning.trained", lambda *_: None)
        found = Given(split, {4: [0.4, 0.5], 8: np.array([0.4, 0.5]) + gains, 2: [0.1, 0.1]})
        for factors in (8, 4, 2):
            found.attempt(LOG.model_copy(update={"factors": factors}))
        tuned = found.result((2, 4, 8), stopped=False)
        assert tuned.winner.factors == winner
        assert tuned.best.config.factors == (8 if sum(gains) > 0 else 4)
        assert len(tuned.trials) == 3
        assert tuned.reported.winner.ndcg == pytest.approx(tuned.trials[0].means.ndcg, abs=0.02)


class TestSearch:
    def test_it_finds_what_beats_popularity(self, split, tuned):
        """On two tastes the winner clearly beats the popular tracks, on users that it was not chosen on."""
        assert tuned.trials[0].means.ndcg == max(trial.means.ndcg for trial in tuned.trials)
        assert tuned.reported.users == len(split.reporting)
        assert tuned.choosing_users == len(split.choosing)
        assert tuned.reported.over_popular.ndcg.low > 0
        assert tuned.reported.winner.precision > 1.3 * tuned.reported.popular.precision

    def test_nothing_of_the_reporting_users_decides(self, split, tuned):
        """Other hidden plays of the reporting users change what is reported, and neither winner nor trials."""
        swapped = split.hidden.toarray()
        swapped[split.reporting] = 0
        swapped[split.reporting, 0] = 1
        other = searched(replace(split, hidden=sparse.csr_matrix(swapped)))
        assert other.trials == tuned.trials
        assert other.reported.winner != tuned.reported.winner

    def test_the_current_settings_are_a_trial_of_their_own(self, tuned):
        """They are scored like all others, and the winner is compared with them on the same users."""
        assert tuned.current.config == LOG
        assert tuned.current in tuned.trials
        gain = tuned.reported.winner.ndcg - tuned.reported.current.ndcg
        assert tuned.reported.over_current.ndcg.difference == pytest.approx(gain)

    @pytest.mark.parametrize(
        ("a", "regularization", "found"),
        [(10, 3, (10, 3)), (2, -6, (2, -6)), (90, 90, (11, 11)), (-90, 1, (-12, 1))],
    )
    def test_a_winner_at_the_edge_of_the_grid_is_followed(self, a, regularization, found):
        """The search walks beyond the first grid to the best point, or to the edge of what is allowed."""
        point, search = Point("log", 8, 8, 40), Peak(a, regularization)
        for step in FINE:
            point = search.walk(point, step)
        assert (point.a, point.regularization) == found

    def test_a_ridge_along_which_a_and_lambda_grow_together_is_followed(self):
        """The best point is found where a step of a or of lambda alone scores less on both sides."""
        point, search = Point("log", 0, 0, 40), Ridge(6, 6)
        assert all(search.score(replace(point, a=a)) < search.score(point) for a in (-4, -1, 1, 4))
        assert search.walk(point, 1) == Point("log", 6, 6, 40)

    def test_the_edge_of_what_is_allowed_is_told(self):
        """a = 400, lambda = 400 and the longest of several vectors are named; a point within is not."""
        at_edge = Point("log", 11, 11, 64).setting(LOG)
        assert edges_of(at_edge, [40, 64]) == ("a = 400", "lambda = 400", "64 factors")
        assert edges_of(Point("log", 4, 4, 64).setting(LOG), [40, 64, 128]) == ()
        assert edges_of(Point("log", 4, 4, 64).setting(LOG), [64]) == ()

    def test_longer_vectors_are_tried_as_long_as_they_help(self, split):
        """Two tastes need few factors: the longest are not tried once a longer vector brought nothing."""
        tuned = searched(split, factors=(2, 8, 16, 24))
        lengths = {trial.config.factors for trial in tuned.trials[1:]}
        assert 16 in lengths
        assert 24 not in lengths

    def test_longer_vectors_are_tried_before_the_fine_steps(self):
        """Who has no time for the whole search learns first what longer vectors are worth."""
        search = Longer(most=128)
        _search(search, (40, 64, 128))
        first_of = [min(n for n, point in enumerate(search.asked) if point.factors == each) for each in (64, 128)]
        assert first_of[0] < first_of[1] < search.fine()[0]
        assert max(point.factors for point in search.asked) == 128

    def test_fine_steps_go_on_where_there_is_no_time_for_longer_vectors(self):
        """A trial of longer vectors that would end too late takes nothing from those of the shortest."""
        search = Longer(most=40)
        with pytest.raises(TimeIsUp):
            _search(search, (40, 64))
        assert Point("log", 5, 3, 40) in search.asked

    def test_when_the_time_is_up_the_best_so_far_is_told(self, split):
        """A trial that would end beyond the budget is not begun; the current settings are tried in any case."""
        ticks, told = count(), []
        tuned = searched(split, clock=lambda: float(next(ticks)), seconds=20.0, tell=told.append)
        assert tuned.stopped
        assert 1 < len(tuned.trials) < 12
        assert tuned.winner == told[-1].best.config
        assert told[-1].seconds_left <= 20
        assert len(searched(split, seconds=-1.0).trials) == 1

    def test_longer_vectors_are_expected_to_take_longer_in_proportion(self, split, monkeypatch):
        """After a trial of one second with two factors, one with eight is begun where four more are left."""
        monkeypatch.setattr("recsys_tasks.evaluation.tuning.trained", lambda *_: None)
        for seconds, begun in ((4.9, False), (5.0, True)):
            search = Given(split, {8: [0.1, 0.1]})
            search._watch, search._began, search._seconds = Watch(lambda: 1.0, seconds), 0.0, {2: 1.0}
            with nullcontext() if begun else pytest.raises(TimeIsUp):
                search.score(Point("log", 0, 0, 8))

    def test_the_progress_counts_down(self, tuned, split):
        """Each trial is told once, with what is still to come."""
        told = []
        assert searched(split, tell=told.append).trials == tuned.trials
        assert [tried.done for tried in told] == list(range(1, len(tuned.trials) + 1))
        assert all(later.to_come <= earlier.to_come for earlier, later in pairwise(told))

    def test_a_setting_that_breaks_off_ends_no_search(self, split):
        """Factors that grow beyond all bounds find nothing, and the search goes on."""
        tuned = searched(split, current=LOG.model_copy(update={"a": 1e38, "cap": 2**31 - 1}))
        assert tuned.current.means == (0.0, 0.0)
        assert tuned.trials[0].means.ndcg > 0

    def test_nothing_to_hide_is_said(self):
        """Without hidden plays there is nothing to choose by."""
        empty = split_random(sparse.csr_matrix((3, 3), dtype=np.uint32), vocabulary(3), vocabulary(3), 1)
        with pytest.raises(BadData, match="No play could be hidden"):
            searched(empty)
