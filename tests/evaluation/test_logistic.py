"""Logistic regression: what is likely is found again, and little is believed of few."""

import numpy as np
import pytest

from recsys_tasks.evaluation.logistic import log_odds


def drawn(n, intercept, weights, seed=1):
    """Rows of normal features on scales of their own, and hits drawn by these log-odds."""
    rng = np.random.default_rng(seed)
    features = rng.normal(3, 1, (n, len(weights))) * 10.0 ** np.arange(len(weights))
    hits = rng.random(n) < 1 / (1 + np.exp(-(intercept + features @ np.array(weights))))
    return features, hits


def test_log_odds_are_found_again():
    """Of features on different scales, where one row in thirty is a hit."""
    weights = [0.5, -0.1]
    found = log_odds(*drawn(200_000, -2.5, weights))
    assert found.intercept == pytest.approx(-2.5, abs=0.15)
    np.testing.assert_allclose(found.weights, weights, rtol=0.1)


def test_as_many_hits_are_expected_as_there_are():
    """The chances of all rows sum to the number of hits."""
    features, hits = drawn(500, -1.0, [0.3])
    found = log_odds(features, hits)
    assert (1 / (1 + np.exp(-(found.intercept + features @ found.weights)))).sum() == pytest.approx(hits.sum())


def test_a_constant_says_nothing():
    """Its weight is 0, and the others are as they would be without it."""
    features, hits = drawn(500, -1.0, [0.3])
    found = log_odds(np.insert(features, 0, 7.0, axis=1), hits)
    assert found.weights[0] == 0
    assert found.weights[1:] == pytest.approx(log_odds(features, hits).weights)


def test_a_feature_that_parts_hits_from_others_keeps_a_finite_weight():
    """Four rows are no proof of certainty."""
    found = log_odds(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([False, False, True, True]))
    assert 0 < found.weights[0] < 3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_hits", [10, 30, 133])
def test_a_few_hits_far_from_all_others_are_told_from_them(n_hits):
    """Whole steps of Newton's method go beyond there, and end with a weight of 0 or where nothing varies any more."""
    features = np.append(np.zeros(20_000), np.full(n_hits, 5.0))[:, None]
    found = log_odds(features, features[:, 0] > 1)
    assert found.intercept < -5
    assert found.intercept + 5 * found.weights[0] > 0
