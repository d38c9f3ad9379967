"""Tracks that nobody had played: what is compared on them, and how they are judged as themselves."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from recsys_tasks.core.domain import Vocabulary, day_number
from recsys_tasks.evaluation.cold_tracks import BASELINE, cold_rows, content_retrievers, new_tracks
from recsys_tasks.evaluation.compared import common_tracks
from recsys_tasks.evaluation.estimates import TOLD_LISTENERS
from recsys_tasks.evaluation.lists import EvaluatedModel
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.popular import PopularTracks
from recsys_tasks.recommenders.vectors import Played

DAY = date(2026, 3, 10)
TODAY = day_number(DAY)


def known_by(listeners, own_cols):
    """A model that knows items with so many listeners; own_cols: its column of each of the candidate's."""
    popular = PopularTracks(np.array(listeners), 1)
    return EvaluatedModel(popular, popular, np.array(own_cols), len(listeners))


def test_two_models_are_compared_on_what_neither_knows_more_of():
    """A track that was cold to the release and has plays for the candidate is another track; cold to both, it is not.

    Columns: heard by both; unknown to the release; cold to it and heard since; cold to both.
    """
    release = known_by([5, 0, 0], [0, -1, 1, 2])
    candidate = known_by([6, 1, 2, 0], [0, 1, 2, 3])
    assert common_tracks(candidate, release).tolist() == [True, False, False, True]


@pytest.fixture
def catalogue():
    """Six items: two old ones, one first heard three days ago, two first heard today, one never heard and just out."""
    first_days = np.array([TODAY - 30, TODAY - 20, TODAY - 3, TODAY, TODAY, TODAY + 1], np.int32)
    items = Vocabulary(pa.array(range(6), pa.int64()), first_days)
    released = [TODAY - 99, TODAY - 98, TODAY - 3, TODAY, None, TODAY - 1]
    names = pa.table(
        {
            "artist": pa.array(["a", "b", "b", "a", "b", None]),
            "released_on": pa.array(released, pa.int32()).cast(pa.date32()),
        }
    )
    return names, items


def test_the_weeks_new_tracks_are_those_first_heard_or_released_in_it(catalogue):
    """Old tracks are not among them; the day's own plays make neither an old track nor a popular artist."""
    new = new_tracks(*catalogue, np.array([7, 2, 3, 50, 60, 0]), DAY)
    assert new.pool.tolist() == [False, False, True, True, True, True]
    assert new.unplayed.tolist() == [False, False, False, True, True, True]
    assert new.artist_listeners.tolist() == [7, 5, 5, 7, 5, 0]


def test_artists_whom_nobody_had_played_are_no_popular_ones(catalogue):
    """Their new tracks stand on no list of that baseline: chance alone would order them."""
    new = new_tracks(*catalogue, np.zeros(6, int), DAY)
    history = sparse.csr_matrix((1, 6), dtype=np.uint32)
    hidden = sparse.csr_matrix(np.array([[0, 0, 0, 1, 1, 0]], np.uint32))
    rows = {row.lists: row for row in cold_rows([], new, Holdout(np.arange(1), history, history, hidden), 4)}
    assert (rows[BASELINE].recall, rows["newest first"].recall) == (0, 1)


def test_only_plays_of_tracks_without_a_play_before_count(catalogue):
    """Whoever played an older track alone is not asked; lists are of new tracks, and recall is of unplayed ones."""
    new = new_tracks(*catalogue, np.array([7, 2, 3, 50, 60, 0]), DAY)
    hidden = sparse.csr_matrix(np.array([[0, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 0]], np.uint32))
    history = sparse.csr_matrix((3, 6), dtype=np.uint32)
    holdout = Holdout(np.arange(3), history, history, hidden)
    mine = [("mine", PopularTracks(np.array([9, 9, 1, 5, 0, 4]), 3))]
    rows = {row.lists: row for row in cold_rows(mine, new, holdout, 2)}
    assert {row.listeners for row in rows.values()} == {2}
    assert rows["mine"].recall == pytest.approx((1 + 0.5) / 2)  # lists of 3 and 5: track 0 is old, 4 has no score
    assert rows["at random"].recall == pytest.approx(2 / 4)
    assert rows["at random"].low is None, "computed, not measured"
    assert rows["mine"].low is not None
    assert rows[BASELINE].difference == 0
    assert rows["newest first"].recall == 1.0, "lists of 3 and 4, both of the day"
    more = {row.lists: row for row in cold_rows(mine, new, holdout, 10)}
    assert more["at random"].recall == 1.0, "there are four new tracks alone"
    # the first of two wanted tracks one, the second both: in the mean over all orders of four places
    places = 1 / np.log2(np.arange(2, 6))
    expected = np.mean([places.mean(), 2 * places.mean() / places[:2].sum()])
    assert more["at random"].ndcg == pytest.approx(expected)


def test_an_artist_is_known_by_the_id_where_there_is_one(catalogue):
    """Two artists of one name are two, and one of two names is one."""
    names, items = catalogue
    names = names.append_column("artist_id", pa.array([1, 1, 2, 1, 2, None]))
    assert new_tracks(names, items, np.array([7, 2, 3, 0, 0, 0]), DAY).artist_listeners.tolist() == [9, 9, 3, 9, 3, 0]


def test_both_ways_of_content_count():
    """Where one way says nothing of a track that the other knows, both together list what both know first."""
    means = np.array([[0.0], [2.0], [1.9], [0.1]], np.float32)
    near = sparse.csr_matrix((np.float32([0.9, 0.1]), ([0, 0], [2, 3])), shape=(4, 4))
    played = Played(np.array([0, 1]), np.array([0], np.int32))
    parts = dict(content_retrievers(np.ones((1, 1), np.float32), means, SimilarTracks(near), played, np.zeros(4, int)))
    first = {name: part.candidates(np.array([0]), played, 1).cols[0, 0] for name, part in parts.items()}
    assert first == {"content, both ways": 2, "factors by content": 1, "similar to their tracks": 2}


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_stand_by_lot_whatever_their_columns(seed):
    """New tracks of one date, one artist and one content: in any order of their columns, of which those played on the
    day have the first, lists hold the same tracks."""
    n = 40
    found = []
    for order in (np.arange(n), np.random.default_rng(seed).permutation(n)):
        items = Vocabulary(pa.array(order), np.full(n, TODAY, np.int32))
        released = pa.array([TODAY] * n, pa.int32()).cast(pa.date32())
        new = new_tracks(pa.table({"artist": ["a"] * n, "released_on": released}), items, np.zeros(n, int), DAY)
        near = sparse.csr_matrix(np.full((n, n), 0.5, np.float32))
        played, means = (
            Played(np.array([0, 1]), np.flatnonzero(order == 7).astype(np.int32)),
            np.ones((n, 2), np.float32),
        )
        parts = content_retrievers(np.ones((1, 2), np.float32), means, SimilarTracks(near), played, new.lots)
        hidden = sparse.csr_matrix(
            (np.ones(10, np.uint32), (np.zeros(10, int), np.flatnonzero(order < 11)[:10])), (1, n)
        )
        hidden[0, np.flatnonzero(order == 7)] = 0
        hidden.eliminate_zeros()
        history = sparse.csr_matrix((np.ones(1, np.uint32), played.cols, played.indptr), (1, n))
        rows = cold_rows(parts, new, Holdout(np.zeros(1, int), history, history, hidden), 5)
        found.append([(row.lists, row.recall) for row in rows])
    assert found[0] == found[1]


def test_a_week_has_seven_days():
    """What came out, or was first heard, seven days before the day is no new track any more."""
    first_days = np.array([TODAY + 1, TODAY + 1, TODAY - 7, TODAY - 6], np.int32)
    released = pa.array([TODAY - 7, TODAY - 6, None, None], pa.int32()).cast(pa.date32())
    names = pa.table({"artist": pa.nulls(4, pa.string()), "released_on": released})
    new = new_tracks(names, Vocabulary(pa.array(range(4)), first_days), np.zeros(4, int), DAY)
    assert new.pool.tolist() == [False, True, False, True]


@pytest.mark.parametrize("played_on_the_day", [[0, 1, 2, 3], [0], []])
def test_whether_a_track_is_played_on_the_day_does_not_make_it_new(played_on_the_day):
    """Of tracks that nobody had played the catalogue alone says which are new, and how new: an old one that is played
    for the first time is not, and one without a date may be. Who chose by the day's plays would list the hits."""
    first_days = np.full(4, TODAY + 1, np.int32)
    first_days[played_on_the_day] = TODAY
    released = pa.array([TODAY - 99, TODAY - 2, None, TODAY + 1], pa.int32()).cast(pa.date32())
    names = pa.table({"artist": pa.nulls(4, pa.string()), "released_on": released})
    new = new_tracks(names, Vocabulary(pa.array(range(4)), first_days), np.zeros(4, int), DAY)
    assert new.pool.tolist() == [False, True, True, False]
    assert new.newness.tolist() == [TODAY - 99, TODAY - 2, TODAY, TODAY + 1]
    assert new.unplayed.all()


def test_nobody_who_played_one_gives_no_figures(catalogue):
    """Without a listener there is nothing to say."""
    new = new_tracks(*catalogue, np.array([7, 2, 3, 50, 60, 0]), DAY)
    nothing = sparse.csr_matrix((1, 6), dtype=np.uint32)
    assert cold_rows([], new, Holdout(np.arange(1), nothing, nothing, nothing), 2) == []


def test_of_many_listeners_some_are_asked(catalogue):
    """No more listeners are asked than a figure needs that is told alone, and they are spread over all."""
    n = TOLD_LISTENERS + 1
    new = new_tracks(*catalogue, np.array([7, 2, 3, 50, 60, 0]), DAY)
    hidden = sparse.csr_matrix(np.tile(np.uint32([0, 0, 0, 1, 0, 0]), (n, 1)))
    history = sparse.csr_matrix((n, 6), dtype=np.uint32)
    rows = cold_rows([], new, Holdout(np.arange(n), history, history, hidden), 2)
    assert {row.listeners for row in rows} == {n // 2 + 1}
