"""The measurement of components: what is hidden, what is chosen on what, and what its table says."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from two_tastes import write_as_lastfm

from benchmarks.joining import reranked, taught, weights_of
from benchmarks.own_plays import own_by_trees
from benchmarks.recommender_logs import Task, dated
from benchmarks.recommender_sets import QUARTER, WEEKS, journey, lastfm
from benchmarks.recommenders import HEADING, Chosen, main
from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.recommenders.recent import Recent


@pytest.fixture
def data(tmp_path):
    """A folder with one small data set under the name of a real one: two tastes, and counts of plays."""
    write_as_lastfm(tmp_path)
    return tmp_path


def log(n_users=12, n=400):
    """Ten days of some listeners."""
    rng = np.random.default_rng(1)
    users, tracks, days = rng.integers(0, n_users, n), rng.integers(0, 30, n), np.sort(rng.integers(0, 10, n))
    return dated(users, tracks, days)


class TestFolds:
    def test_what_is_hidden_is_new_and_can_be_known(self):
        """Discoveries after the cut, of listeners and tracks of before it; nothing of them is trained on."""
        fold = log().fold(7, 2, {})
        assert fold.hidden.nnz
        assert fold.training.multiply(fold.hidden).nnz == 0
        assert (np.diff(fold.training.indptr)[fold.rows] > 0).all()
        assert np.isin(fold.hidden.indices, fold.training.indices).all()

    def test_repeats_are_hidden_too_where_they_are_asked_for(self):
        """Where repeats may be listed, what was played before and is played again counts, and own plays fade: the
        sooner, the shorter the half-life."""
        fold = log().fold(7, 2, {}, repeats=True)
        assert fold.training.multiply(fold.hidden).nnz
        assert fold.own(15.0).data.min() > 0
        assert (fold.own(15.0).data < fold.own(90.0).data).all()
        assert (fold.own(15.0) > 0).nnz == fold.training.nnz

    def test_recent_plays_end_before_the_cut(self):
        """No play of the days that are scored is in them."""
        rows = log()
        found = rows.lately([4, 7])
        changed = dated(rows.users, np.where(rows.days < 7, rows.tracks, 0), rows.days).lately([4, 7])
        for cut in (4, 7):
            for half_life, plays in found[cut].items():
                assert plays.sums[:30].tobytes() == changed[cut][half_life].sums[:30].tobytes()

    def test_recent_plays_of_a_day_are_the_same_whatever_comes_after_it(self):
        """Those of an earlier cut know nothing of the days before a later one."""
        rows = log()
        alone, with_later = rows.lately([4])[4], rows.lately([4, 7])[4]
        for each, plays in alone.items():
            assert plays.sums.tobytes() == with_later[each].sums.tobytes()

    def test_the_validation_of_undated_counts_is_carved_out_of_training(self, data):
        """No hidden cell of the test takes part in a choice."""
        task = lastfm(data)
        (validation,), (test,) = task.validation, task.test
        assert (validation.training + validation.hidden != test.training).nnz == 0
        assert validation.hidden.multiply(test.hidden).nnz == 0


def rolling(rows):
    """Two days that are scored, each taught by the two before it; with repeats."""
    cuts = [6, 7, 8, 9]
    lately = rows.lately(cuts)
    folds = tuple(rows.fold(cut, 1, lately[cut], repeats=True) for cut in cuts)
    return Task("a day", folds[0], folds[:2], folds[2:], rolling=True)


def lists_and_weights(task):
    """What is learnt for the days that are scored, and the lists of theirs by trees."""
    als = AlsConfig(threads=1, factors=8)
    chosen = Chosen(als, NeighboursConfig(nearest=10), Recent(3.0), 30.0)
    parts = [chosen.parts(fold) for fold in task.folds]
    names = list(parts[0])
    return weights_of(task, parts, names), reranked(task, parts, names), own_by_trees(task, 30.0)


class TestTeachers:
    def test_the_folds_before_each_one_teach_it_where_they_roll(self):
        """Else those of validation teach all; nothing is learnt twice."""
        task, asked, learnt = rolling(log()), [], []

        def learn(lessons):
            learnt.append(lessons)
            return lessons

        assert taught(task, lambda place: asked.append(place) or place, learn) == [[0, 1], [1, 2]]
        assert asked == [0, 1, 2]
        fixed = Task("a day", task.tuning, task.validation, task.test)
        assert taught(fixed, lambda place: place, learn) == [[0, 1], [0, 1]]
        assert len(learnt) == 3

    def test_nothing_of_a_day_that_is_scored_is_known_to_what_scores_it(self):
        """Other plays on it change neither weights nor trees nor lists of that day; they do those of the day after."""
        pytest.importorskip("lightgbm")
        rows = log(60, 4_000)
        other = dated(rows.users, np.where(rows.days < 8, rows.tracks, 29 - rows.tracks), rows.days)
        one, another = rolling(rows), rolling(other)
        assert (one.test[0].hidden != another.test[0].hidden).nnz
        assert np.array_equal(one.test[0].rows, another.test[0].rows)
        (weights, by_trees, own), (other_weights, other_by_trees, other_own) = map(lists_and_weights, (one, another))
        assert weights[0] == other_weights[0]
        assert np.array_equal(by_trees[0], other_by_trees[0])
        assert np.array_equal(own[0], other_own[0])
        assert not np.array_equal(by_trees[1], other_by_trees[1])


class TestQuarter:
    def test_its_last_week_is_the_last_week_and_its_settings_are_chosen_before_the_first(self, tmp_path):
        """Thirteen weeks that follow each other, up to the last whole one; ALS is tuned, and all else chosen, on the
        four before these, of which nothing reaches into them."""
        rng, n = np.random.default_rng(1), 3_000
        days = np.datetime64("2017-08-01") + rng.integers(0, 154, n).astype("timedelta64[D]")
        days[:1] = np.datetime64("2018-01-01")
        columns = [rng.integers(0, 20, n), rng.integers(0, 40, n), days.astype("datetime64[ns]")]
        names = ["household_id", "product_id", "transaction_timestamp"]
        place = tmp_path / "complete-journey" / "transactions.parquet"
        place.parent.mkdir()
        pa.parquet.write_table(pa.table(dict(zip(names, columns, strict=True))), place)
        quarter, last = journey(tmp_path, weeks=QUARTER), journey(tmp_path)
        assert [quarter.begins[0], quarter.begins[-1]] == [date(2017, 10, 2), date(2017, 12, 25)]
        assert (quarter.test[-1].hidden != last.test[0].hidden).nnz == 0
        assert (quarter.test[-1].training != last.test[0].training).nnz == 0
        assert [len(quarter.validation), len(quarter.test), quarter.unseen, last.unseen] == [WEEKS, QUARTER, 4, 0]
        known = quarter.tuning.training + quarter.tuning.hidden
        assert (known > quarter.test[0].training).nnz == 0
        assert (quarter.tuning.training != quarter.validation[0].training).nnz == 0


class TestTable:
    def test_it_has_a_row_for_each_component_alone_each_left_out_and_the_whole(self, data, capsys):
        """The rows of a set without dates; a set that is absent is named."""
        main(["--data", str(data), "--seconds", "0", "--only", "lastfm-2k", "amazon-music"])
        told = capsys.readouterr()
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.out.splitlines()]
        assert rows[0] == HEADING
        labels = ["popular tracks", "als alone", "neighbours alone", "all", "without als", "without neighbours"]
        labels.append("all, re-ranked")
        assert [row[3] for row in rows[2:]] == labels
        assert rows[3][-1] == "+0 %"
        assert f"amazon-music is not in {data}: left out" in told.err
