"""Catalogues, listeners and what is true of every list, for the tests of searches."""

import numpy as np

from recsys_tasks.index.two_tier_search import Found
from recsys_tasks.recommenders.vectors import Played, rounding


def make_played(rng: np.random.Generator, n_users: int, n_tracks: int, mean: int) -> Played:
    """Random lists of very different lengths."""
    lists = [rng.permutation(n_tracks)[: rng.integers(0, 2 * mean + 1)] for _ in range(n_users)]
    return Played(np.cumsum([0, *map(len, lists)]), np.concatenate([np.zeros(0, int), *lists]).astype(np.int32))


def nobody_played(n_users: int) -> Played:
    """Empty lists."""
    return Played(np.zeros(n_users + 1, np.int64), np.zeros(0, np.int32))


def make_factors(kind: str, rng: np.random.Generator, n_tracks: int, n_factors: int = 8) -> np.ndarray:
    """Track factors of one of the kinds that decide how far a scan must go. (n_tracks, n_factors) float32."""
    factors = rng.normal(size=(n_tracks, n_factors))
    norms = np.linalg.norm(factors, axis=1, keepdims=True)
    if kind == "falling":
        factors *= rng.permutation(1 / (1.0 + np.arange(n_tracks)))[:, None] / norms
    elif kind == "flat":
        factors /= norms
    elif kind == "duplicated":
        factors = factors[rng.integers(0, max(1, n_tracks // 20), n_tracks)]
    elif kind == "zeros":
        factors[rng.random(n_tracks) < 0.4] = 0
    return factors.astype(np.float32)


def eligible(factors: np.ndarray, played: Played, row: int, allowed: np.ndarray | None) -> np.ndarray:
    """Columns that may be shown to one user."""
    may = factors.any(axis=1)
    may[played.of(row)] = False
    return np.flatnonzero(may if allowed is None else may & allowed)


def assert_lists_hold(
    found: Found, factors: np.ndarray, users: np.ndarray, played: Played, allowed: np.ndarray | None = None
) -> None:
    """Every list is full, legal and in order, its scores are true, and what is certified is what brute force finds."""
    k = found.cols.shape[1]
    for row, user in enumerate(users.astype(np.float64)):
        choice = eligible(factors, played, row, allowed) if user.any() else np.zeros(0, int)
        cols = found.cols[row][found.cols[row] >= 0]
        assert len(cols) == min(k, len(choice))
        assert len(set(cols)) == len(cols)
        assert set(cols) <= set(choice)
        assert (found.cols[row, len(cols) :] == -1).all()
        assert np.isneginf(found.scores[row, len(cols) :]).all()
        np.testing.assert_allclose(found.scores[row, : len(cols)], factors[cols] @ user, rtol=1e-5, atol=1e-6)
        if found.exact[row]:
            best = np.sort(factors[choice] @ user)[::-1][:k]
            largest = np.linalg.norm(factors, axis=1).max(initial=0.0)
            error = 2 * rounding(len(user)) * largest * np.linalg.norm(user)
            np.testing.assert_allclose(found.scores[row, : len(cols)], best, rtol=1e-6, atol=error)
