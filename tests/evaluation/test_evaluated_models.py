"""Models side by side: the same listeners, the same hidden plays, the same path."""

import numpy as np
from folding import folded, hiding
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import play_counts

from recsys_tasks.evaluation.compared import common_tracks, compared
from recsys_tasks.evaluation.evaluated_models import evaluate_models
from recsys_tasks.evaluation.lists import EvaluatedModel, is_hit, overlap, recommend, recommend_from, translated
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.matrix.split import Holdout, hold_out, split_day
from recsys_tasks.recommenders.joined import Choice
from recsys_tasks.recommenders.popular import PopularTracks

FIRST = np.array([0])


def model(item_factors, vectors, listeners=(1,), own_cols=None):
    """One model over its own tracks, the first of which is popular."""
    ranked = rank_tracks(item_factors)
    own = np.arange(len(item_factors)) if own_cols is None else np.array(own_cols)
    search = TwoTierSearch(ranked, SearchParameters(len(item_factors), 0, 1))
    counts = np.zeros(len(item_factors), np.int64)
    counts[: len(listeners)] = listeners
    popular = PopularTracks(counts, len(vectors))
    return EvaluatedModel(IndexedFactors(search, vectors), popular, own, len(item_factors))


class TestEvaluatedModels:
    items = np.array([[3.0, 0], [2, 0], [0, 2], [0, 1]], np.float32)

    def test_an_incumbent_answers_in_the_candidates_columns(self):
        """Tracks are matched by id: its columns 0 and 1 are the candidate's 2 and 0; the rest it does not know."""
        incumbent = model(self.items[:2], np.array([[1, 0]], np.float32), own_cols=[1, -1, 0, -1])
        nothing = sparse.csr_matrix((1, 4))
        assert recommend(incumbent, FIRST, nothing, 3).tolist() == [[2, 0, -1]]
        played = sparse.csr_matrix(([1], ([0], [2])), shape=(1, 4))
        assert recommend(incumbent, FIRST, played, 3).tolist() == [[0, -1, -1]]

    def test_lists_of_several_choices_are_those_of_each_alone(self):
        """More listeners than are asked at once, one of whom is cold: each choice has the lists it would have alone."""
        rng = np.random.default_rng(3)
        vectors = rng.normal(size=(150, 2)).astype(np.float32)
        vectors[70] = 0
        asked = model(rng.normal(size=(30, 2)).astype(np.float32), vectors, listeners=np.arange(30))
        rows, played = np.arange(150), sparse.random(150, 30, 0.2, "csr", np.float32, rng)
        choices = [None, np.arange(30) % 2 == 0, np.arange(30) > 24]
        for choice, found in zip(
            choices, recommend_from(asked, rows, played, 4, list(map(Choice, choices))), strict=True
        ):
            np.testing.assert_array_equal(found, recommend(asked, rows, played, 4, choice))
            assert choice is None or choice[found[found >= 0]].all()

    @given(st.integers(0, 2**30))
    def test_plays_are_translated_into_rows_in_order(self, seed):
        """Counts and ones alike: unknown tracks are left out, and the columns rise, for sums depend on the order."""
        rng = np.random.default_rng(seed)
        plays = sparse.csr_matrix(rng.integers(0, 3, (5, 9)), dtype=np.uint32)
        own_cols = np.where(rng.random(9) < 0.3, -1, rng.permutation(12)[:9])
        known = np.flatnonzero(own_cols >= 0)
        expected = np.zeros((5, 12), np.uint32)
        expected[:, own_cols[known]] = plays.toarray()[:, known]
        for keep_plays, cells in ((True, expected), (False, expected > 0)):
            own = translated(plays, own_cols, 12, keep_plays)
            np.testing.assert_array_equal(own.toarray(), cells)
            for row in range(5):
                assert (np.diff(own.indices[own.indptr[row] : own.indptr[row + 1]]) > 0).all()

    def test_a_listener_without_a_vector_gets_the_popular_tracks(self):
        """As in production: whoever a release does not know is shown what is popular."""
        unknown = model(self.items, np.zeros((1, 2), np.float32), listeners=(1, 2, 0, 9))
        assert recommend(unknown, FIRST, sparse.csr_matrix((1, 4)), 2).tolist() == [[3, 1]]

    def test_the_same_model_against_itself_differs_by_nothing(self):
        """Candidate and incumbent that are one model have equal figures for every user."""
        days = [{(u, t): 1 for u in range(20) for t in range(0, 8, 1 + u % 3)}, {(u, 8 + u % 4): 1 for u in range(20)}]
        matrix, day = folded(days)
        split = hold_out(matrix, split_day(matrix, play_counts(days[1]), day, hiding()))
        rng = np.random.default_rng(1)
        items = rng.normal(size=(len(matrix.tracks), 3)).astype(np.float32)
        one = model(items, rng.normal(size=(len(split.user_rows), 3)).astype(np.float32))
        found = evaluate_models(split, one, one, matrix.tracks.first_days > 10**6, 3)
        assert len(found.per_user["candidate_precision"]) == len(split.user_rows)
        assert found.figures["candidate_precision"]["mean"] > 0
        for metric in ("precision", "ndcg", "common_precision"):
            np.testing.assert_array_equal(found.per_user[f"candidate_{metric}"], found.per_user[f"incumbent_{metric}"])

    def test_each_pair_is_compared_on_what_both_know(self):
        """Live release and reference, each of which lacks other tracks: beside each the candidate's list is drawn from
        their common tracks, and so is its own; the headline lists are drawn from all tracks that a model has."""
        rng, n_users, n_tracks = np.random.default_rng(2), 40, 12
        cells = [sparse.csr_matrix((rng.random((n_users, n_tracks)) < share).astype(np.uint32)) for share in (0.2, 0.3)]
        played, hidden = cells[0], sparse.csr_matrix(cells[1] - cells[1].multiply(cells[0] > 0))
        hidden.eliminate_zeros()
        holdout = Holdout(np.arange(n_users), played, played, hidden)

        def knowing(tracks):
            listeners = np.isin(np.arange(n_tracks), tracks).astype(np.int64)
            items, users = (rng.normal(size=(n, 3)).astype(np.float32) for n in (n_tracks, n_users))
            return model(items, users, listeners)

        candidate, incumbent, reference = knowing(range(12)), knowing(range(5, 12)), knowing(range(7))
        found = evaluate_models(holdout, candidate, incumbent, np.arange(12) > 9, 3, reference=reference)
        scored = found.scored
        own, asked = hidden[scored], (scored, played[scored], 3)
        for name, other in (("candidate", candidate), ("incumbent", incumbent)):
            np.testing.assert_array_equal(found.lists[name], recommend(other, *asked))
        for other, names in ((incumbent, ("candidate_common", "incumbent_common")),
                             (reference, ("candidate_reference", "reference"))):  # fmt: skip
            common = common_tracks(candidate, other)
            both = {name: recommend(each, *asked, common) for name, each in zip("ab", (candidate, other), strict=True)}
            expected = compared(both, common, own, {})
            for name, values in zip(names, expected.values(), strict=True):
                np.testing.assert_array_equal(found.per_user[f"{name}_precision"], values)

    def test_figures_of_lists_are_what_their_names_say(self):
        """Which of the played tracks they show, how many of these are new, how popular they are, and what they are
        worth to those who know little: columns 0 to 3 have 0, 3, 2 and 1 listeners, and the last is new."""
        played = sparse.csr_matrix(np.array([[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1]], np.uint32))
        hidden = sparse.csr_matrix(np.array([[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]], np.uint32))
        candidate = model(np.array([[1.0], [2], [3], [4]], np.float32), np.ones((3, 1), np.float32))
        is_new = np.arange(4) == 3
        found = evaluate_models(Holdout(np.arange(3), played, played, hidden), candidate, None, is_new, 1).figures
        assert found["candidate_coverage"] == 2 / 3  # lists of 3, 3 and 0; of the three with listeners one: 3
        assert found["candidate_new_share"] == 2 / 3
        assert found["candidate_popularity_percentile"] == (1 / 3 + 1 / 3 + 0) / 3
        assert found["popularity_popularity_percentile"] == (2 / 3 + 1 / 3) / 2
        assert [(name, of["candidate"]) for name, of in found["activity"].items()] == [
            ("light", 0),
            ("middling", 1),
            ("heavy", 1),
        ]

    def test_a_kind_of_track_is_looked_at_among_common_tracks_alone(self):
        """Who has a hidden play of the kind, but of a track that only one of the models knows, is not asked."""
        lists = {"candidate": np.array([[1], [0]]), "other": np.array([[0], [0]])}
        hidden = sparse.csr_matrix(np.array([[0, 1, 0], [0, 0, 1]]))
        found = compared(lists, np.array([True, True, False]), hidden, {"new": np.array([False, True, True])})
        np.testing.assert_array_equal(found["candidate_common_new_precision"], [1, np.nan])

    @given(st.integers(0, 2**30))
    def test_overlap_is_the_share_of_places_that_both_lists_fill_alike(self, seed):
        """As sets, user by user; a missing place is common with nothing."""
        rng = np.random.default_rng(seed)
        one, other = (np.array([rng.permutation(np.arange(-1, 8))[:4] for _ in range(5)]) for _ in range(2))
        expected = [len((set(a) & set(b)) - {-1}) / 4 for a, b in zip(one.tolist(), other.tolist(), strict=True)]
        assert overlap(one, other).tolist() == expected

    def test_a_missing_place_is_no_hit(self):
        """-1 never counts as a hit, whatever the last track is."""
        hidden = sparse.csr_matrix(([1, 1], ([0, 1], [3, 0])), shape=(2, 4))
        assert is_hit(np.array([[-1, 3], [-1, 1]]), hidden).tolist() == [[False, True], [False, False]]
