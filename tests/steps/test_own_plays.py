"""Each listener's own faded plays: published where they are switched on, and gone with who is forgotten."""

from datetime import date

import numpy as np
import pytest
from settings import config, run

from recsys_tasks.evaluation.playing_again import WINDOW
from recsys_tasks.matrix.play_matrix import day_counts
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.erased_releases import _files_without
from recsys_tasks.steps.own_plays import own_plays
from recsys_tasks.steps.played_again import chances_of_again, with_old_ones_behind


def test_a_release_holds_them_where_they_are_switched_on(copied):
    """Off, a release has none; on, it has one number for each pair, which an erasure takes out with the person."""
    assert Reader(copied.store).bundle.users.own is None
    at = Workplace(copied.store, config(products={"own_half_life_days": 7.0}), copied.dsn)
    run(at, date(2026, 1, 16))
    reader = Reader(at.store)
    users, key = reader.bundle.users, at.bundles.key(reader.entry.candidate)
    assert (users.own == own_plays(at, at.matrices.load(key.day, key.matrix), 7.0)).all()
    assert (reader.opened.products.on_repeat(np.arange(20), 3).cols[:, 0] >= 0).all()
    gone = users.ids.take([3])
    left = _files_without(users, gone)
    assert len(left["own"]) == len(left["cols"]) == len(users.cols) - (users.indptr[4] - users.indptr[3])
    assert (left["own"][left["indptr"][3] : left["indptr"][4]] == users.own[users.indptr[4] : users.indptr[5]]).all()


def test_a_release_holds_the_chance_of_each_track_to_be_played_again(copied):
    """One number for each pair: what was played of late has the chance that the trees say, and stands above all that
    was not, by faded plays; what is on repeat stands in that order; and it is gone with who is forgotten."""
    pytest.importorskip("lightgbm")
    said = []
    at = Workplace(
        copied.store, config(products={"own_half_life_days": 1.0, "played_again_days": 1}), copied.dsn, said.append
    )
    run(at, date(2026, 1, 16))
    reader = Reader(at.store)
    users = reader.bundle.users
    assert any(line.startswith("what is on repeat is ordered by trees: P@10 0.") for line in said)
    assert ((users.again > 0) & (users.again < 1)).all()
    matrix = at.matrices.load(date(2026, 1, 16), at.bundles.key(reader.entry.candidate).matrix)
    assert chances_of_again(at, matrix, users.own, at_once=50).tobytes() == users.again.tobytes()
    late = np.zeros(len(users.again), dtype=bool)
    for day, digest in matrix.chain[-WINDOW:]:
        counts = day_counts(at.partitions.load(day, digest), matrix.users, matrix.tracks)
        late |= np.asarray(counts[np.repeat(np.arange(len(users.ids)), np.diff(users.indptr)), users.cols]).ravel() > 0
    assert 0 < late.sum() < len(late)
    assert users.again[late].min() > users.again[~late].max()
    assert (np.argsort(users.again[~late]) == np.argsort(users.own[~late])).mean() > 0.99
    found = reader.opened.products.on_repeat(np.arange(20), 3)
    best = [max(users.again[users.indptr[row] : users.indptr[row + 1]]) for row in range(20)]
    assert found.scores[:, 0] == pytest.approx(best)
    left = _files_without(users, users.ids.take([3]))
    assert (left["again"] == np.delete(users.again, np.arange(*users.indptr[3:5]))).all()


def test_faded_plays_decide_where_trees_had_nothing_to_learn(copied):
    """A store whose spans reach back to before its first day has no trees, says why, and lists as without them."""
    said = []
    products = {"own_half_life_days": 1.0, "played_again_days": 30}
    at = Workplace(copied.store, config(products=products), copied.dsn, said.append)
    run(at, date(2026, 1, 16))
    users = Reader(at.store).bundle.users
    assert users.again is None
    assert users.own is not None
    why = "too few listeners teach trees (a span of 30 days has 0 who had played before it, of 100 needed)"
    assert f"what is on repeat is ordered by faded plays: {why}" in said


@pytest.mark.parametrize(
    ("own", "expected"),
    [([0.5, 8.0, 2.0, 4.0], [0.2, 0.1, 0.4, 0.05]), ([0.5, 0.0, 2.0, 0.0], [0.2, 0.0, 0.4, 0.0])],
)
def test_tracks_that_were_not_played_of_late_stand_behind_all_others(own, expected):
    """By faded plays; those that have faded to nothing, as plays of years ago do, have no chance instead of none that
    is a number."""
    found = with_old_ones_behind(np.array([0.2, 0, 0.4, 0], np.float32), np.array(own, np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(expected)
