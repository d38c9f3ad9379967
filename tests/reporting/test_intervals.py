"""Means and differences with their intervals: nothing is divided by zero, and nothing is made up."""

import pytest

from recsys_tasks.reporting.intervals import Estimate, estimate, relative_difference

PAIR = {"difference": 0.01, "standard_error": 0.005, "incumbent": 0.1}


def test_a_mean_has_an_interval_where_its_error_is_known():
    """1.96 standard errors to both sides; without an error the value alone, without a value nothing."""
    assert estimate(0.03, 0.001) == Estimate(0.03, pytest.approx(0.02804), pytest.approx(0.03196))
    assert estimate(0.03, None) == Estimate(0.03, None, None)
    assert estimate(None, 0.001) is None


def test_a_difference_is_a_share_with_its_interval():
    """Nothing is divided by zero; without an error there is no interval."""
    found = relative_difference(PAIR)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.002, 0.198))
    assert relative_difference(PAIR | {"standard_error": None}) == Estimate(pytest.approx(0.1), None, None)
    assert relative_difference(PAIR | {"incumbent": 0.0}) is None
    assert relative_difference(None) is None
