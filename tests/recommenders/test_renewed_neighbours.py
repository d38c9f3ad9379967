"""Neighbours that are renewed on some dates: what a day finds of young tracks, and what it keeps of old ones."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from recommenders.suite import vocabulary
from scipy import sparse

from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.domain import Vocabulary, day_number
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.renewed_neighbours import RenewedNeighbours, with_young

N_USERS, N_OLD, N_TRACKS, NEAREST = 90, 40, 60, 7


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


def test_old_are_tracks_of_well_before_the_renewal():
    """More days than lie between two renewals: what was first played a week before is still young."""
    renewed = date(2026, 3, 5)
    days = np.array([-30, -8, -7, -6, 0, 3]) + day_number(renewed)
    tracks = Vocabulary(pa.array(range(6)), days.astype(np.int32))
    found = NearestTracks(NeighboursConfig(renewed_every_days=7), renewed=renewed)
    assert found.n_old(tracks) == 2


def test_the_cosine_shrinks_both_norms():
    """Two tracks with two listeners each, one of them common: 1 / (2 + shrinkage); with none it is the plain cosine."""
    counts = sparse.csr_matrix(np.array([[1, 0], [5, 1], [0, 2]], np.uint32))
    data = TrainingData(counts, vocabulary(3), vocabulary(2))
    for shrinkage, expected in ((0.0, 1 / 2), (2.0, 1 / 4)):
        found = NearestTracks(NeighboursConfig(shrinkage=shrinkage)).fit(data).component.similar.matrix.toarray()
        np.testing.assert_allclose(found, [[0, expected], [expected, 0]], rtol=1e-6)


class TestADay:
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
        old, weighted = neighbours(plays(N_OLD, seed=2), similarity), recommender(similarity).weighted(plays())
        found = with_young(old, weighted, NEAREST, products, threads).similar.matrix.toarray()
        expected = np.float32((weighted.T @ weighted).toarray())
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
        found = recommender().with_young(sparse.csr_matrix((0, 0), dtype=np.float32), plays()).similar.matrix
        one, other = (np.sort(each.toarray(), axis=1) for each in (found, neighbours(plays())))
        np.testing.assert_allclose(one, other, rtol=1e-6)
