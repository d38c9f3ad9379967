"""Neighbours that are renewed on some dates: what a day finds of young tracks, and what it keeps of old ones."""

from datetime import date
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from recommenders.suite import vocabulary
from scipy import sparse

from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.domain import Vocabulary, day_number
from recsys_tasks.recommenders import best_of_rows as rows_module
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.best_of_rows import best_of_rows
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.renewed_neighbours import RenewedNeighbours, with_young

N_USERS, N_OLD, N_TRACKS, NEAREST = 90, 40, 60, 7
NO_OLD = sparse.csr_matrix((0, 0), dtype=np.float32)


def plays(n_tracks=N_TRACKS, seed=1):
    """Who played what; the same in the first columns whatever comes behind them."""
    rng = np.random.default_rng(seed)
    counts = (rng.random((N_TRACKS, N_USERS)) < 0.12) * rng.integers(1, 5, (N_TRACKS, N_USERS))
    return sparse.csr_matrix(counts[:n_tracks].T.astype(np.uint32))


def recommender(similarity="cosine"):
    """Seven neighbours of each track."""
    return NearestTracks(NeighboursConfig(similarity=similarity, nearest=NEAREST, shrinkage=2.0))


def neighbours(counts, similarity="cosine"):
    """Of all tracks, of these plays."""
    data = TrainingData(counts, vocabulary(N_USERS), vocabulary(counts.shape[1]))
    return recommender(similarity).fit(data).component.similar.matrix


def similarities(similarity):
    """Of all tracks to all, from the matrix of all plays; single numbers are rounded as the program does it."""
    if similarity == "bm25":
        weighted = recommender(similarity).weighted(plays())
        return np.float32((weighted.T @ weighted).toarray())
    played = (plays() > 0).astype(np.float32).toarray()
    each = np.float32(1 / np.sqrt(played.sum(axis=0, dtype=np.float64) + 2.0))
    return each * each[:, None] * (played.T @ played)


def test_the_cosine_shrinks_both_norms():
    """Two tracks with two listeners each, one of them common: 1 / (2 + shrinkage); with none it is the plain cosine."""
    counts = sparse.csr_matrix(np.array([[1, 0], [5, 1], [0, 2]], np.uint32))
    data = TrainingData(counts, vocabulary(3), vocabulary(2))
    for shrinkage, expected in ((0.0, 1 / 2), (2.0, 1 / 4)):
        found = NearestTracks(NeighboursConfig(shrinkage=shrinkage)).fit(data).component.similar.matrix.toarray()
        np.testing.assert_allclose(found, [[0, expected], [expected, 0]], rtol=1e-6)


def test_bm25_weighs_logs_of_plays():
    """The weight of a play is Robertson's, K1 1.2, of log(1 + plays); b says how far the plays of all of a track's
    listeners make each count less."""
    counts = np.array([[9, 0, 1], [1, 4, 0], [0, 2, 2], [0, 0, 7], [0, 1, 0]], np.uint32)
    x, logs = sparse.csr_matrix(counts), np.log1p(counts)
    idf = np.log(3) - np.log1p((counts > 0).sum(axis=1))
    for b in (0.0, 0.1, 1.0):
        length = 1 - b + b * logs.sum(axis=0) / logs.sum(axis=0).mean()
        expected = logs * 2.2 / (1.2 * length + logs) * idf[:, None]
        found = NearestTracks(NeighboursConfig(similarity="bm25", bm25_b=b)).weighted(x).toarray()
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_young_track_is_not_one_of_its_own_nearest():
    """Of one listener, it is more like itself than like any other: all of its places go to others all the same."""
    counts = sparse.csr_matrix(np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]], np.uint32))
    found = NearestTracks(NeighboursConfig(nearest=2)).with_young(sparse.csr_matrix((4, 4), dtype=np.float32), counts)
    assert found.similar.matrix[[4]].indices.tolist() == [0, 1]


class Given:
    """How much young tracks are like all others, as it is told."""

    def __init__(self, similar, first):
        self._own, self.work = similar[first:], np.full(similar.shape[0] - first, similar.shape[0])

    def found(self, start, end, _k):
        """All of some rows, whoever asks."""
        return self._own[start:end], self._own[start:end]


class TestADay:
    def test_long_rows_lose_nothing_that_belongs_to_a_list(self):
        """Where a young track is like many others, itself most of all, those of which a sample says that they are too
        little alike are dropped: what enters a list, its own or another, is as if all had been looked at."""
        n, n_old, nearest = 400, 150, 3
        similar = np.random.default_rng(6).random((n, n), np.float32)
        similar = np.maximum(similar, similar.T)
        np.fill_diagonal(similar, 0)
        old = best_of_rows(sparse.csr_matrix(similar[:n_old, :n_old]), nearest)
        itself = sparse.csr_matrix(similar + 2 * np.eye(n, dtype=np.float32))
        found = with_young(old, lambda _: Given(itself, n_old), n, nearest).similar.matrix
        assert (found != best_of_rows(sparse.csr_matrix(similar), nearest)).nnz == 0
        assert (np.diff(found.indptr) == nearest).all()
        assert found.has_sorted_indices

    @pytest.mark.parametrize("places", [1, 50])
    def test_how_many_entries_are_looked_at_together_changes_nothing(self, places, monkeypatch):
        """Rows of about one length are taken some at a time, one by one in the end."""
        similar = sparse.random(40, 300, 0.5, "csr", np.float32, np.random.default_rng(5))
        expected = best_of_rows(similar, 4)
        monkeypatch.setattr(rows_module, "PLACES", places)
        assert (best_of_rows(similar, 4) != expected).nnz == 0
        assert (np.diff(expected.indptr) == 4).all()

    def test_what_is_not_alike_at_all_stands_on_no_list(self):
        """What is hardly alike may be rounded to 0: then it is no neighbour, though a place is free."""
        similar = sparse.csr_matrix(np.ones((4, 4), np.float32))
        similar.data[:] = [2, 0, 0.5, 0] * 4
        found = with_young(NO_OLD, lambda _: Given(similar, 0), 4, 3).similar.matrix
        assert found.data.tolist() == [0.5, 2, 0.5, 2, 2, 0.5]

    def test_whatever_is_alike_enters_a_list_that_is_not_full(self):
        """Of a track with fewer neighbours than are kept, also what is less alike than all of these."""
        old, counts = sparse.lil_matrix((N_OLD, N_OLD), dtype=np.float32), plays()
        for row in range(N_OLD):
            for place in range(1, NEAREST):
                old[row, (row + place) % N_OLD] = 0.9
        found = recommender().with_young(old.tocsr(), counts).similar.matrix
        weighted = recommender().weighted(counts)
        alike = (weighted[:, :N_OLD].T @ weighted[:, N_OLD:]).toarray().max(axis=1)
        assert alike.max() < 0.9
        assert (np.diff(found.indptr)[:N_OLD] == np.where(alike > 0, NEAREST, NEAREST - 1)).all()

    @pytest.mark.parametrize(("products", "threads"), [(1, 1), (1, 3), (400, 2), (1 << 20, 1)])
    @pytest.mark.parametrize("similarity", ["cosine", "bm25"])
    def test_old_tracks_keep_their_neighbours_and_young_ones_push_in(self, similarity, products, threads):
        """Each row is the best of what the renewal found and of the day's similarities to young tracks; a young track
        has the best of all tracks, whatever is multiplied together and by however many threads."""
        old, alike = (
            neighbours(plays(N_OLD, seed=2), similarity),
            partial(recommender(similarity).alike, plays(), N_OLD),
        )
        found = with_young(old, alike, N_TRACKS, NEAREST, products, threads).similar.matrix.toarray()
        expected = similarities(similarity)
        expected[:N_OLD, :N_OLD] = old.toarray()
        np.fill_diagonal(expected, 0)
        for row in range(N_TRACKS):
            best = np.lexsort((np.arange(N_TRACKS), -expected[row]))[:NEAREST]
            best = best[expected[row, best] > 0]
            assert set(np.flatnonzero(found[row])) == set(best.tolist())
            np.testing.assert_array_equal(found[row, best], expected[row, best])

    def test_the_next_day_finds_the_old_ones_again(self):
        """What left a list for a young track is kept beside the lists: the day after goes on from the renewal."""
        old = neighbours(plays(N_OLD, seed=2))
        today = recommender().with_young(old, plays())
        assert today.left.nnz
        assert today.left.data.all(), "what stays on its list has not left it"
        stored = RenewedNeighbours.of(today.files(), N_OLD)
        assert (stored.old() != old).nnz == 0
        tomorrow = plays(seed=3)
        one, other = (recommender().with_young(each, tomorrow).files() for each in (old, stored.old()))
        assert all(one[name].tobytes() == other[name].tobytes() for name in one)

    def test_where_all_are_young_they_are_built_anew(self):
        """A service whose first plays are not older than the renewal has the similarities of today; ties may differ."""
        found = recommender().with_young(NO_OLD, plays()).similar.matrix
        one, other = (np.sort(each.toarray(), axis=1) for each in (found, neighbours(plays())))
        np.testing.assert_allclose(one, other, rtol=1e-6)


class TestWhichAreOld:
    @pytest.mark.parametrize("every", [2, 7, 28])
    def test_tracks_that_were_first_played_more_than_three_days_before_the_renewal(self, every):
        """How often neighbours are renewed does not decide which tracks are young on that date."""
        renewed = date(2026, 1, 18)
        days = day_number(renewed) + np.array([-30, -8, -5, -4, -4, -3, -2, -1, 0, 3])
        tracks = Vocabulary(pa.array(range(len(days))), days.astype(np.int32))
        config = NeighboursConfig(renewed_every_days=every)
        assert NearestTracks(config, renewed=renewed).n_old(tracks) == 5

    def test_the_days_of_youth_are_part_of_a_renewed_model_alone(self):
        """No day goes on from old tracks that others were; a model that is built anew each day has no old ones."""
        daily, renewed = (NearestTracks(NeighboursConfig(), renewed=day) for day in (None, date(2026, 1, 18)))
        assert renewed.identity()["parameters"]["young_days"] == 3
        assert "young_days" not in daily.identity()["parameters"]
