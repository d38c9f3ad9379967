"""Every recommender, and every retriever over its factors, held by the same suite."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from recommenders.catalogues import snapshot
from recommenders.suite import (
    N_TRACKS,
    N_USERS,
    NEVER,
    K,
    RecommenderSuite,
    RetrieverSuite,
    nothing_played,
    vocabulary,
    world,
)

from recsys_tasks.core.components import ContentConfig, NeighboursConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.index.annoy_index import build_trees, open_index
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Parent, TrainingData, unheard
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.content import Content
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.popular import Popularity
from recsys_tasks.recommenders.recent import Recent
from recsys_tasks.recommenders.vectors import Played

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


class TestRecent(RecommenderSuite):
    """Listeners of late, of one date here, who know no taste."""

    floor = 0.01

    def recommender(self):
        """A week's half-life."""
        return Recent(7.0)

    def test_a_parent_of_other_rows_is_followed_by_id(self):
        """A parent holds the dates before: its sums fade by one day, and go to the tracks of the same ids."""
        data, recommender = world()[0], self.recommender()
        few = TrainingData(data.plays[:100, :70], vocabulary(100), Vocabulary(pa.array(range(79, 9, -1)), np.zeros(70)))
        parent = recommender.fit(few).component
        found = recommender.fit(data, Parent(parent, few.users, few.tracks)).component
        older = np.append(np.zeros(10), parent.sums[::-1]) * 0.5 ** (1 / 7)
        np.testing.assert_array_equal(found.before.sums, older)
        np.testing.assert_array_equal(found.sums, older + np.bincount(data.plays.indices, minlength=80))


class TestNeighboursByCosine(RecommenderSuite):
    """Co-listening, every track kept."""

    floor = 0.08

    def recommender(self):
        """More neighbours than there are tracks."""
        return NearestTracks(NeighboursConfig(nearest=200))


class TestNeighboursByBm25(RecommenderSuite):
    """Co-listening weighted by BM25."""

    floor = 0.08

    def recommender(self):
        """More neighbours than there are tracks."""
        return NearestTracks(NeighboursConfig(similarity="bm25", nearest=200))


class TestNeighboursByEase(RecommenderSuite):
    """What tracks say of each other beside all others."""

    floor = 0.08

    def recommender(self):
        """More neighbours than there are tracks."""
        return NearestTracks(NeighboursConfig(similarity="ease", nearest=200))


class TestContent(RecommenderSuite):
    """Content, of a catalogue that knows which quarter a track belongs to, and nothing of one that nobody plays."""

    floor = 0.08

    def recommender(self):
        """More neighbours than there are tracks."""
        return WithCatalogue(ContentConfig(nearest=200, most_tracks=100), "a digest", date(2026, 1, 1))


class WithCatalogue(Content):
    """The recommender with the catalogue of the suite's world at hand."""

    def fit(self, data, parent=None, progress=unheard):
        """As ``Recommender``."""
        known = np.setdiff1d(np.arange(N_TRACKS), [NEVER])
        table = snapshot(known, tags=[[f"quarter {track % 4}", f"{track // 4 % 2}"] for track in known])
        return super().fit(replace(data, catalogue=table), parent, progress)


class TestOneComponent(RetrieverSuite):
    """A blend of one component."""

    def retriever(self):
        """ALS alone, of weight 1."""
        return Blend((1.0,)).of([Als(CONFIG).fit(world()[0]).component])

    def test_one_component_answers_as_it_is(self):
        """No scale comes between a component that stands alone and its lists, nor one of no weight."""
        als, popular = Als(CONFIG).fit(world()[0]).component, Popularity().fit(world()[0]).component
        assert Blend((1.0,)).of([als]) is als
        assert Blend((1.0, 0.0), ("als", "recent")).of([als, popular]) is als

    @pytest.mark.parametrize("weights", [(), (0.0,), (-1.0,)])
    def test_weights_that_recommend_nothing_are_refused(self, weights):
        """A blend needs a positive weight."""
        with pytest.raises(ConfigError, match="recommends nothing"):
            Blend(weights)

    def test_weights_of_other_components_are_refused(self):
        """As many weights as names, and as many components."""
        component = Popularity().fit(world()[0]).component
        with pytest.raises(ConfigError, match="2 components do not fit 1 weights"):
            Blend((1.0,)).of([component, component])
        with pytest.raises(ConfigError, match="1 components do not fit 2 weights"):
            Blend((1.0, 0.5))


class TestBlend(RetrieverSuite):
    """Three components joined, with more candidates than there are tracks."""

    def parts(self):
        """ALS, recent plays and neighbours."""
        kinds = Als(CONFIG), Recent(7.0), NearestTracks(NeighboursConfig(nearest=200))
        return [kind.fit(world()[0]).component for kind in kinds]

    def retriever(self):
        """Weights that matter all three."""
        return Blend((1.0, 0.2, 0.5), ("als", "recent", "neighbours")).of(self.parts())

    def test_a_list_may_be_longer_than_what_each_component_names(self):
        """Each names as many as are asked for; and what does not hold every track is not certified."""
        short, rows = Blend((1.0, 0.5), ("als", "neighbours"), 1).of(self.parts()[::2]), np.arange(20)
        rows = rows[~short.cold_users()[:20]]
        found = short.candidates(rows, nothing_played(len(rows)), K)
        assert (found.cols >= 0).all()
        assert not found.exact.any()

    def test_what_one_component_knows_is_not_cold(self):
        """An item that is nobody's neighbour stands on lists by the others."""
        few = NearestTracks(NeighboursConfig(nearest=1)).fit(world()[0]).component
        blend = Blend((1.0, 0.5), ("als", "neighbours")).of([self.parts()[0], few])
        assert few.cold_items().sum() > blend.cold_items().sum() == 1

    def test_it_learns(self):
        """The whole reaches what its best component reaches."""
        data, hidden = world()
        lists = self.retriever().candidates(np.arange(N_USERS), Played(data.plays.indptr, data.plays.indices), K)
        hits = [np.isin(lists.cols[user], hidden[user].indices).sum() / K for user in range(N_USERS)]
        assert np.mean(hits) >= TestAls.floor


def test_als_beats_the_popular_tracks_where_there_are_tastes():
    """The learning floor of the suite tells a model that learned tastes from one that cannot."""
    assert TestAls.floor > 5 * TestPopularity.floor
    assert np.isfinite(Als(CONFIG).fit(world()[0]).component.scores(np.arange(N_USERS), np.zeros(N_USERS, int))).all()


def test_played_tracks_of_some_listeners_are_theirs():
    """Rows in any order and more than once; a row that is none has played nothing."""
    played = Played(np.array([0, 2, 2, 5]), np.array([4, 7, 1, 2, 3]))
    some = played.rows(np.array([2, -1, 0, 1, 2]))
    assert [some.of(row).tolist() for row in range(5)] == [[1, 2, 3], [], [4, 7], [], [1, 2, 3]]
