"""The recall that is measured sees what is broken, and nothing else lowers it."""

from dataclasses import replace

import numpy as np
import pytest
from index_worlds import CONFIG, F, K, World, built

from recsys_tasks.core.errors import BadData
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.index.recall import measure_recall
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.recommenders.vectors import Played


class TestMeasure:
    def test_a_full_scan_is_perfect(self, flat):
        """The measure itself loses nothing: exact search has recall one, both ways."""
        recall = flat.measure(TwoTierSearch(flat.ranked, SearchParameters(6000, 0, 60_000), flat.index))
        assert recall.user_recall == recall.similar_recall == recall.share_exact == 1.0

    def test_factors_in_another_order_than_the_norms_fail_the_users(self, falling):
        """The ranked copy answers for itself happily: only the factors as trained show that it is another's."""
        ranked = falling.ranked
        for broken in (
            replace(ranked, ranked_factors=np.ascontiguousarray(ranked.ranked_factors[::-1])),
            replace(ranked, rank_cols=np.roll(ranked.rank_cols, 1)),
        ):
            recall = falling.measure(TwoTierSearch(broken, falling.choose(), falling.index))
            assert recall.user_recall < 0.5

    def test_an_unsorted_catalogue_with_sorted_norms_fails_the_users(self, falling):
        """Tracks left in column order under falling norms: the bound stops the scan before the best were seen."""
        norms = falling.ranked.ranked_norms
        broken = RankedTracks(np.arange(6000, dtype=np.int32), falling.factors, norms, 6000)
        assert falling.measure(TwoTierSearch(broken, falling.choose(), None)).user_recall < 0.5

    def test_an_index_of_other_factors_fails_the_tracks(self, falling, flat):
        """A sound Annoy file of another model opens; its neighbours are not ours."""
        recall = falling.measure(TwoTierSearch(falling.ranked, falling.choose(), flat.index))
        assert recall.similar_recall < 0.5
        assert recall.user_recall >= CONFIG.recall_target

    def test_tracks_missing_from_the_index_fail_the_tracks(self, falling, tmp_path):
        """A track that has a factor but no rank counts as not found, instead of being left out."""
        ranked = falling.ranked
        half = RankedTracks(ranked.rank_cols[:3000], ranked.ranked_factors[:3000], ranked.ranked_norms[:3000], 6000)
        search = TwoTierSearch(half, SearchParameters(3000, 0, 30_000), built(half, tmp_path))
        recall = falling.measure(search)
        assert recall.similar_recall < 0.6
        assert recall.n_tracks == 150

    def test_an_index_of_another_size_is_refused(self, falling):
        """An item without a rank would be another track's, or nobody's."""
        empty = rank_tracks(np.zeros((6000, F), np.float32))
        with pytest.raises(BadData, match="6000 items and 0 ranked"):
            TwoTierSearch(empty, SearchParameters(1, 0, 1), falling.index)

    def test_no_index_finds_no_tracks(self, falling):
        """Absence is a recall of zero, never of one."""
        assert falling.measure(TwoTierSearch(falling.ranked, SearchParameters(6000, 0, 1))).similar_recall == 0

    def test_any_of_equal_tracks_is_a_hit(self, tmp_path):
        """Ten of thirty equal tracks are as right as any other ten."""
        world = World(300, tmp_path, False)
        world.factors[:] = np.repeat(world.factors[:10], 30, axis=0)
        world.ranked = rank_tracks(world.factors)
        index = built(world.ranked, tmp_path)
        recall = world.measure(TwoTierSearch(world.ranked, SearchParameters(300, 0, 3000), index))
        assert recall.user_recall == recall.similar_recall == 1.0

    def test_residues_of_the_solver_cost_no_recall(self, tmp_path):
        """Scaled to norm 1 a residue would be everybody's near neighbour, and the index would seem to miss it."""
        world = World(600, tmp_path, False)
        world.factors[::2] *= 1e-9
        world.ranked = rank_tracks(world.factors)
        index = built(world.ranked, tmp_path)
        recall = world.measure(TwoTierSearch(world.ranked, SearchParameters(600, 0, 6000), index))
        assert recall.user_recall == recall.similar_recall == 1.0
        assert recall.n_tracks < 150

    def test_nothing_to_measure_is_no_recall(self, falling):
        """An empty sample must not pass a gate."""
        nobody = np.zeros((0, F), np.float32), Played(np.zeros(1, int), np.zeros(0, int))
        search = TwoTierSearch(falling.ranked, SearchParameters(1, 0, 1), falling.index)
        recall = measure_recall(search, falling.factors, *nobody, np.zeros(0, int), K)
        assert (recall.user_recall, recall.user_recall_heaviest, recall.similar_recall, recall.n_users) == (0, 0, 0, 0)
