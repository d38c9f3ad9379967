"""Means and paired differences with their 95% intervals, from stored figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsys_tasks.evaluation.estimates import Z_95


@dataclass(frozen=True)
class Estimate:
    """A value, and the bounds of its 95% interval where its standard error is known."""

    value: float
    low: float | None = None
    high: float | None = None


def estimate(value: float | None, error: float | None) -> Estimate | None:
    """A value with its interval; None where it is unknown. error: standard error, in the unit of the value."""
    if value is None:
        return None
    return Estimate(value) if error is None else Estimate(value, value - Z_95 * error, value + Z_95 * error)


def relative_difference(pair: Mapping[str, Any] | None) -> Estimate | None:
    """A paired difference as a share of the other release's precision.

    Args:
        pair: ``difference``, ``standard_error`` and ``incumbent``, as the gate stored them; None where nothing was
            compared.

    Returns:
        None where nothing was compared, or where the other release had no hit: nothing is divided by zero.
    """
    if not pair or pair["incumbent"] <= 0:
        return None
    error, mean = pair["standard_error"], pair["incumbent"]
    return estimate(pair["difference"] / mean, None if error is None else error / mean)
