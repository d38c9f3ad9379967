"""Scores over time: intervals in which a listener counts once, and the rows of the tables."""

from datetime import date

import numpy as np
import pytest

from benchmarks.over_time import estimate, gain_in_words, tables
from benchmarks.recommender_logs import Task, dated
from recsys_tasks.evaluation.estimates import Z_95
from recsys_tasks.evaluation.tuning_scores import Scores

VALUES = np.random.default_rng(1).random(40)


def test_of_one_list_each_the_interval_is_the_usual_one():
    """The mean, and the standard error of as many listeners as lists."""
    mean, half = estimate(VALUES, np.arange(40))
    assert mean == pytest.approx(VALUES.mean())
    assert half == pytest.approx(Z_95 * VALUES.std(ddof=1) / np.sqrt(40))


def test_lists_of_one_listener_are_one_observation():
    """Everybody's list three times over says no more than once; as lists of others it would."""
    once, thrice = estimate(VALUES, np.arange(40)), estimate(np.tile(VALUES, 3), np.tile(np.arange(40), 3))
    assert thrice == pytest.approx(once)
    assert estimate(np.tile(VALUES, 3), np.arange(120))[1] < 0.6 * once[1]


def test_the_error_is_that_of_the_formula_where_listeners_have_different_numbers_of_lists():
    """Sums of deviations by listener, over the number of lists."""
    listeners = np.random.default_rng(2).integers(0, 15, 40)
    sums = [float((VALUES[listeners == each] - VALUES.mean()).sum()) for each in np.unique(listeners)]
    error = np.sqrt(np.square(sums).sum()) / 40 * np.sqrt(len(sums) / (len(sums) - 1))
    assert estimate(VALUES, listeners) == pytest.approx((VALUES.mean(), Z_95 * error))


def test_a_gain_is_paired_list_by_list():
    """What differs between listeners and not between the two of a pair widens nothing."""
    assert gain_in_words(VALUES + 0.1, VALUES, np.arange(40)) == "+0.1000 [+0.1000, +0.1000]"


def test_a_table_has_a_row_for_each_fold_those_that_nothing_was_found_on_the_others_and_all():
    """Precision and its gain, nDCG and its gain; each row has the lists of its folds alone, and what they could score
    at the most."""
    users, tracks, days = [0, 0, 1, 1, 0, 1, 0, 1], [0, 1, 0, 2, 0, 2, 1, 0], [0, 0, 0, 0, 1, 1, 2, 2]
    log = dated(*(np.array(each) for each in (users, tracks, days)))
    folds = tuple(log.fold(cut, 1, {}, repeats=True) for cut in (1, 2))
    task = Task("a day", folds[0], folds[:1], folds, begins=(date(2020, 1, 1), date(2020, 1, 2)), unseen=1)
    values = np.array([0.1, 0.3, 0.5, 0.7])
    scores = {"als alone": Scores(values, values), "all": Scores(values + 0.1, values + 0.2), "without als": None}
    first, second, third, fourth = tables("some", task, scores)
    assert first[0] == ["P@10 of some", "lists", "hidden of each", "P@10 at the most", "als alone", "all"]
    assert [row[0] for row in first[1:]] == ["2020-01-01", "2020-01-02", "the first 1", "the other 1", "all 2"]
    assert [row[1] for row in first[1:]] == ["2", "2", "2", "2", "4"]
    assert first[1][1:5] == ["2", "1.0", "0.1000", "0.2000 ± 0.1960"]
    assert second[0][0] == "P@10 of some, less als alone"
    assert [row[-1] for row in second[1:]] == ["+0.1000 [+0.1000, +0.1000]"] * 5
    assert third[0][0] == "nDCG@10 of some"
    assert fourth[1][-1] == "+0.2000 [+0.2000, +0.2000]"
