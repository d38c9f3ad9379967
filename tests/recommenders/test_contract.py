"""Every recommender, and every retriever over its factors, held by the same suite."""

import numpy as np
import pytest
from recommenders.suite import N_USERS, RecommenderSuite, RetrieverSuite, world

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.index.annoy_index import build_trees, open_index
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.popular import Popularity

CONFIG = AlsConfig(factors=4, weight="log", a=1.0, regularization=5.0, max_iterations=30)


class TestAls(RecommenderSuite):
    """Weighted ALS."""

    floor = 0.08

    def recommender(self):
        """With few factors, as the world has few tastes."""
        return Als(CONFIG)


class TestPopularity(RecommenderSuite):
    """The most popular tracks, which know no taste."""

    floor = 0.01

    def recommender(self):
        """There is nothing to choose."""
        return Popularity()


class TestIndexedFactors(RetrieverSuite):
    """Factors of ALS through a stored index."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def retriever(self):
        """A search that looks at everything."""
        factors = Als(CONFIG).fit(world()[0]).component
        ranked, file = rank_tracks(factors.item_factors), str(self.folder / "index.ann")
        build_trees(ranked.ranked_factors, file, 4, 1)
        index = open_index(file, *ranked.ranked_factors.shape)
        search = TwoTierSearch(ranked, SearchParameters(len(ranked), 0, 100), index)
        return IndexedFactors(search, factors.user_factors)


class TestBlend(RetrieverSuite):
    """A blend of one component."""

    def retriever(self):
        """ALS alone, of weight 1."""
        return Blend((1.0,)).of([Als(CONFIG).fit(world()[0]).component])

    def test_one_component_answers_as_it_is(self):
        """No scale comes between a component that stands alone and its lists."""
        component = Als(CONFIG).fit(world()[0]).component
        assert Blend((1.0,)).of([component]) is component

    @pytest.mark.parametrize("weights", [(), (0.0,), (-1.0,)])
    def test_weights_that_recommend_nothing_are_refused(self, weights):
        """A blend needs a positive weight."""
        with pytest.raises(ConfigError, match="recommends nothing"):
            Blend(weights)

    def test_components_that_nobody_joined_are_refused(self):
        """More components than weights, and more than one on scales of their own, are wrong configurations."""
        component = Popularity().fit(world()[0]).component
        with pytest.raises(ConfigError, match="2 components do not fit 1 weights"):
            Blend((1.0,)).of([component, component])
        with pytest.raises(ConfigError, match="cannot be made yet"):
            Blend((1.0, 0.5)).of([component, component])


def test_als_beats_the_popular_tracks_where_there_are_tastes():
    """The learning floor of the suite tells a model that learned tastes from one that cannot."""
    assert TestAls.floor > 5 * TestPopularity.floor
    assert np.isfinite(Als(CONFIG).fit(world()[0]).component.scores(np.arange(N_USERS), np.zeros(N_USERS, int))).all()
