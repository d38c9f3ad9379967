"""The brute-force search, against sorting everything."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from search_cases import make_factors

from recsys_tasks.recommenders.exact_search import RUN, TRACKS_AT_ONCE, exact_top
from recsys_tasks.recommenders.vectors import Played


@pytest.mark.parametrize(
    "n", [1, 10, RUN, RUN + 1, 3 * RUN - 1, 10 * RUN, 10 * RUN + 1, TRACKS_AT_ONCE, 2 * TRACKS_AT_ONCE + 7]
)
@pytest.mark.parametrize("k", [1, 10, 300])
def test_passes_over_none_of_the_best(n, k):
    """Equal scores by place, hidden ones never: as by sorting everything, whole runs equal, hidden or short too, and
    whether half of the tracks may be listed, so that the others are not scored, or nearly all."""
    rng = np.random.default_rng(n)
    for step, hidden in ((0, 0.5), (0.5, 0.0), (0.5, 0.999), (10, 0.0), (0, 1.0)):
        scores = rng.normal(size=n).astype(np.float32)
        scores = np.round(scores / step).astype(np.float32) if step else np.sort(scores)[:: rng.choice([-1, 1])]
        scores[rng.random(n) < 0.1] = 0  # a track without a factor
        hide, allowed = np.flatnonzero(rng.random(n) < hidden), rng.random(n) < rng.choice([0.5, 0.95])
        own = np.where(allowed & (scores != 0), scores, -np.inf)
        own[hide] = -np.inf
        best = np.argsort(-own, kind="stable")[: min(k, np.count_nonzero(own > -np.inf))]
        ends, users = np.cumsum([0, 0, len(hide)]), np.array([[0], [1]], np.float32)
        top = exact_top(scores[:, None], users, Played(ends, hide), k, allowed)
        assert top.cols.tolist() == [[-1] * k, best.tolist() + [-1] * (k - len(best))]
        assert_array_equal(top.scores[1, : len(best)], scores[best])


def test_answers_listeners_together_as_alone():
    """Whoever is scored together: each gets the list that is found for one alone, without what this one played."""
    rng = np.random.default_rng(6)
    factors, users = make_factors("flat", rng, 40 * RUN), rng.normal(size=(7, 8)).astype(np.float32)
    liked = np.argsort(-users @ factors.T, axis=1)[:, :300].astype(np.int32)
    together = exact_top(factors, users, Played(np.arange(8) * 300, liked.ravel()), 3, users_at_once=3)
    for row in range(7):
        alone = exact_top(factors, users[row : row + 1], Played(np.array([0, 300]), liked[row]), 3)
        assert_array_equal(together.cols[row], alone.cols[0])
        assert_array_equal(together.scores[row], alone.scores[0])
