"""Exploration: new tracks in the last places, drawn by what is known of them, with the probability that they were."""

import numpy as np
import pytest
from scipy.special import betainc

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.exploration import GRID, Showings, largest
from recsys_tasks.products.products import Products

ROWS = np.arange(0, 300)
SETTINGS = ProductsConfig(k=10, exploration_share=0.2)


@pytest.fixture(scope="module")
def exploring(bundle):
    """Products whose lists end in two places for new tracks, nothing being known of any."""
    return Products(bundle, SETTINGS)


@pytest.fixture(scope="module")
def found(exploring):
    """The lists of some listeners."""
    return exploring.discover(ROWS)


def test_the_chance_of_being_largest_is_that_of_drawing():
    """Of beta distributions it is how often the draw of each is the largest; what is not there has none."""
    a, b = np.array([2.0, 30.0, 3.0, 1.0]), np.array([40.0, 500.0, 30.0, 1.0])
    there = np.array([[True, True, True, False]])
    chances = largest(betainc(a[:, None], b[:, None], GRID)[None], there)[0]
    draws = np.random.default_rng(1).beta(a[:3], b[:3], (100_000, 3)).argmax(axis=1)
    assert chances == pytest.approx(np.append(np.bincount(draws) / len(draws), 0), abs=0.01)
    assert chances.sum() == pytest.approx(1)


def test_the_last_places_hold_new_tracks_and_the_others_what_they_would(exploring, found, bundle):
    """Eight places as without exploration; then two new tracks, neither played nor listed twice, with propensities."""
    plain = Products(bundle, ProductsConfig(k=10)).discover(ROWS)
    drawn, new = ~np.isnan(found.propensities), exploring.new_tracks()
    explored = drawn.any(axis=1)
    assert explored.sum() > 250
    assert not drawn[:, :8].any()
    assert (found.cols[:, :8] == plain.cols[:, :8]).all()
    assert (found.cols[~drawn] == plain.cols[~drawn]).all()
    assert new[found.cols[drawn]].all()
    assert ((found.propensities[drawn] > 0) & (found.propensities[drawn] <= 1)).all()
    assert all(len(set(row)) == 10 for row in found.cols.tolist())
    assert not any(set(row) & set(exploring.view.played.of(user)) for user, row in enumerate(found.cols.tolist()))


def test_a_track_that_is_drawn_stands_on_the_list_once(bundle):
    """Where fewer new tracks are drawn than there are places, what stands behind them is none of them again."""
    lists = Products(bundle, ProductsConfig(k=60, exploration_share=0.5)).discover(ROWS)
    held = [[col for col in row if col >= 0] for row in lists.cols.tolist()]
    assert all(len(set(row)) == len(row) for row in held)


def test_the_same_list_is_made_alone_and_in_any_batch(exploring, found):
    """What is drawn hangs on the candidate, the listener and the place alone."""
    for rows in (ROWS[5:6], ROWS[::-1][:40]):
        again = exploring.discover(rows)
        np.testing.assert_array_equal(again.cols, found.cols[rows])
        np.testing.assert_array_equal(again.propensities, found.propensities[rows])


def test_a_track_that_is_played_when_shown_is_drawn(exploring, found, bundle):
    """Of two new tracks that were shown a thousand times, the one that was played takes the places of the other."""
    drawn = found.cols[~np.isnan(found.propensities)]
    good, bad = np.argsort(-np.bincount(drawn))[:2]
    showings = Showings.none(exploring.view.n_tracks)
    showings.shown[[good, bad]], showings.played[good] = 1_000, 900
    lists = Products(bundle, SETTINGS, showings=showings).discover(ROWS)
    now = lists.cols[~np.isnan(lists.propensities)]
    assert (now == good).sum() > 1.5 * (drawn == good).sum()
    assert (now == bad).sum() < 0.5 * (drawn == bad).sum()


def test_draws_follow_the_propensities(exploring, found):
    """Over all listeners, the share of draws with a propensity below one half is that which the propensities say."""
    chance = found.propensities[~np.isnan(found.propensities)]
    assert np.mean(1 / chance) == pytest.approx(10, rel=0.1), "nothing is known: ten tracks, each as likely"


def test_without_a_share_nothing_is_drawn(bundle):
    """The default: no propensities; the mix and new releases never have any."""
    assert Products(bundle, ProductsConfig()).discover(ROWS[:3]).propensities is None
    assert Products(bundle, SETTINGS).new_releases(ROWS[:3]).propensities is None
