"""EASE: the weights of its paper, for the tracks that are heard most."""

from datetime import date

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders import ease as module
from recsys_tasks.recommenders.ease import ease
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.neighbours import Neighbours, SimilarTracks
from recsys_tasks.recommenders.vectors import Played


def plays(n_users=60, n_tracks=12, seed=1):
    """Some counts; the first tracks have more listeners than the last ones."""
    rng = np.random.default_rng(seed)
    heard = rng.random((n_users, n_tracks)) < np.linspace(0.7, 0.2, n_tracks)
    return sparse.csr_matrix((heard * rng.integers(1, 9, heard.shape)).astype(np.uint32))


def fitted_one_by_one(counts, regularization):
    """B by its definition: each track regressed on all others, which a diagonal of zero means."""
    x = np.log1p(counts.toarray())
    weights = np.zeros((x.shape[1],) * 2)
    for track in range(x.shape[1]):
        others = np.delete(np.arange(x.shape[1]), track)
        left = x[:, others].T @ x[:, others] + regularization * np.eye(len(others))
        weights[others, track] = np.linalg.solve(left, x[:, others].T @ x[:, track])
    return weights


class TestWeights:
    def test_they_are_the_regression_of_each_track_on_all_others(self):
        """The closed form is what least squares give track by track, whatever the number of rows at once."""
        found = ease(plays(), 12, 5.0, 12)
        assert found.has_sorted_indices
        assert found.nnz == 12 * 11, "of itself no track has a weight, not even one of zero"
        np.testing.assert_allclose(found.toarray(), fitted_one_by_one(plays(), 5.0), atol=1e-6)

    def test_rows_at_once_change_nothing(self, monkeypatch):
        """The same bytes, five rows at a time."""
        whole = ease(plays(), 12, 5.0, 4)
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 5)
        parts = ease(plays(), 12, 5.0, 4)
        assert (whole.indices.tobytes(), whole.indptr.tobytes()) == (parts.indices.tobytes(), parts.indptr.tobytes())
        np.testing.assert_allclose(whole.data, parts.data, rtol=1e-6)

    def test_the_tracks_of_most_listeners_take_part(self):
        """Of the others no weight is known, and those of the first are what they are without the others."""
        counts = plays()
        heard = np.sort(np.argsort(-np.bincount(counts.indices), kind="stable")[:5])
        found = ease(counts, 5, 5.0, 12).toarray()
        assert not np.delete(found, heard, axis=0).any()
        assert not np.delete(found, heard, axis=1).any()
        np.testing.assert_allclose(found[np.ix_(heard, heard)], fitted_one_by_one(counts[:, heard], 5.0), atol=1e-6)

    def test_the_largest_either_way_are_kept(self):
        """Three of each track, weights below zero among them."""
        found, all_of_them = ease(plays(), 12, 5.0, 3), fitted_one_by_one(plays(), 5.0)
        assert found.data.min() < 0 < found.data.max()
        for track in range(12):
            largest = np.argsort(-abs(all_of_them[track]))[:3]
            assert sorted(found[track].indices) == sorted(largest)

    def test_what_has_no_inverse_is_refused(self):
        """Two tracks of the same listeners, and next to no lambda, end in words."""
        twice = sparse.csr_matrix(plays()[:, [0, 0, 1]])
        with pytest.raises(BadData, match="ease_regularization = 1e-30"):
            ease(twice, 3, 1e-30, 3)


class TestNeighboursByEase:
    def test_it_is_no_part_of_what_the_others_are_made_from(self):
        """A model is named by what decides it: one of cosine knows nothing of EASE, which has no renewal."""
        cosine, by_ease = (NearestTracks(NeighboursConfig(similarity=each)) for each in ("cosine", "ease"))
        assert cosine.identity()["parameters"] == {
            "similarity": "cosine",
            "shrinkage": 10.0,
            "listener_tracks": 100,
            "nearest": 50,
        }
        assert set(by_ease.identity()["parameters"]) == {"similarity", "ease_tracks", "ease_regularization", "nearest"}
        renewed = NearestTracks(NeighboursConfig(similarity="ease"), renewed=date(2026, 1, 1))
        assert renewed.identity() == by_ease.identity()

    def test_a_track_that_others_speak_against_stands_on_no_list(self):
        """Of two tracks that are reached, the one with a score below zero is not a candidate."""
        weights = sparse.csr_matrix(np.array([[0, 0.5, -0.5], [0, 0, 0], [0, 0, 0]], dtype=np.float32))
        one = Neighbours(SimilarTracks(weights), Played(np.array([0, 1]), np.array([0])))
        found = one.candidates(np.array([0]), Played(np.array([0, 1]), np.array([0])), 3)
        assert found.cols.tolist() == [[1, -1, -1]]
        assert one.scores(np.array([0, 0]), np.array([1, 2])).tolist() == [0.5, -0.5]
