"""Factors of tracks that nobody, or hardly anybody, has played."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from recommenders.catalogues import snapshot
from scipy import sparse

from recsys_tasks.core.components import ContentConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Vocabulary, day_number
from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.trained_plays import track_listeners
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.cold_tracks import (
    CALIBRATION_LISTENERS,
    LEAST_SCALE,
    ColdTracks,
    DayOfPlays,
    content_means,
    fit_cold_tracks,
    is_fresh,
    mixed,
    worthwhile,
)
from recsys_tasks.recommenders.content import Content, heard_before
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.vectors import Played

DAY = date(2026, 3, 1)
TODAY = day_number(DAY)
ALS = Als(AlsConfig(factors=3))


def similar(cells, n):
    """Similarities, (from, to) -> value."""
    matrix = sparse.lil_matrix((n, n), dtype=np.float32)
    for place, value in cells.items():
        matrix[place] = value
    return SimilarTracks(matrix.tocsr())


def test_a_track_without_plays_is_the_mean_of_what_is_like_it():
    """The mean goes by the cubes of similarities, and a track of which content says nothing keeps what it has."""
    learned = np.array([[1, 0], [0, 1], [5, 5], [0, 0]], np.float32)
    near = similar({(0, 3): 0.75, (1, 3): 0.25}, 4)
    means = content_means(learned, near, np.array([True, True, False, True]))
    np.testing.assert_allclose(means[3], [27 / 28, 1 / 28])
    assert near.matrix.data.tolist() == [0.75, 0.25]
    found = mixed(learned, means, np.array([9, 9, 0, 0]), 5, 2.0)
    assert found.cols.tolist() == [3]
    np.testing.assert_allclose(found.factors[0], [27 / 14, 1 / 14])


def test_plays_take_over_from_content():
    """With each listener less is content and more is learned, until the track has the factors of ALS alone."""
    learned, means = np.full((5, 1), 10, np.float32), np.full((5, 1), 2, np.float32)
    found = mixed(learned, means, np.arange(5), 4, 1.0)
    assert found.cols.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.factors[:, 0], [2, 4, 6, 8])


def test_factors_that_do_not_fit_are_refused():
    """A damaged file is an error, and no factor of nowhere."""
    with pytest.raises(BadData, match="do not fit"):
        ColdTracks(np.array([1], np.int32), np.array([[np.nan]], np.float32), 1.0)


def means_of(factors, near):
    """Factors by content of all forty tracks."""
    return content_means(np.concatenate([factors.item_factors, np.zeros((10, 3), np.float32)]), near, np.ones(40, bool))


def fresh_places(factors, near, found, older, k):
    """Places that cold tracks have on everybody's lists, and all places."""
    items = np.concatenate([factors.item_factors, found.scale * (1 + 1e-6) * means_of(factors, near)[30:]])
    users, played = ALS.user_vectors(older[:, :30], factors.item_factors), Played(older.indptr, older.indices)
    lists = exact_top(items.astype(np.float32), users, played, k).cols
    return np.count_nonzero(lists >= 30), lists.size


def world(n_fresh_found, best=True):
    """Sixty listeners of forty tracks, the last ten of them first heard today by some; who listened when.

    best: whether they discover what content finds for them, or what it finds last.
    """
    rng = np.random.default_rng(2)
    factors = Factors(rng.random((60, 3), np.float32), rng.random((30, 3), np.float32))
    older = sparse.csr_matrix(rng.random((60, 40)) < np.where(np.arange(40) < 30, 0.3, 0)).astype(np.uint32)
    near = similar({(n, 30 + n): 1.0 for n in range(10)} | {(n + 10, 30 + n): 0.5 for n in range(10)}, 40)
    users = ALS.user_vectors(older[:, :30], factors.item_factors)
    scores = users @ means_of(factors, near)[30:].T * (1 if best else -1)
    today = np.zeros((60, 40), np.uint32)
    for user in range(60):
        fresh = user < n_fresh_found
        unheard = np.setdiff1d(np.arange(30), older[user].indices)
        today[user, 30 + scores[user].argmax() if fresh else unheard[0]] = 1
    days = np.concatenate([np.full(30, TODAY - 40), np.full(10, TODAY)]).astype(np.int32)
    items = Vocabulary(pa.array(range(40), pa.int64()), days)
    training = sparse.csr_matrix(older + today)
    plays = DayOfPlays(training, sparse.csr_matrix(today), track_listeners(training), items, DAY)
    return factors, near, plays, older


@pytest.mark.parametrize(("n_fresh_found", "k"), [(12, 5), (12, 25), (16, 26)])
def test_cold_tracks_are_shown_as_often_as_they_are_discovered(n_fresh_found, k):
    """The share of the discoveries that fell on tracks that were cold is the share of the places that goes to them, to
    the place; also where lists are longer than the known tracks that are left."""
    factors, near, plays, older = world(n_fresh_found)
    found = fit_cold_tracks(ALS, factors, near, plays, few=100, k=k)
    places, size = fresh_places(factors, near, found, older, k)
    assert places == pytest.approx(n_fresh_found / 60 * size)


def test_lists_that_known_tracks_do_not_fill_take_cold_ones_at_the_least_scale():
    """However small it is; of scale zero such tracks would have no factors, and be near to nothing."""
    factors, near, plays, _ = world(12)
    found = fit_cold_tracks(ALS, factors, near, plays, few=100, k=40)
    assert found.scale == LEAST_SCALE
    assert found.factors.any()


def test_cold_tracks_of_which_content_says_nothing_drive_nothing_out():
    """Half of the discoveries fall on them, but on those that content finds last: half of the places would be lost."""
    factors, near, plays, older = world(30, best=False)
    found = fit_cold_tracks(ALS, factors, near, plays, few=100, k=5)
    places, size = fresh_places(factors, near, found, older, 5)
    assert places < 0.1 * size


@pytest.mark.parametrize(
    ("gains", "n"),
    [
        pytest.param([], 0, id="no place is wanted"),
        pytest.param([0, 1, 0, 1, 0], 5, id="those that change nothing are had too"),
        pytest.param([1, 1, 1, -1, 0, 0], 6, id="a loss within one standard error is borne"),
        pytest.param([1, 1, 1, -1, -1, 0], 4, id="a larger one is not, nor what follows it"),
        pytest.param([-1] * 9, 1, id="nor is one from the first on"),
    ],
)
def test_places_end_where_they_cost_discoveries(gains, n):
    """Of the numbers of places within one standard error of the best the largest is taken."""
    assert worthwhile(np.array(gains, np.int8)) == n


def test_repeats_and_who_did_not_listen_say_nothing_of_discoveries():
    """Neither known tracks that are played again on the day nor listeners without a play of it change the scale."""
    factors, near, plays, older = world(12)
    expected = fit_cold_tracks(ALS, factors, near, plays, few=5, k=5).scale
    again = sparse.csr_matrix(older * 2)
    repeated = replace(plays, training=sparse.csr_matrix(plays.training + again), today=plays.today + again)
    assert fit_cold_tracks(ALS, factors, near, repeated, few=5, k=5).scale == expected
    more = Factors(np.concatenate([factors.user_factors, 9 * factors.user_factors[::-1] ** 2]), factors.item_factors)
    silent = sparse.csr_matrix(plays.today.shape, dtype=np.uint32)
    wider = replace(
        plays,
        training=sparse.csr_matrix(sparse.vstack([plays.training, older])),
        today=sparse.csr_matrix(sparse.vstack([plays.today, silent])),
    )
    assert fit_cold_tracks(ALS, more, near, wider, few=5, k=5).scale == expected


def test_of_many_listeners_some_of_all_are_asked():
    """Evenly spread, so that it does not matter who stands first: there nobody discovers what was cold."""
    one, near, plays, _ = world(0)
    other = world(60)[2]
    times = CALIBRATION_LISTENERS // 60 + 1
    stacked = [sparse.csr_matrix(sparse.vstack([*[a] * times, *[b] * times])) for a, b in
               ((plays.training, other.training), (plays.today, other.today))]  # fmt: skip
    factors = Factors(np.tile(one.user_factors, (2 * times, 1)), one.item_factors)
    many = replace(plays, training=stacked[0], today=stacked[1])
    assert fit_cold_tracks(ALS, factors, near, many, few=5, k=5).scale > LEAST_SCALE


def test_tracks_that_nobody_discovers_stand_on_no_list():
    """Where no discovery fell on a track that was cold, their factors are short, and point where content says."""
    factors, near, plays, _ = world(0)
    found = fit_cold_tracks(ALS, factors, near, plays, few=5, k=5)
    assert found.scale == LEAST_SCALE
    assert set(range(30, 40)) <= set(found.cols.tolist())
    assert (np.linalg.norm(found.factors[-10:], axis=1) > 0).all()


def test_a_short_history_leaves_half_of_its_tracks_known():
    """What was cold two weeks ago is looked back at no further than half of the dates there are."""
    days = np.array([0, 3, 4, 6], np.int32) + TODAY - 6
    assert is_fresh(Vocabulary(pa.array(range(4)), days), DAY).tolist() == [False, False, True, True]


def test_a_track_that_hidden_listeners_alone_have_played_is_near_to_nothing():
    """It was heard before the day, and the training knows no play of it."""
    tracks = Vocabulary(pa.array(range(3)), np.array([TODAY - 9, TODAY - 1, TODAY], np.int32))
    assert heard_before(sparse.csr_matrix(np.array([[1, 0, 1]], np.uint32)), tracks, DAY).tolist() == [0]


def test_tracks_of_the_day_itself_are_near_to_nothing_yet():
    """What was first heard on the day is known by its content alone: it has near tracks, and is none itself."""
    days = np.array([TODAY - 9, TODAY - 1, TODAY, TODAY, TODAY], np.int32)
    tracks = Vocabulary(pa.array(range(5), pa.int64()), days)
    plays = sparse.csr_matrix(np.ones((2, 5), np.uint32))
    users = Vocabulary(pa.array(range(2), pa.int64()), np.zeros(2, np.int32))
    table = snapshot(range(5), ["a", "a", "a", "a", "b"])
    data = TrainingData(plays, users, tracks, table)
    found = Content(ContentConfig(), "a digest", DAY).fit(data).component.similar.matrix
    assert np.flatnonzero(np.diff(found.indptr)).tolist() == [0, 1]
    assert sorted(found.indices[found.indptr[0] : found.indptr[1]].tolist()) == [1, 2, 3]
