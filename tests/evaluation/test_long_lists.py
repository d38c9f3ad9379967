"""Long lists beside those of length k: when they are made, and what they count."""

from dataclasses import replace

import numpy as np
import pytest
from folding import folded, hiding
from strategies import play_counts

from recsys_tasks.evaluation.compared import LongLists
from recsys_tasks.evaluation.evaluated_models import PARTS, evaluate_models
from recsys_tasks.evaluation.lists import EvaluatedModel
from recsys_tasks.evaluation.metrics import discounted_hits
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.matrix.split import hold_out, split_day
from recsys_tasks.recommenders.popular import PopularTracks

K = 10


@pytest.fixture(scope="module")
def day():
    """Forty listeners with histories of a few tracks, each of whom discovers one more."""
    plays = [{(u, t): 1 for u in range(40) for t in range(u % 5, 60, 7)}, {(u, 60 + u % 20): 1 for u in range(40)}]
    matrix, date = folded(plays)
    return matrix, hold_out(matrix, split_day(matrix, play_counts(plays[1]), date, hiding()))


def random_model(day, seed):
    """A model of random factors over all tracks of the day."""
    matrix, holdout = day
    rng, n = np.random.default_rng(seed), len(matrix.tracks)
    items = rng.normal(size=(n, 3)).astype(np.float32)
    vectors = rng.normal(size=(len(holdout.user_rows), 3)).astype(np.float32)
    search = TwoTierSearch(rank_tracks(items), SearchParameters(n, 0, 1))
    return EvaluatedModel(IndexedFactors(search, vectors), PopularTracks(holdout.listeners, 0), np.arange(n), n)


def evaluated(day, enough, places=40, most=100, earlier=lambda: None):
    """Two random models on the day."""
    long = LongLists(places, enough, most, earlier)
    matrix, holdout = day
    none_new = matrix.tracks.first_days > 10**6
    return evaluate_models(holdout, random_model(day, 1), random_model(day, 2), none_new, K, long=long).per_user


class TestLongLists:
    def test_they_are_made_where_short_ones_tell_too_little(self, day):
        """Columns of candidate, live release and popular tracks; none where the short lists are enough, or never."""
        names = {"candidate_evidence", "incumbent_evidence", "popularity_evidence"}
        assert names <= set(evaluated(day, enough=0.0))
        for settings in ({"enough": 1e9}, {"enough": 0.0, "places": 0}, {"enough": 0.0, "most": 3}):
            assert not [name for name in evaluated(day, **settings) if "evidence" in name]

    def test_the_release_of_a_week_before_is_opened_only_then(self, day):
        """Opening it costs an ordinary day of a large service nothing."""
        opened = []

        def earlier():
            opened.append(1)
            return random_model(day, 3)

        assert "earlier_evidence" not in evaluated(day, enough=1e9, earlier=earlier)
        assert not opened
        assert {"candidate_earlier_evidence", "earlier_evidence"} <= set(evaluated(day, enough=0.0, earlier=earlier))
        assert opened == [1]

    def test_a_list_of_length_k_counts_as_precision(self):
        """The first k places count fully, place 4 k half."""
        hits = np.zeros((3, 4 * K), dtype=bool)
        hits[0, :K], hits[1, 4 * K - 1] = True, True
        assert discounted_hits(hits, K).tolist() == pytest.approx([1.0, 0.5 / K, 0.0])

    def test_more_plays_are_found_than_in_short_lists(self, day):
        """Nothing that a short list hits is lost, and the error of the comparison shrinks with the hits."""
        found = evaluated(day, enough=0.0)
        assert (found["candidate_evidence"] >= found["candidate_common_precision"] - 1e-12).all()
        assert found["candidate_evidence"].sum() > found["candidate_common_precision"].sum()


class TestJoinedAlike:
    def test_the_pair_is_of_components_joined_as_the_live_release_joins(self, day):
        """At every length; as it is the candidate stands beside it, in lists of length k. Nothing else changes."""
        live, other = random_model(day, 2), random_model(day, 3).retriever
        earlier = replace(random_model(day, 4), alike=random_model(day, 5).retriever)
        alike = compared_with(day, replace(live, alike=other), earlier)
        as_before, as_other = compared_with(day, live, earlier), compared_with(day, live, earlier, candidate=3)
        as_fifth = compared_with(day, live, replace(earlier, alike=None), candidate=5)
        same = {"as_is_common_precision": as_before["candidate_common_precision"]}
        same |= {name: as_other[name] for name in as_other if name.startswith("candidate_common")}
        same |= {"candidate_evidence": as_other["candidate_evidence"]}
        same |= {"candidate_earlier_evidence": as_fifth["candidate_earlier_evidence"]}
        assert list(alike) != list(as_before)
        for name in alike:
            np.testing.assert_array_equal(alike[name], same[name] if name in same else as_before[name], name)
        assert (alike["as_is_common_precision"] != alike["candidate_common_precision"]).any()

    def test_where_nothing_is_joined_no_list_is_made_more(self, day):
        """The same columns as ever, and as many lists."""
        live, asked = random_model(day, 2), []
        model = random_model(day, 1)
        counted = replace(model, retriever=Counted(model.retriever, asked))
        compared_with(day, live, random_model(day, 4), counted)
        assert len(asked) == 2 * PARTS + 2  # all tracks and the common ones; long ones beside both releases


def compared_with(day, live, earlier, candidate=1):
    """A random model, or a given one, beside a live release and an earlier one."""
    matrix, holdout = day
    new = random_model(day, candidate) if isinstance(candidate, int) else candidate
    long = LongLists(40, 0.0, 100, lambda: earlier)
    return evaluate_models(holdout, new, live, matrix.tracks.first_days > 10**6, K, long=long).per_user


class Counted:
    """A retriever that counts how often it is asked for lists."""

    def __init__(self, retriever, asked):
        self.retriever, self.asked = retriever, asked

    def candidates(self, *question):
        """As the retriever."""
        self.asked.append(1)
        return self.retriever.candidates(*question)

    def cold_users(self):
        """As the retriever."""
        return self.retriever.cold_users()
