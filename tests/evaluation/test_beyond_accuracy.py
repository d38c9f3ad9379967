"""Novelty, diversity, Gini and calibration against RecTools, LensKit and the paper; and traits out of a catalogue."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from recsys_tasks.evaluation.beyond_accuracy import beyond_accuracy, diversity, gini, miscalibration, novelty
from recsys_tasks.evaluation.traits import Traits, traits_of
from recsys_tasks.matrix.split import Holdout

LISTS = np.array([[0, 1, 2, 3], [4, 7, 1, 10], [0, 3, 9, 11], [2, 5, 8, 1], [0, 1, 4, 6]])
PLAYED = [(0, 5), (0, 6), (1, 0), (1, 5), (1, 2), (2, 5), (2, 4), (3, 0), (3, 6), (3, 9), (3, 4), (4, 5), (4, 9),
          (4, 2), (4, 8), (4, 3)]  # fmt: skip
ARTISTS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4])
GENRES = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 0, 0])
TEMPI = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
HISTORY = sparse.csr_matrix((np.ones(16), np.array(PLAYED).T), shape=(5, 12))
LISTENERS = np.bincount([track for _, track in PLAYED], minlength=12)
RECTOOLS = {
    "novelty": [1.8219280948873622, 2.071928094887362, 1.8219280948873622, 1.5719280948873622, 1.5719280948873622],
    "artist": [0.5, 1.0, 1.0, 0.8333333333333334, 0.8333333333333334],
    "features": [0.8333333333333334, 0.5, 1.0, 1.3333333333333333, 1.1666666666666667],
}
SHORT = np.array([[0, -1, -1, -1], [-1, -1, -1, -1]])


class TestPeers:
    def test_novelty_is_that_of_rectools(self):
        """MeanInvUserFreq(k=4).calc_per_user(reco, interactions) of RecTools 0.19.0 on these lists and plays."""
        np.testing.assert_allclose(novelty(LISTS, LISTENERS, 5), RECTOOLS["novelty"])

    def test_diversity_is_that_of_rectools(self):
        """IntraListDiversity(k=4, PairwiseHammingDistanceCalculator(features)) of RecTools 0.19.0, over the columns."""
        np.testing.assert_allclose(diversity(LISTS, ARTISTS[:, None]), RECTOOLS["artist"])
        np.testing.assert_allclose(2 * diversity(LISTS, np.stack([GENRES, TEMPI], axis=1)), RECTOOLS["features"])

    def test_gini_is_that_of_lenskit(self):
        """lenskit.stats.gini(counts) of LensKit 2025.8.1, as its ListGini(items=12) calls it."""
        assert gini(LISTS, 12) == pytest.approx(0.275)


class TestShortLists:
    def test_a_list_of_nothing_has_no_value(self):
        """Missing places are left out; where nothing or no pair is left, a listener has no value and shifts no mean."""
        assert novelty(SHORT, LISTENERS, 5)[0] == pytest.approx(np.log2(5 / 2))
        assert np.isnan(novelty(SHORT, LISTENERS, 5)[1])
        assert np.isnan(diversity(SHORT, ARTISTS[:, None])).all()
        assert gini(SHORT[1:], 12) == 0.0

    def test_what_is_unknown_is_no_difference(self):
        """A pair counts only by the traits that are known of both."""
        lists, codes = np.array([[0, 1, 2]]), np.array([[3, -1], [3, 5], [-1, 6]])
        assert diversity(lists, codes)[0] == 0.5


class TestMiscalibration:
    def test_a_list_of_the_same_shares_has_none(self):
        """Half rock and half jazz, as the listener has played."""
        genres = sparse.csr_matrix(np.eye(2)[[0, 1, 0, 1]])
        played = sparse.csr_matrix(np.array([[9, 1, 0, 0]]))
        assert miscalibration(np.array([[2, 3]]), played, genres)[0] == pytest.approx(0.0, abs=1e-12)

    def test_a_list_of_one_genre_has_the_divergence_of_the_paper(self):
        """70 % of the plays are romance, 30 % action, the list is all romance: the paper's example."""
        genres = sparse.csr_matrix(np.eye(2)[[0] * 7 + [1] * 3 + [0] * 4])
        played = sparse.csr_matrix(np.array([[1] * 10 + [0] * 4]))
        expected = 0.7 * np.log(0.7 / (0.99 + 0.007)) + 0.3 * np.log(0.3 / 0.003)
        assert miscalibration(np.array([[10, 11, 12, 13]]), played, genres)[0] == pytest.approx(expected)

    def test_a_genre_of_the_list_alone_costs_the_place_that_it_takes(self):
        """Half of the list is of a genre that the listener never plays: nothing is divided by its share of zero."""
        genres, played = sparse.csr_matrix(np.eye(3)[[0, 0, 1]]), sparse.csr_matrix(np.array([[1, 0, 0]]))
        with np.errstate(all="raise"):
            found = miscalibration(np.array([[1, 2]]), played, genres)
        assert found[0] == pytest.approx(-np.log(0.99 * 0.5 + 0.01))

    @np.errstate(all="raise")
    def test_a_listener_without_a_known_genre_has_no_value(self):
        """Neither tracks nor lists of which nothing is said; and there nothing is divided by zero."""
        genres = sparse.csr_matrix(np.array([[0.0], [1.0]]))
        plays = sparse.csr_matrix(np.array([[1, 0], [0, 1]]))
        assert np.isnan(miscalibration(np.array([[1], [0]]), plays, genres)).all()
        both = sparse.csr_matrix(np.array([[0, 1], [0, 1]]))
        assert np.isnan(miscalibration(np.array([[1], [0]]), both, genres)).tolist() == [False, True]


class TestTraits:
    def test_they_come_from_the_names_of_a_candidate(self):
        """Artists by id where there is one, numbers by the fifth of the catalogue, genres of tags in equal shares."""
        names = pa.table(
            {
                "title": [*"abcde", None],
                "artist": ["A", "A", "A", "B", "B", None],
                "artist_id": [1, 2, 1, 3, 3, None],
                "released_on": [date(2026, 1, 1)] * 6,
                "genres": [["rock", "jazz"], ["rock"], [], None, ["folk"], ["jazz"]],
                "tempo": [1.0, 2.0, 3.0, 4.0, 5.0, None],
                "live": [True, None, True, False, False, True],
                "plays": [1] * 6,
            }
        )
        traits = traits_of(names)
        assert traits.artists.tolist() == [0, 1, 0, 2, 2, -1]
        assert traits.features.T.tolist() == [[0, 1, 2, 3, 4, -1], [0, -1, 0, 1, 1, 0]]
        expected = [[0.5, 0.5, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 0]]
        assert traits.genres.toarray().tolist() == expected

    def test_a_service_without_a_catalogue_has_what_it_has(self):
        """Nothing is known of any artist or genre: novelty and Gini are told, and nothing else."""
        names = pa.table({"title": pa.nulls(12, pa.string()), "artist": pa.nulls(12, pa.string())})
        holdout = Holdout(np.arange(5), HISTORY, HISTORY, HISTORY)
        told = beyond_accuracy({"candidate": LISTS}, holdout, np.arange(5), traits_of(names))
        assert told.keys() == {"candidate_novelty", "candidate_gini"}
        assert told["candidate_novelty"]["users"] == 5

    def test_scored_listeners_are_held_against_their_own_tracks_and_all_who_play(self):
        """The others' histories, and listeners without a play of the training, shift nothing."""
        some, genres = np.array([2, 4]), sparse.csr_matrix(np.eye(3)[GENRES])
        training = sparse.csr_matrix(sparse.vstack([HISTORY, sparse.csr_matrix((3, 12))]))
        holdout = Holdout(np.arange(5), training, HISTORY, HISTORY)
        told = beyond_accuracy({"it": LISTS[some]}, holdout, some, Traits(ARTISTS, ARTISTS[:, None], genres))
        own = miscalibration(LISTS[some], HISTORY[some], genres)
        assert told["it_miscalibration"] == {"mean": pytest.approx(np.nanmean(own)), "users": 2}
        assert told["it_novelty"]["mean"] == pytest.approx(np.mean(RECTOOLS["novelty"][2::2]))

    def test_features_are_told_apart_by_their_own_values(self):
        """Lists of one artist differ in nothing by artists, and in half of the features where one of two differs."""
        alike, holdout = np.zeros(12, int), Holdout(np.arange(5), HISTORY, HISTORY, HISTORY)
        traits = Traits(alike, np.stack([alike, np.arange(12)], axis=1), None)
        told = beyond_accuracy({"it": LISTS}, holdout, np.arange(5), traits)
        assert (told["it_artist_diversity"]["mean"], told["it_feature_diversity"]["mean"]) == (0, 0.5)

    def test_a_fraction_counts_as_the_fifth_that_it_lies_in_and_a_whole_number_as_itself(self):
        """What is unknown, or no number, is of no class."""
        tempo = pa.array([*np.arange(10.0), None, np.nan])
        names = pa.table({"artist": pa.nulls(12, pa.string()), "tempo": tempo, "year": pa.array(range(12))})
        tempo_class, year = traits_of(names).features.T.tolist()
        assert tempo_class == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, -1, -1]
        assert len(set(year)) == 12

    def test_the_mean_is_over_listeners_of_whom_it_can_be_told(self):
        """Each figure names how many these are."""
        holdout = Holdout(np.arange(2), HISTORY, HISTORY[:2], HISTORY[:2])
        genres = sparse.csr_matrix(np.eye(3)[GENRES])
        told = beyond_accuracy({"it": SHORT}, holdout, np.arange(2), Traits(ARTISTS, ARTISTS[:, None], genres))
        assert (told["it_novelty"]["users"], told["it_miscalibration"]["users"]) == (1, 1)
        assert "it_artist_diversity" not in told
        holdout = Holdout(np.arange(5), HISTORY, HISTORY, HISTORY)
        told = beyond_accuracy({"it": LISTS}, holdout, np.arange(5), Traits(ARTISTS, ARTISTS[:, None], genres))
        names = ("novelty", "artist_diversity", "feature_diversity", "miscalibration")
        assert [told[f"it_{name}"]["users"] for name in names] == [5] * 4
