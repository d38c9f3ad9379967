"""Own tracks that are played again: what is asked, and what trees learn of it."""

import numpy as np

from benchmarks.joining import listed, scored
from benchmarks.own_plays import Asked, Own, own_by_trees
from benchmarks.recommender_logs import Task, dated
from recsys_tasks.recommenders.played_again import NAMES


def weeks(n_users=60, seed=1):
    """Listeners play a track of theirs every fifth day, and any others once: two weeks, of which the first teaches."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(37), n_users)
    users = np.tile(np.arange(n_users), 37)
    often = np.where((days + users) % 5 == 0, users % 7, rng.integers(7, 60, len(days)))
    log = dated(users, often, days)
    lately = log.lately(cuts := [23, 30])
    first, second = (log.fold(cut, 7, lately[cut], repeats=True) for cut in cuts)
    return Task("the next 7 days", first, (first,), (second,))


def test_only_own_tracks_are_asked_for_each_with_all_that_is_known_of_it():
    """Every played track of every listener once, and whether they play it in the week."""
    week = weeks().validation[0]
    asked = Asked.of(week, 90.0)
    assert asked.rows.shape == (week.training[week.rows].nnz, len(NAMES))
    assert np.isfinite(asked.rows).all()
    played = week.training[week.rows].tocoo()
    assert set(zip(asked.owners, asked.cols, strict=True)) == set(zip(played.row, played.col, strict=True))
    assert asked.hits.sum() == week.hidden[week.rows].multiply(week.training[week.rows] > 0).nnz


def test_lists_hold_the_best_of_each_listener():
    """By score, equal ones by column; who has fewer tracks than places has empty ones."""
    asked = Asked(np.array([0, 0, 0, 2]), np.array([4, 5, 9, 3]), np.zeros((4, 1), np.float32), np.zeros(4, bool))
    found = asked.lists(np.array([1.0, 3.0, 1.0, 2.0]), 3)
    assert found[:, :4].tolist() == [[5, 4, 9, -1], [-1, -1, -1, -1], [3, -1, -1, -1]]


def test_trees_learn_what_comes_back():
    """They are no worse than faded plays where these say all that there is."""
    task = weeks()
    alone = scored(task.test, [listed(Own(fold.own(90.0)), fold) for fold in task.test]).precision
    by_trees = scored(task.test, own_by_trees(task, 90.0)).precision
    assert len(alone) == len(by_trees) == 60
    assert by_trees.mean() >= alone.mean() - 0.01 > 0.05
