"""Factors of tracks that nobody, or hardly anybody, has played."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from recommenders.catalogues import snapshot
from scipy import sparse

from recsys_tasks.core.components import ContentConfig
from recsys_tasks.core.domain import Vocabulary, day_number
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.cold_tracks import (
    LEAST_SCALE,
    ColdTracks,
    DayOfPlays,
    content_means,
    fit_cold_tracks,
    is_fresh,
    mixed,
)
from recsys_tasks.recommenders.content import Content
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.vectors import Played

DAY = date(2026, 3, 1)
TODAY = day_number(DAY)


def similar(cells, n):
    """Similarities, (from, to) -> value."""
    matrix = sparse.lil_matrix((n, n), dtype=np.float32)
    for place, value in cells.items():
        matrix[place] = value
    return SimilarTracks(matrix.tocsr())


def test_a_track_without_plays_is_the_mean_of_what_is_like_it():
    """The mean goes by similarity, and a track of which content says nothing keeps what it has."""
    learned = np.array([[1, 0], [0, 1], [5, 5], [0, 0]], np.float32)
    near = similar({(0, 3): 0.75, (1, 3): 0.25}, 4)
    means = content_means(learned, near)
    np.testing.assert_allclose(means[3], [0.75, 0.25])
    found = mixed(learned, means, np.array([9, 9, 0, 0]), 5, 2.0)
    assert found.cols.tolist() == [3]
    np.testing.assert_allclose(found.factors[0], [1.5, 0.5])


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


def world(n_fresh_found):
    """Sixty listeners of forty tracks, the last ten of them first heard today by some; who listened when."""
    rng = np.random.default_rng(2)
    factors = Factors(rng.random((60, 3), np.float32), rng.random((30, 3), np.float32))
    older = sparse.csr_matrix(rng.random((60, 40)) < np.where(np.arange(40) < 30, 0.3, 0)).astype(np.uint32)
    today = np.zeros((60, 40), np.uint32)
    for user in range(60):
        fresh = user < n_fresh_found
        unheard = np.setdiff1d(np.arange(30), older[user].indices)
        today[user, 30 + user % 10 if fresh else unheard[0]] = 1
    days = np.concatenate([np.full(30, TODAY - 40), np.full(10, TODAY)]).astype(np.int32)
    items = Vocabulary(pa.array(range(40), pa.int64()), days)
    near = similar({(n, 30 + n): 1.0 for n in range(10)} | {(n + 10, 30 + n): 0.5 for n in range(10)}, 40)
    plays = DayOfPlays(sparse.csr_matrix(older + today), sparse.csr_matrix(today), items, DAY)
    return factors, near, plays, older


def test_cold_tracks_are_shown_as_often_as_they_are_discovered():
    """With a fifth of the discoveries on tracks that were cold, a fifth of the places of the lists goes to them."""
    factors, near, plays, older = world(12)
    found = fit_cold_tracks(factors, near, plays, few=100, k=5)
    means = content_means(np.concatenate([factors.item_factors, np.zeros((10, 3), np.float32)]), near)
    items = np.concatenate([factors.item_factors, found.scale * (1 + 1e-6) * means[30:]]).astype(np.float32)
    lists = exact_top(items, factors.user_factors, Played(older.indptr, older.indices), 5).cols
    assert (lists >= 30).mean() == pytest.approx(0.2, abs=0.01)


def test_tracks_that_nobody_discovers_stand_on_no_list():
    """Where no discovery fell on a track that was cold, their factors are short, and point where content says."""
    factors, near, plays, _ = world(0)
    found = fit_cold_tracks(factors, near, plays, few=5, k=5)
    assert found.scale == LEAST_SCALE
    assert set(range(30, 40)) <= set(found.cols.tolist())
    assert (np.linalg.norm(found.factors[-10:], axis=1) > 0).all()


def test_a_short_history_leaves_half_of_its_tracks_known():
    """What was cold two weeks ago is looked back at no further than half of the dates there are."""
    days = np.array([0, 2, 5, 6], np.int32) + TODAY - 6
    assert is_fresh(Vocabulary(pa.array(range(4)), days), DAY).tolist() == [False, False, True, True]


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
