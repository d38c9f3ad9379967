"""A catalogue with its index and two samples of listeners and of tracks, for the tests of calibration and recall."""

from functools import cached_property

import numpy as np

from recsys_tasks.core.config import IndexConfig
from recsys_tasks.index.annoy_index import build_trees, open_index
from recsys_tasks.index.calibration import choose_parameters
from recsys_tasks.index.exact_neighbours import ExactNeighbours
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.recall import measure_recall
from recsys_tasks.recommenders.vectors import Played

F, K, N_USERS = 8, 10, 200
CONFIG = IndexConfig()


def built(ranked, folder, trees=10):
    """The Annoy index over some ranked tracks."""
    file = str(folder / "index.ann")
    build_trees(ranked.ranked_factors, file, trees, 1)
    return open_index(file, len(ranked), ranked.ranked_factors.shape[1])


class World:
    """A catalogue around common centres with its index, and two samples of listeners and of tracks."""

    def __init__(self, n_tracks, folder, falling, trees=10):
        rng = np.random.default_rng(n_tracks)
        centres = rng.normal(size=(40, F))
        self.factors = centres[rng.integers(40, size=n_tracks)] + rng.normal(size=(n_tracks, F))
        self.factors /= np.linalg.norm(self.factors, axis=1, keepdims=True)
        if falling:
            self.factors *= rng.permutation((1 + np.arange(n_tracks) / 50) ** -0.6)[:, None]
        self.factors = self.factors.astype(np.float32)
        self.users = (centres[rng.integers(40, size=2 * N_USERS)] + rng.normal(size=(2 * N_USERS, F))).astype(
            np.float32
        )
        self.lists = [rng.permutation(n_tracks)[: rng.integers(0, n_tracks // 20)] for _ in range(2 * N_USERS)]
        self.ranked = rank_tracks(self.factors)
        self.index = built(self.ranked, folder, trees)
        self.samples = np.split(rng.permutation(n_tracks)[:300], 2)

    def listeners(self, half):
        """User vectors and played tracks of the first or second sample."""
        lists = self.lists[half * N_USERS : (half + 1) * N_USERS]
        played = Played(np.cumsum([0, *map(len, lists)]), np.concatenate(lists).astype(np.int32))
        return self.users[half * N_USERS : (half + 1) * N_USERS], played

    @cached_property
    def exact(self):
        """Exact neighbours of the first samples."""
        return ExactNeighbours.of_ranked(self.ranked, *self.listeners(0), self.samples[0], K)

    def choose(self, config=CONFIG, **settings):
        """Search parameters chosen on the first samples."""
        return choose_parameters(self.ranked, self.index, self.exact, config, **settings)

    def measure(self, search):
        """Recall on the second samples."""
        return measure_recall(search, self.factors, *self.listeners(1), self.samples[1], K)
