"""Discover for an hour of the day: plays by hour move a listener's candidates, and nothing else."""

import numpy as np
import pyarrow as pa
import pytest

from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.hours import BESIDE, CANDIDATES, HOURS, SHRINKAGE, HourPrior, hour_counts
from recsys_tasks.products.products import Products

ROWS = np.arange(0, 200)
PLAIN = {"k": 10, "most_of_one_artist": 0, "diversity": 0.0}


@pytest.fixture(scope="module")
def counts(bundle):
    """Plays of each track by hour: those of even columns at night, those of odd ones in the morning."""
    rng = np.random.default_rng(3)
    found = rng.poisson(2.0, (len(bundle.gated.tracks), HOURS)).astype(np.uint32)
    found[::2, 22:] += 30
    found[1::2, 7:9] += 30
    return found


def at_hours(bundle, counts, **settings):
    """Products that know when tracks are played."""
    return Products(bundle, ProductsConfig(**PLAIN | settings), hours=counts)


def test_rows_become_plays_by_column_and_hour():
    """A track that the release does not know is passed over; one without rows has no plays."""
    table = pa.table({"track_id": ["c", "x", "a", "c"], "hour": [0, 1, 23, 7], "plays": [4, 5, 6, 7]})
    found = hour_counts(table, Vocabulary(pa.array(["a", "b", "c"]), np.zeros(3, np.int32)))
    assert {(int(col), int(hour)): int(found[col, hour]) for col, hour in np.argwhere(found)} == {
        (0, 23): 6,
        (2, 0): 4,
        (2, 7): 7,
    }


@pytest.mark.parametrize(("hour", "plays", "named"), [(24, 1, "24 as a hour"), (-1, 1, "-1 as a hour"), (3, -2, "-2")])
def test_what_is_no_hour_or_number_is_refused(hour, plays, named):
    """The message says what was found, and what would do."""
    table = pa.table({"track_id": [1], "hour": [hour], "plays": [plays]})
    with pytest.raises(BadData, match=named):
        hour_counts(table, Vocabulary(pa.array([1]), np.zeros(1, np.int32)))


def test_the_prior_is_the_shrunk_share_of_the_hours_around():
    """By hand: over midnight, shrunk towards the share of all tracks; 0 without plays, and for nothing."""
    counts = np.zeros((3, HOURS), np.uint32)
    counts[0, [23, 1, 12]], counts[2, 12] = [6, 4, 10], 60
    share = 10 / 80
    found = HourPrior(counts).of(np.array([[0, 2], [1, -1]]), 0)
    near = np.log((10 + SHRINKAGE * share) / (20 + SHRINKAGE) / share)
    far = np.log(SHRINKAGE * share / (60 + SHRINKAGE) / share)
    assert found == pytest.approx(np.array([[near, far], [0, 0]]))
    assert not HourPrior(np.zeros_like(counts)).of(np.array([0]), 5).any()
    assert HourPrior(counts).of(np.array([0]), 12 + BESIDE) < 0
    assert not HourPrior(counts).of(np.array([0]), 12 + BESIDE + 1).any()


def test_a_list_is_the_best_of_the_candidates_by_both(bundle, counts):
    """Of each listener, the ten largest of standardised score and weighted prior among the candidates without an hour;
    a weight of nothing leaves them in their order."""
    weight = 0.7
    found = at_hours(bundle, counts, hours_weight=weight).discover(ROWS, hour=8)
    base = at_hours(bundle, counts).discover(ROWS, CANDIDATES)
    scores, prior = base.scores.astype(np.float64), HourPrior(counts)
    for row in np.flatnonzero(~found.popular):
        there = base.cols[row] >= 0
        own, cols = scores[row, there], base.cols[row, there]
        sums = (own - own.mean()) / own.std() + weight * prior.of(cols, 8)
        best = np.argsort(-sums, kind="stable")[:10]
        assert set(found.cols[row].tolist()) == set(cols[best].tolist())
        assert found.scores[row] == pytest.approx(sums[best], abs=1e-4)
    same = at_hours(bundle, counts, hours_weight=0.0).discover(ROWS, hour=8)
    assert (same.cols[~same.popular] == base.cols[~same.popular, :10]).all()


def test_the_hour_moves_lists_its_own_way(bundle, counts):
    """In the morning a list has more of the morning's tracks than at night; rules and filters hold as without."""
    products = at_hours(bundle, counts, hours_weight=2.0, most_of_one_artist=1)
    allowed = np.arange(len(counts)) % 3 > 0
    morning, night = (products.discover(ROWS, allowed=allowed, hour=hour) for hour in (8, 23))
    known = ~morning.popular
    odd = [(lists.cols[known] % 2 == 1).mean() for lists in (morning, night)]
    assert odd[0] > odd[1] + 0.2
    for lists in (morning, night):
        assert allowed[lists.cols[lists.cols >= 0]].all()
        artists = products.artists.of_col[lists.cols]
        assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in artists)


def test_an_hour_that_nobody_knows_of_is_refused(bundle, counts):
    """Without plays by hour, and beyond the day; without an hour, the list is what it was."""
    plain = Products(bundle, ProductsConfig(**PLAIN))
    with pytest.raises(ConfigError, match="hours_table"):
        plain.discover(ROWS[:1], hour=8)
    with pytest.raises(ConfigError, match="24 is no hour"):
        at_hours(bundle, counts).discover(ROWS[:1], hour=24)
    assert (at_hours(bundle, counts).discover(ROWS).cols == plain.discover(ROWS).cols).all()
