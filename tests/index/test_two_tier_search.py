"""User-track search against brute force written here from the definition, in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from search_cases import assert_lists_hold, eligible, make_factors, make_played, nobody_played

from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.index.annoy_index import build_trees, open_index
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import ScanSizes, SearchParameters, TwoTierSearch
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.vectors import Played

EVERYTHING = SearchParameters(1_000_000, 0, 1)
SMALL = ScanSizes(batch=4, first_block=4, flat_first_block=8, least_block=2, growth=2, block_scores=48, late_block=3)
"""A few tracks make many blocks, and a few users several batches."""


class TestScan:
    @pytest.mark.parametrize("kind", ["random", "falling", "flat", "duplicated", "zeros"])
    @pytest.mark.parametrize("n_tracks", [1, 7, 5000])  # more than a block past the budget
    def test_equals_brute_force(self, kind, n_tracks):
        """Without a budget every answer is certified and brute force's, with played tracks and a choice of tracks."""
        rng = np.random.default_rng(n_tracks)
        factors, users = make_factors(kind, rng, n_tracks), rng.normal(size=(70, 8)).astype(np.float32)
        played = make_played(rng, 70, n_tracks, min(n_tracks, 200))
        search = TwoTierSearch.exact(rank_tracks(factors))
        for allowed in (None, rng.random(n_tracks) < 0.5, np.zeros(n_tracks, bool)):
            found = search.find(users, played, 10, allowed)
            assert found.exact.all()
            assert_lists_hold(found, factors, users, played, allowed)

    @given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.integers(1, 50))
    def test_certificate_never_lies(self, seed, n_tracks, k, budget):
        """Whatever the blocks, the budget and the ties, a certified list is the exact one, and others are legal."""
        rng = np.random.default_rng(seed)
        factors = rng.integers(-2, 3, size=(n_tracks, 3)).astype(np.float32)  # exact in float32, and full of ties
        users = rng.integers(-2, 3, size=(9, 3)).astype(np.float32)
        played, allowed = make_played(rng, 9, n_tracks, n_tracks // 3), rng.random(n_tracks) < 0.8
        search = TwoTierSearch(rank_tracks(factors), SearchParameters(budget, 0, 1), sizes=SMALL)
        found = search.find(users, played, k, allowed)
        assert_lists_hold(found, factors, users, played, allowed)
        norms = np.linalg.norm(factors, axis=1)
        for row in np.flatnonzero(found.exact):
            choice = eligible(factors, played, row, allowed)
            order = np.lexsort((choice, -norms[choice], -(factors[choice] @ users[row])))
            np.testing.assert_array_equal(found.cols[row][found.cols[row] >= 0], choice[order][:k])

    @pytest.mark.parametrize("ratio", [1e-6, 1.0, 1e6])
    def test_rounding_does_not_forge_a_certificate(self, ratio):
        """Where scores differ in the last bits only, no track left unread truly scores more than a certified one."""
        rng = np.random.default_rng(3)
        factors = (np.ones((2000, 8)) + 1e-7 * rng.normal(size=(2000, 8))).astype(np.float32) * np.float32(ratio)
        users = (np.ones((50, 8)) + 1e-5 * rng.normal(size=(50, 8))).astype(np.float32)
        ranked = rank_tracks(factors)
        found = TwoTierSearch(ranked, EVERYTHING, sizes=SMALL).find(users, nobody_played(50), 10)
        assert_lists_hold(found, factors, users, nobody_played(50))
        truth = users.astype(np.float64) @ ranked.ranked_factors.T.astype(np.float64)
        for row, ranks in enumerate(ranked.col_ranks[found.cols]):
            assert truth[row, found.scored[row] :].max(initial=-np.inf) <= truth[row, ranks].min()

    def test_a_damaged_factor_does_not_keep_the_search_for_ever(self):
        """NaN compares with nothing, so no list is full and no bound reached, ever: the scan ends all the same."""
        ranked = rank_tracks(np.ones((20, 2), np.float32))
        ranked.ranked_factors[:] = np.nan
        found = TwoTierSearch(ranked, EVERYTHING).find(np.ones((1, 2), np.float32), nobody_played(1), 3)
        assert found.cols.tolist() == [[-1, -1, -1]]

    def test_falling_norms_leave_most_tracks_unread(self):
        """The certificate comes early where norms fall: that is what the order is for."""
        rng = np.random.default_rng(0)
        factors, users = make_factors("falling", rng, 20_000), rng.normal(size=(70, 8)).astype(np.float32)
        found = TwoTierSearch(rank_tracks(factors), EVERYTHING).find(users, nobody_played(70), 10)
        assert found.exact.all()
        assert found.scored.max() < 3000

    def test_one_at_a_time_gives_the_same_bits_as_a_batch(self):
        """The evaluation asks in batches and listeners one by one: both see the same lists and scores."""
        rng = np.random.default_rng(1)
        factors, users = make_factors("flat", rng, 5000), rng.normal(size=(70, 8)).astype(np.float32)
        played = make_played(rng, 70, 5000, 50)
        search = TwoTierSearch(rank_tracks(factors), SearchParameters(2000, 0, 1))
        together = search.find(users, played, 10)
        for row in range(70):
            own = Played(np.array([0, len(played.of(row))]), played.of(row))
            alone = search.find(users[row : row + 1], own, 10)
            np.testing.assert_array_equal(alone.cols[0], together.cols[row])
            np.testing.assert_array_equal(alone.scores[0], together.scores[row])

    @given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 12), st.integers(1, 50))
    def test_a_user_alone_gets_the_list_of_the_batch(self, seed, n_tracks, k, budget):
        """The arithmetic for one user is written apart: whatever the ties, budget and choice, its lists are equal."""
        rng = np.random.default_rng(seed)
        factors = rng.integers(-2, 3, size=(n_tracks, 3)).astype(np.float32)  # exact in float32, and full of ties
        users = rng.integers(-2, 3, size=(4, 3)).astype(np.float32)
        played, allowed = make_played(rng, 4, n_tracks, n_tracks // 3), rng.random(n_tracks) < 0.8
        search = TwoTierSearch(rank_tracks(factors), SearchParameters(budget, 0, 1), sizes=SMALL)
        together = search.find(users, played, k, allowed)
        for row in range(4):
            own = Played(np.array([0, len(played.of(row))]), played.of(row))
            alone = search.find(users[row : row + 1], own, k, allowed)
            np.testing.assert_array_equal(alone.cols[0], together.cols[row])
            np.testing.assert_array_equal(alone.scores[0], together.scores[row])
            assert_lists_hold(alone, factors, users[row : row + 1], own, allowed)

    def test_equal_scores_stay_in_rank_order(self):
        """Five copies of one track are listed by column: an answer does not hang on the sort's mood."""
        factors = np.ones((5, 2), np.float32)
        found = TwoTierSearch(rank_tracks(factors), EVERYTHING).find(factors[:1], nobody_played(1), 3)
        assert found.cols.tolist() == [[0, 1, 2]]


class TestParameters:
    def test_longer_lists_of_similar_tracks_cost_the_root_of_their_length(self):
        """Nine times the list inspects three times as many tracks, never fewer than a list of that length needs."""
        chosen = SearchParameters(500, 40, 6_400)
        assert chosen.for_lists_of(10, 10) is chosen
        assert chosen.for_lists_of(90, 10) == SearchParameters(4_500, 360, 19_200)
        assert chosen.for_lists_of(10_000, 10).similar_search_k >= 80_000


class TestBudget:
    def test_is_kept(self):
        """On flat norms nothing is certified early, and no user with a full list is scanned for past the budget."""
        rng = np.random.default_rng(2)
        factors, users = make_factors("flat", rng, 5000), rng.normal(size=(70, 8)).astype(np.float32)
        ranked = rank_tracks(factors)
        found = TwoTierSearch(ranked, SearchParameters(1500, 0, 1)).find(users, nobody_played(70), 10)
        assert not found.exact.any()
        assert (found.scored == 1500).all()
        assert ranked.col_ranks[found.cols].max() < 1500

    def test_a_list_that_is_not_full_is_scanned_on_for(self):
        """A listener who played all of the tracks with the largest norms still gets a full list of others."""
        rng = np.random.default_rng(2)
        factors, users = make_factors("flat", rng, 9000), rng.normal(size=(2, 8)).astype(np.float32)
        ranked = rank_tracks(factors)
        played = Played(np.array([0, 600, 600]), ranked.rank_cols[:600])
        found = TwoTierSearch(ranked, SearchParameters(500, 0, 1)).find(users, played, 10)
        assert_lists_hold(found, factors, users, played)
        assert found.scored.tolist() == [500 + ScanSizes().late_block, 500]

    def test_annoy_fills_in_past_the_budget(self, tmp_path):
        """Annoy's neighbours raise the recall, and are legal: new, unplayed, allowed, and scored by inner product."""
        rng = np.random.default_rng(4)
        factors, users = make_factors("flat", rng, 4000), rng.normal(size=(70, 8)).astype(np.float32)
        played, allowed = make_played(rng, 70, 4000, 50), rng.random(4000) < 0.9
        ranked = rank_tracks(factors)
        build_trees(ranked.ranked_factors, str(tmp_path / "index.ann"), 10, 1)
        index = open_index(str(tmp_path / "index.ann"), 4000, 8)
        exact = exact_top(factors, users, played, 10, allowed).cols
        recalls = []
        for search_k in (0, 2000):
            search = TwoTierSearch(ranked, SearchParameters(300, search_k, 1), index)
            found = search.find(users, played, 10, allowed)
            assert_lists_hold(found, factors, users, played, allowed)
            for row in (0, 33, 69):
                own = Played(np.array([0, len(played.of(row))]), played.of(row))
                alone = search.find(users[row, None], own, 10, allowed)
                for name, values in vars(alone).items():
                    assert_array_equal(values[0], getattr(found, name)[row], name)
            recalls.append(np.mean([np.isin(own, best).mean() for own, best in zip(found.cols, exact, strict=True)]))
        assert recalls[0] < 0.3
        assert recalls[1] > 0.9
        assert (found.scored > 2300).all()


class TestQuestions:
    def test_a_zero_vector_gets_no_answer(self):
        """A user without a vector is answered by -1, not by tracks of score zero; the others are not disturbed."""
        rng = np.random.default_rng(5)
        factors, users = make_factors("random", rng, 50), rng.normal(size=(3, 8)).astype(np.float32)
        users[1] = 0
        found = TwoTierSearch(rank_tracks(factors), EVERYTHING).find(users, nobody_played(3), 5)
        assert found.cols[1].tolist() == [-1] * 5
        assert found.exact.tolist() == [True, False, True]
        assert found.scored[1] == 0
        assert_lists_hold(found, factors, users, nobody_played(3))

    def test_tracks_without_a_factor_are_never_listed(self):
        """A zero factor would outscore every disliked track: even a list that cannot be filled goes without it."""
        factors = np.array([[0, 0], [-1, 0], [0, 0], [-2, 0]], np.float32)
        ranked = rank_tracks(factors)
        assert ranked.rank_cols.tolist() == [3, 1]
        assert ranked.col_ranks.tolist() == [-1, 1, -1, 0]
        played = Played(np.array([0, 2]), np.array([0, 3], np.int32))
        found = TwoTierSearch(ranked, EVERYTHING).find(np.array([[1, 0]], np.float32), played, 3)
        assert found.cols.tolist() == [[1, -1, -1]]

    def test_a_catalogue_without_a_single_factor_answers_with_nothing(self):
        """An all-zero model is not a crash."""
        search = TwoTierSearch(rank_tracks(np.zeros((3, 2), np.float32)), EVERYTHING)
        assert search.find(np.ones((2, 2), np.float32), nobody_played(2), 2).cols.tolist() == [[-1, -1]] * 2
        assert search.find(np.ones((0, 2), np.float32), nobody_played(0), 2).cols.shape == (0, 2)

    @pytest.mark.parametrize(
        ("user", "played", "allowed", "words"),
        [
            ([[np.nan, 1]], nobody_played(1), None, "not finite"),
            ([[3e38, 3e38]], nobody_played(1), None, "overflow"),
            ([[1, 2, 3]], nobody_played(1), None, "do not fit 2 factors"),
            ([[1, 2]], nobody_played(2), None, "Played tracks of 2 users"),
            ([[1, 2]], Played(np.array([0, 1]), np.array([4])), None, "outside"),
            ([[1, 2]], Played(np.array([0, 1]), np.array([-1])), None, "outside"),
            ([[1, 2]], nobody_played(1), np.ones(3, bool), "choice"),
        ],
    )
    def test_a_question_that_does_not_fit_is_refused(self, user, played, allowed, words):
        """NaN, overflow and wrong shapes are said, never answered."""
        search = TwoTierSearch(rank_tracks(np.full((4, 2), 2, np.float32)), EVERYTHING)
        with pytest.raises(BadData, match=words):
            search.find(np.array(user, np.float32), played, 2, allowed)

    def test_a_list_of_no_tracks_is_refused(self):
        """k = 0 is a caller's mistake."""
        search = TwoTierSearch(rank_tracks(np.ones((4, 2), np.float32)), EVERYTHING)
        with pytest.raises(ConfigError, match="0 tracks"):
            search.find(np.ones((1, 2), np.float32), nobody_played(1), 0)

    def test_no_budget_is_refused(self):
        """A budget of nothing would answer nobody."""
        with pytest.raises(ConfigError, match="budget=0"):
            SearchParameters(0, 0, 1)
