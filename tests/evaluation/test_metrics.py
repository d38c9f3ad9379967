"""Metrics against plain Python, and against implicit where the definitions agree."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implicit.evaluation import ranking_metrics_at_k
from scipy import sparse

from recsys_tasks.evaluation import metrics
from recsys_tasks.evaluation.lists import is_hit


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
