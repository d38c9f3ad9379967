"""Which plays of a heavy listener count where pairs of tracks are counted."""

import numpy as np
import pytest
from recommenders.suite import vocabulary
from scipy import sparse

from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.recommenders import downsampling
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.downsampling import downsampled
from recsys_tasks.recommenders.nearest_tracks import NearestTracks

MOST, N_TRACKS = 50, 2_000


def plays(*lengths, seed=1):
    """Listeners of so many of the first tracks each, which they played once or some times."""
    rng = np.random.default_rng(seed)
    cols = np.concatenate([np.arange(n) for n in lengths])
    counts = rng.integers(1, 9, len(cols)).astype(np.uint32)
    return sparse.csr_matrix((counts, cols, np.concatenate([[0], np.cumsum(lengths)])), (len(lengths), N_TRACKS))


def tracks(matrix, row):
    """What is left of a listener."""
    return set(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].tolist())


class TestDownsampled:
    def test_downsampling_keep_everything(self):
        """Up to the bound nothing changes, beside heavy listeners too; each play that is left is a one."""
        whole = plays(MOST, 20, N_TRACKS, 0, N_TRACKS, 3)
        found = downsampled(whole, MOST)
        light = [0, 1, 3, 5]
        assert (found[light] != (whole > 0)[light]).nnz == 0
        assert (downsampled(whole[:2], MOST) != (whole[:2] > 0)).nnz == 0
        assert found.has_canonical_format
        assert set(found.data.tolist()) == {1}
        assert (found > whole).nnz == 0

    def test_about_as_many_are_left_as_were_asked_for(self):
        """A hundred listeners of 2,000 tracks keep 50 each on average, and hardly one keeps twice as many."""
        left = np.diff(downsampled(plays(*[N_TRACKS] * 100), MOST).indptr)
        assert abs(left.mean() - MOST) < 4 * np.sqrt(MOST / 100)
        assert left.max() < 2 * MOST

    def test_each_listener_keeps_others(self):
        """No track is lost to all heavy listeners at once: a hundred of them keep nearly every one of 2,000."""
        found = downsampled(plays(*[N_TRACKS] * 100), MOST)
        assert 0.88 < len(set(found.indices.tolist())) / N_TRACKS < 0.96  # 1 - (1 - 1 / 40) ** 100 = 0.92

    def test_more_plays_take_some_away_and_give_none_of_the_earlier_back(self):
        """What is left of yesterday's tracks was left yesterday: the neighbours of a day are those of the day before,
        but for what was played."""
        before, after = downsampled(plays(1_000), MOST), downsampled(plays(1_400), MOST)
        assert {track for track in tracks(after, 0) if track < 1_000} < tracks(before, 0)

    @pytest.mark.parametrize("together", [1, 3_000])
    def test_nobody_else_and_no_block_moves_it(self, together, monkeypatch):
        """The sample of a listener is the same beside other listeners, and however many are drawn at a time."""
        alone = downsampled(plays(900), MOST)
        monkeypatch.setattr(downsampling, "DRAWN_TOGETHER", together)
        assert tracks(downsampled(plays(900, 1_500, 30, 2_000, 700), MOST), 0) == tracks(alone, 0)


def fitted(counts, **settings):
    """Neighbours of these plays."""
    data = TrainingData(counts, vocabulary(counts.shape[0]), vocabulary(counts.shape[1]))
    return NearestTracks(NeighboursConfig(nearest=9, **settings)).fit(data).component


class TestNeighbours:
    COUNTS = sparse.csr_matrix(
        (np.random.default_rng(3).random((60, 90)) < np.linspace(0.1, 0.9, 60)[:, None]).astype(np.uint32)
    )

    def test_the_cosine_counts_some_tracks_of_heavy_listeners(self):
        """Its similarities are those of the sample; the listeners keep all that they played, to be answered by it."""
        found, light = fitted(self.COUNTS, listener_tracks=20), downsampled(self.COUNTS, 20)
        assert light.nnz < self.COUNTS.nnz
        assert (found.similar.matrix != fitted(light, listener_tracks=1_000).similar.matrix).nnz == 0
        assert found.played.cols.tolist() == self.COUNTS.indices.tolist()

    def test_young_tracks_are_compared_on_the_same_sample(self):
        """Between two renewals as on their date."""
        recommender = NearestTracks(NeighboursConfig(listener_tracks=20))
        everything = NearestTracks(NeighboursConfig(listener_tracks=1_000))
        least = np.zeros(90, np.float32)
        found, _ = recommender.alike(self.COUNTS, 70, least).found(0, 20, 90)
        expected, _ = everything.alike(downsampled(self.COUNTS, 20), 70, least).found(0, 20, 90)
        assert (found != expected).nnz == 0

    @pytest.mark.parametrize("similarity", ["bm25", "ease"])
    def test_others_count_everything(self, similarity):
        """The bound is the cosine's: no other similarity knows of it, nor does its identity."""
        small, large = (fitted(self.COUNTS, similarity=similarity, listener_tracks=n) for n in (20, 1_000))
        assert (small.similar.matrix != large.similar.matrix).nnz == 0
        one, other = (NearestTracks(NeighboursConfig(similarity=similarity, listener_tracks=n)) for n in (20, 1_000))
        assert one.identity() == other.identity()
