"""Hidden plays, metrics and the popularity baseline, against plain Python."""

import math
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implicit.evaluation import ranking_metrics_at_k
from scipy import sparse
from strategies import days_of_events, play_counts

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.errors import BadData
from recsys_tasks.evaluation import metrics
from recsys_tasks.evaluation.evaluation import Side, evaluate, is_hit, overlap, recommend, translated
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import Effort, TwoTierSearch
from recsys_tasks.matrix import popularity
from recsys_tasks.matrix.holdout import hold_out
from recsys_tasks.matrix.play_matrix import empty_matrix, fold
from recsys_tasks.matrix.popularity import first_of, first_unplayed, head_tracks, listeners_of, plays_of, popular_order

START = date(2026, 1, 5)


def folded(days):
    """Days of events as a matrix, and the date of the last."""
    matrix = empty_matrix(pa.int64(), pa.int64())
    for n, events in enumerate(days):
        matrix = fold(matrix, START + timedelta(days=n), play_counts(events), str(n))
    return matrix, START + timedelta(days=len(days) - 1)


class TestHoldout:
    @given(days_of_events)
    def test_nothing_hidden_is_trained_on(self, days):
        """Of a hidden user, training holds exactly the plays before the day, and hidden are the day's new tracks."""
        matrix, day = folded(days)
        split = hold_out(matrix, play_counts(days[-1]), day, EvaluationConfig())
        users, tracks = matrix.users.ids.to_pylist(), matrix.tracks.ids.to_pylist()
        for place, row in enumerate(split.user_rows):
            before = {t for events in days[:-1] for u, t in events if u == users[row]}
            today = {t for u, t in days[-1] if u == users[row]}
            assert before, "a hidden user has earlier history"
            assert {tracks[c] for c in split.training[row].indices} == before
            assert {tracks[c] for c in split.history[place].indices} == before
            assert {tracks[c] for c in split.hidden[place].indices} == today - before

    def test_a_partition_of_unknown_ids_is_refused(self):
        """A listener whom the matrix does not know is told as that, wherever the split meets them first."""
        matrix, day = folded([{(1, 1): 1}, {(1, 2): 1}])
        with pytest.raises(BadData, match="ids that its matrix does not know"):
            hold_out(matrix, play_counts({(1, 2): 1, (9, 2): 1}), day, EvaluationConfig())

    def test_how_many_are_hidden(self):
        """A fifth of the listeners, more where that is under 4,000, never over half nor over 10,000."""
        first, second = {(u, 0): 1 for u in range(100)}, {(u, 1): 1 for u in range(120)}
        matrix, day = folded([first, second])
        counts = play_counts(second)
        split = [hold_out(matrix, counts, day, EvaluationConfig(wanted_users=n)) for n in (4000, 30, 1)]
        assert [len(s.user_rows) for s in split] == [50, 30, 20]
        assert len(hold_out(matrix, counts, day, EvaluationConfig(max_users=7)).user_rows) == 7

    def test_the_choice_follows_the_user_and_the_date_alone(self):
        """A new date draws other users, as chance would."""
        first, second = {(u, 0): 1 for u in range(200)}, {(u, 1): 1 for u in range(200)}
        matrix, day = folded([first, second])
        today, tomorrow = (
            set(hold_out(matrix, play_counts(second), d, EvaluationConfig()).user_rows.tolist())
            for d in (day, day + timedelta(days=1))
        )
        assert 30 < len(today & tomorrow) < 70


def reference(hits, n_hidden, k):
    """Every metric of one user in plain Python."""
    gains = [1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit]
    best = sum(1 / math.log2(place + 2) for place in range(min(k, n_hidden)))
    at_hits = [sum(hits[: place + 1]) / (place + 1) for place in range(k) if hits[place]]
    return {
        "precision": sum(hits) / k,
        "recall": sum(hits) / n_hidden,
        "ndcg": sum(gains) / best,
        "map": sum(at_hits) / min(k, n_hidden),
        "hit_rate": float(any(hits)),
    }


class TestMetrics:
    @given(st.lists(st.tuples(st.lists(st.booleans(), min_size=4, max_size=4), st.integers(0, 9)), min_size=1))
    def test_each_is_its_definition(self, users):
        """All metrics of many users at once equal the plain definition, user by user."""
        hits = np.array([u for u, _ in users])
        n_hidden = np.array([max(1, sum(u) + more) for u, more in users])
        found = metrics.all_metrics(hits, n_hidden)
        for row, user in enumerate(hits.tolist()):
            for name, value in reference(user, int(n_hidden[row]), 4).items():
                assert found[name][row] == pytest.approx(value)

    def test_a_perfect_list_scores_one(self):
        """nDCG and MAP of the best possible list are 1 even where fewer than k plays are hidden."""
        hits, n_hidden = np.array([[True, True, False]]), np.array([2])
        assert metrics.ndcg(hits, n_hidden) == metrics.average_precision(hits, n_hidden) == 1

    def test_the_figures_are_those_of_implicit_where_the_definitions_agree(self):
        """MAP and nDCG are, and the hits behind its precision, which divides all of them by all min(k, plays)."""
        rng = np.random.default_rng(0)
        lists = np.array([rng.permutation(40)[:10] for _ in range(60)], dtype=np.int32)
        hidden = sparse.csr_matrix(rng.random((60, 40)) < rng.random((60, 1)) / 2, dtype=np.uint32)
        hidden = hidden[np.diff(hidden.indptr) > 0]
        lists = lists[: hidden.shape[0]]

        class Stored:
            def recommend(self, users, *_, **__):
                """The lists of some users."""
                return lists[users], None

        theirs = ranking_metrics_at_k(Stored(), hidden, hidden, 10, show_progress=False)
        hits, n_hidden = is_hit(lists, hidden), np.diff(hidden.indptr)
        assert hits.any()
        assert metrics.average_precision(hits, n_hidden).mean() == pytest.approx(theirs["map"], abs=1e-9)
        assert metrics.ndcg(hits, n_hidden).mean() == pytest.approx(theirs["ndcg"], abs=1e-9)
        assert hits.sum() / np.minimum(10, n_hidden).sum() == pytest.approx(theirs["precision"], abs=1e-9)


class TestPopularity:
    @pytest.mark.parametrize("together", [1, 7, 10_000])
    def test_tracks_are_counted_in_pieces_of_any_size(self, monkeypatch, together):
        """Listeners and plays of each track are those of the whole matrix, however many pairs are looked at at once."""
        monkeypatch.setattr(popularity, "TOGETHER", together)
        plays = sparse.random(30, 20, 0.3, format="csr", rng=np.random.default_rng(5))
        plays.data = np.arange(1, plays.nnz + 1, dtype=np.uint32)
        dense = plays.toarray()
        np.testing.assert_array_equal(listeners_of(plays), (dense > 0).sum(axis=0))
        np.testing.assert_array_equal(plays_of(plays), dense.sum(axis=0))

    @given(st.integers(0, 2**30), st.integers(1, 12))
    def test_the_first_unplayed_in_order(self, seed, k):
        """Each user's list is the order without the played and the forbidden, padded with -1; for one user too."""
        rng = np.random.default_rng(seed)
        played = sparse.random(5, 30, 0.6, format="csr", rng=rng)
        order = popular_order(rng.integers(0, 5, 30))
        allowed = rng.random(30) < 0.7
        for user, found in enumerate(first_unplayed(order, played, k, allowed)):
            free = [c for c in order if allowed[c] and c not in played[user].indices]
            assert found.tolist() == (free + [-1] * k)[:k]
        for user, found in enumerate(first_unplayed(order, played, k)):
            assert first_of(order, played[user].indices, k).tolist() == found[found >= 0].tolist()

    @given(st.lists(st.integers(0, 20), min_size=1, max_size=30))
    def test_the_head_is_the_fewest_tracks_with_half_of_the_listeners(self, listeners):
        """Its tracks hold at least half, any one fewer less than half, and no track outside is more popular."""
        counts = np.array(listeners)
        head = head_tracks(counts)
        assert 2 * counts[head].sum() >= counts.sum()
        if head.any():
            assert 2 * (counts[head].sum() - counts[head].min()) < counts.sum()
            assert (~head).all() or counts[head].min() >= counts[~head].max(initial=0)


def side(item_factors, vectors, popular=(0,), own_cols=None):
    """One model over its own tracks."""
    ranked = rank_tracks(item_factors)
    own = np.arange(len(item_factors)) if own_cols is None else np.array(own_cols)
    search = TwoTierSearch(ranked, Effort(len(item_factors), 0, 1))
    return Side(search, vectors, np.array(popular), own, len(item_factors))


class TestSides:
    items = np.array([[3.0, 0], [2, 0], [0, 2], [0, 1]], np.float32)

    def test_an_incumbent_answers_in_the_candidates_columns(self):
        """Tracks are matched by id: its columns 0 and 1 are the candidate's 2 and 0; the rest it does not know."""
        incumbent = side(self.items[:2], np.array([[1, 0]], np.float32), own_cols=[1, -1, 0, -1])
        nothing = sparse.csr_matrix((1, 4))
        assert recommend(incumbent, nothing, 3).tolist() == [[2, 0, -1]]
        played = sparse.csr_matrix(([1], ([0], [2])), shape=(1, 4))
        assert recommend(incumbent, played, 3).tolist() == [[0, -1, -1]]

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
        unknown = side(self.items, np.zeros((1, 2), np.float32), popular=(3, 1, 0))
        assert recommend(unknown, sparse.csr_matrix((1, 4)), 2).tolist() == [[3, 1]]

    def test_the_same_model_against_itself_differs_by_nothing(self):
        """Candidate and incumbent that are one model have equal figures for every user."""
        days = [{(u, t): 1 for u in range(20) for t in range(0, 8, 1 + u % 3)}, {(u, 8 + u % 4): 1 for u in range(20)}]
        matrix, day = folded(days)
        split = hold_out(matrix, play_counts(days[1]), day, EvaluationConfig())
        rng = np.random.default_rng(1)
        items = rng.normal(size=(len(matrix.tracks), 3)).astype(np.float32)
        one = side(items, rng.normal(size=(len(split.user_rows), 3)).astype(np.float32))
        found = evaluate(split, one, one, matrix.tracks.first_days > 10**6, 3)
        assert len(found.per_user["candidate_precision"]) == len(split.user_rows)
        assert found.figures["candidate_precision"]["mean"] > 0
        for metric in ("precision", "ndcg", "common_precision"):
            np.testing.assert_array_equal(found.per_user[f"candidate_{metric}"], found.per_user[f"incumbent_{metric}"])

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
