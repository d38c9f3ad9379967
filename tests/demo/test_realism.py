"""The three figures that tell listening from noise: in memory, and in the database."""

import numpy as np
from worlds import qualified

from recsys_tasks.demo.world import Realism, WorldParams, build_world, realism, write_world
from recsys_tasks.demo.world.catalogue import Ints
from recsys_tasks.demo.world.realism import figures_of


def realism_of(users: Ints, tracks: Ints) -> Realism:
    """The figures of plays in memory. users, tracks: (n_plays,), of each qualified play."""
    pairs = np.unique(np.stack([tracks, users]), axis=1)
    played, plays = np.unique(tracks, return_counts=True)
    return figures_of(np.bincount(np.searchsorted(played, pairs[0]), minlength=len(played)), plays)


class TestRealism:
    def test_a_world_looks_like_listening(self):
        """Repeats, Gini and the share of the most played tracks of a smaller demo lie where real logs have them."""
        world = build_world(WorldParams(users=4_000, tracks=8_000, days=14, seed=3))
        assert realism_of(*qualified(world, range(14))).outside() == []

    def test_a_log_without_structure_is_told_apart(self):
        """Users who play tracks at random are outside of all three bounds."""
        rng = np.random.default_rng(1)
        figures = realism_of(rng.integers(0, 1000, 20_000), rng.integers(0, 2000, 20_000))
        assert figures.outside() == ["repeats", "gini", "top_share"]

    def test_figures_of_a_hand_made_log(self):
        """Three plays of one track by one listener and one play of another: half of the plays are repeats."""
        figures = realism_of(np.array([1, 1, 1, 2]), np.array([7, 7, 7, 8]))
        assert (figures.repeats, figures.gini, figures.top_share) == (0.5, 0.25, 0.75)

    def test_the_database_says_the_same_as_the_arrays(self, tiny, source_dsn):
        """Duplicates, skips and private sessions are left out by the query as they are in memory."""
        write_world(source_dsn, tiny)
        assert realism(source_dsn) == realism_of(*qualified(tiny, range(4)))
