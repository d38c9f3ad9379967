"""Logistic regression: the chance of a hit by a few numbers that are known of it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray

RIDGE = 1.0
"""Half of it times the square of each weight, on features of deviation 1, is taken from the likelihood: what few hits
say of a feature is not believed far."""
MOST_STEPS, SMALL_STEP = 50, 1e-8
"""Newton's method ends with a step that moves no weight by more, on features of deviation 1; ten or so are enough."""


class LogOdds(NamedTuple):
    """intercept + features @ weights."""

    intercept: float
    weights: npt.NDArray[np.float64]  # (n_features,)


def log_odds(features: npt.NDArray[np.float64], hits: BoolArray) -> LogOdds:
    """The log-odds of hits that are most likely, weights bounded by a ridge; of a feature that is constant, 0.

    Newton's method on the likelihood (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2009,
    section 4.4.1), each step halved until it gains: of a few hits that stand far from all others a whole step goes
    beyond, and the next ones to where nothing varies any more. Sums are NumPy's own, so that threads of a BLAS change
    no bit.

    Args:
        features: (n_rows, n_features).
        hits: (n_rows,) of which some are true, and some are not.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    varies = deviation > 1e-9 * np.maximum(1.0, np.abs(mean))
    scaled = np.ones((len(features), 1 + int(varies.sum())))
    scaled[:, 1:] = (features[:, varies] - mean[varies]) / deviation[varies]
    ridge = np.full(scaled.shape[1], RIDGE)
    ridge[0] = 0.0
    found = np.zeros(len(ridge))
    found[0] = np.log(hits.mean() / (1 - hits.mean()))
    for _ in range(MOST_STEPS):
        chances = np.exp(-np.logaddexp(0, -np.einsum("nf,f->n", scaled, found)))
        slope = np.einsum("nf,n->f", scaled, hits - chances) - ridge * found
        curvature = np.einsum("nf,n,ng->fg", scaled, chances * (1 - chances), scaled) + np.diag(ridge)
        step = np.linalg.solve(curvature, slope)
        before = _likelihood(scaled, hits, ridge, found)
        while np.abs(step).max() >= SMALL_STEP and _likelihood(scaled, hits, ridge, found + step) < before:
            step /= 2
        found += step
        if np.abs(step).max() < SMALL_STEP:
            break
    weights = np.zeros(features.shape[1])
    weights[varies] = found[1:] / deviation[varies]
    return LogOdds(float(found[0] - weights @ mean), weights)


def _likelihood(
    features: npt.NDArray[np.float64],
    hits: BoolArray,
    ridge: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> float:
    """Logarithm of the likelihood of hits, less what the ridge takes."""
    odds = np.einsum("nf,f->n", features, weights)
    return float((hits * odds - np.logaddexp(0, odds)).sum() - (ridge * weights**2).sum() / 2)
