"""Where tracks without plays belong beside trees, learnt from those that were new on the day."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.evaluation.blend_weights import Teachers
from recsys_tasks.evaluation.cold_teaching import (
    LEAST_DISCOVERIES,
    LONG_OUT,
    AsBefore,
    cold_odds,
    cold_totals,
    new_then,
)
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.pools import Pool, pool_of
from recsys_tasks.recommenders.ranker_features import TrackFacts
from recsys_tasks.recommenders.vectors import Played

N_USERS, N_KNOWN, N_NEW, K = 1_500, 30, 20, 10
N = N_KNOWN + N_NEW
EVERYBODY = np.arange(N_USERS)
IS_NEW = np.arange(N) >= N_KNOWN


@dataclass(frozen=True)
class Scores:
    """Stands for trees: the total of a known candidate is what the first component says of it."""

    facts: TrackFacts

    def totals(self, pool, _rows):
        """As ``Ranked``."""
        return pool.raw[0]


@dataclass(frozen=True)
class World:
    """What teaches: factors by which known and new tracks are discovered."""

    teachers: Teachers
    holdout: Holdout
    before: AsBefore
    ranked: Scores
    components: tuple

    def fitted(self, **changed):
        """The totals of tracks without plays."""
        odds = cold_odds(self.teachers, self.holdout, replace(self.before, **changed), K)
        return cold_totals(self.ranked, self.teachers, odds)


def world(new_odds, seed=1):
    """Listeners and tracks of one factor each; the log-odds of a known candidate are 2 t - 4, where t is its score.

    Args:
        new_odds: (scores, days out) -> log-odds of new tracks.
        seed: of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    users, items = rng.uniform(0.2, 2, (N_USERS, 1)), rng.uniform(0.2, 1, (N, 1))
    factors = Factors(users.astype(np.float32), items.astype(np.float32))
    scores, out = users @ items.T, np.where(IS_NEW, np.arange(N) % 3, LONG_OUT)
    odds = np.where(IS_NEW, new_odds(scores, out), 2 * scores - 4)
    hidden = canonical(sparse.csr_matrix((rng.random(odds.shape) < 1 / (1 + np.exp(-odds))).astype(np.uint32)))
    nothing = sparse.csr_matrix(hidden.shape, dtype=np.uint32)
    holdout = Holdout(EVERYBODY, nothing, nothing, hidden)
    played = Played(np.zeros(N_USERS + 1, int), np.zeros(0, int))
    known = Factors(factors.user_factors, np.where(IS_NEW[:, None], 0, factors.item_factors).astype(np.float32))
    pool = pool_of([known, known], EVERYBODY, played, N_KNOWN)
    facts = TrackFacts(np.where(IS_NEW, 0, 9), np.zeros(N, int), np.full(N, -1))
    before = AsBefore([factors, None], out, IS_NEW)
    return World(Teachers(EVERYBODY, pool, hidden), holdout, before, Scores(facts), (factors,))


def as_likely(score, odds_of_known):
    """The total of a known candidate with these log-odds."""
    return (odds_of_known(score) + 4) / 2


def total_of(found, col, score):
    """The total of a new track of which the first component says a score."""
    pool = Pool(np.array([[col]]), np.zeros((2, 1, 1)), np.ones(1, bool), np.ones(1, bool), np.full((2, 1, 1), score))
    return float(found.put_into(np.zeros((1, 1)), pool)[0, 0])


def test_a_new_track_stands_where_known_tracks_of_its_chance_stand():
    """Its log-odds are those of a known one with the same total, whatever its own score is."""
    found = world(lambda scores, _out: 1.5 * np.log1p(scores) - 3).fitted()
    for score in (0.3, 1.0, 1.6):
        expected = as_likely(score, lambda s: 1.5 * np.log1p(s) - 3)
        assert total_of(found, N - 1, score) == pytest.approx(expected, abs=0.25)


def test_who_knows_nothing_of_new_tracks_has_no_weight():
    """A component that says nothing of them neither lifts nor lowers one."""
    found = world(lambda scores, _out: scores - 3).fitted()
    assert found.weights[1] == 0
    assert found.weights[0] > 0


def test_only_tracks_without_listeners_have_totals():
    """Of all others the trees decide."""
    found = world(lambda scores, _out: scores - 3).fitted()
    assert np.isfinite(found.bases).tolist() == IS_NEW.tolist()


def test_the_days_since_a_release_are_counted_to_the_day_that_lists_are_read():
    """What comes out then has the highest base, and what has been out for long the lowest, as has what nobody dates."""
    here = world(lambda _scores, out: np.where(out == 0, -1.0, -3.0))
    days = here.before.out_days
    today = [float(here.fitted().bases[IS_NEW & (days == n)][0]) for n in range(3)]
    assert today[0] > today[1] > today[2]
    asked = np.arange(N) == N - 1
    tomorrow, old, older = (
        here.fitted(out_days=np.where(asked, n, days), unplayed=IS_NEW & ~asked).bases[N_KNOWN:]
        for n in (-1, LONG_OUT, LONG_OUT + 300)
    )
    assert tomorrow[-1] > max(tomorrow[:-1])
    assert old[-1] == older[-1] < min(old[:-1])


def test_new_tracks_that_are_not_out_yet_teach_nothing():
    """Nobody could have discovered them: the others' chances are as they were without them."""
    here = world(lambda _scores, _out: np.full((), -2.0))
    out = IS_NEW & (np.arange(N) % 2 == 0)
    assert here.fitted(unplayed=out).bases[-1] == pytest.approx(here.fitted().bases[-1], abs=0.3)


@pytest.mark.parametrize(("n_today", "n_before", "asked"), [(10, 9, {3}), (9, 10, {2, 3}), (3, 0, {0, 1, 2, 3})])
def test_where_the_days_new_tracks_teach_too_little_those_before_them_are_asked(n_today, n_before, asked):
    """No more dates than it takes; never a track that comes out tomorrow, and none from before the two weeks."""
    cols = np.repeat([3, 2, 0], [n_today, n_before, 1])
    hidden = sparse.csr_matrix((np.ones(len(cols)), (np.arange(len(cols)), cols)), shape=(len(cols), 6))
    first_days = 100 - np.array([13, 5, 1, 0, -1, 14])
    found = new_then(first_days, np.array([20, 20, 20, 20, -1, 20]), hidden, 100)
    assert set(np.flatnonzero(found)) == asked


def test_where_hardly_any_is_discovered_trees_decide():
    """Nine discoveries are chance."""
    here = world(lambda _scores, _out: np.full((), -1.0))
    new = np.flatnonzero(IS_NEW)
    keep = sparse.csr_matrix(here.holdout.hidden.multiply(~IS_NEW[None, :]))
    for n, taught in ((LEAST_DISCOVERIES - 1, False), (LEAST_DISCOVERIES, True)):
        few = sparse.csr_matrix((np.ones(n, np.uint32), (np.arange(n), np.resize(new, n))), shape=keep.shape)
        listed = np.isin(np.arange(N), new[:K])  # as many as a list has, so that each of them is asked
        hidden = canonical(sparse.csr_matrix(keep + few.multiply(listed[None, :])))
        some = replace(
            here, teachers=replace(here.teachers, hidden=hidden), before=replace(here.before, unplayed=listed)
        )
        assert (some.fitted() is not None) == taught


def test_where_trees_say_nothing_of_known_tracks_they_decide():
    """A total that does not rise with the chance places nobody."""
    here = world(lambda _scores, _out: np.full((), -1.0))

    class Backwards(Scores):
        def totals(self, pool, rows):
            return -super().totals(pool, rows)

    assert replace(here, ranked=Backwards(here.ranked.facts)).fitted() is None


def test_candidates_without_plays_say_nothing_of_known_ones():
    """Where new tracks are among the candidates of the teachers, too, what their totals are worth is not asked."""
    usual, everything = world(lambda score, _: 3 * score - 2), Played(np.zeros(N_USERS + 1, int), np.zeros(0, int))
    pool = pool_of(usual.components * 2, EVERYBODY, everything, N)
    found = replace(usual, teachers=replace(usual.teachers, pool=pool)).fitted()
    np.testing.assert_allclose(found.bases, usual.fitted().bases, rtol=1e-5)
