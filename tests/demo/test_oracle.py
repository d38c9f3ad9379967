"""The truth behind the synthetic service: the oracle says what the generator does, and no model comes near it."""

from dataclasses import replace

import numpy as np
import pytest
from implicit.als import AlternatingLeastSquares
from scipy import sparse
from worlds import TINY, day_of, qualified

from recsys_tasks.demo.world import build_world, oracle_precision, oracle_scores
from recsys_tasks.demo.world.taste import CHANCE, CHARTS, draw, market_of, tastes


def _precision(scores: np.ndarray, played: tuple, hidden: tuple) -> float:
    """precision@10 of the best unplayed tracks."""
    scores = scores.astype(float)
    scores[played] = -np.inf
    hits = np.zeros(scores.shape, bool)
    hits[hidden] = True
    top = np.argpartition(-scores, 10, axis=1)[:, :10]
    return float(np.take_along_axis(hits, top, axis=1).mean())


class TestOracle:
    def test_rows_are_probabilities_of_tracks_that_are_out(self, tiny):
        """Every listener's row sums to one over the ids 1 to the number released by that day."""
        track_ids, scores = oracle_scores(tiny, np.arange(1, 201), day_of(tiny, 2))
        assert len(track_ids) == tiny.catalogue.released_by(2) == scores.shape[1]
        np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-9)
        assert scores.min() >= 0

    def test_the_oracle_says_what_the_generator_does(self, tiny):
        """A million draws of one listener's taste fall on the tracks as often as the oracle says."""
        market = market_of(tiny.catalogue, 2)
        person = np.array([17])
        taste = tastes(tiny.listeners, tiny.catalogue, market, person.repeat(2), 2, np.array([False, True]))
        n, rng = 1_000_000, np.random.default_rng(3)
        rows, _ = draw(taste, market, (rng.random(n) < tiny.listeners.morning[17]).astype(np.int64), rng)
        expected = oracle_scores(tiny, person + 1, day_of(tiny, 2))[1][0] * n
        seen = np.bincount(tiny.catalogue.track_ids[rows] - 1, minlength=len(expected))
        often = expected > 20
        z = (seen[often] - expected[often]) / np.sqrt(expected[often])
        assert len(seen) == len(expected)
        assert 0.8 < z.std() < 1.2

    def test_tastes_drift(self, tiny):
        """The same listener likes other things a month later, beyond what is new."""
        far = build_world(replace(TINY, days=40))
        users = np.arange(200)
        weights = [
            tastes(far.listeners, far.catalogue, market_of(far.catalogue, day), users, day, users < 0).weights
            for day in (0, 39)
        ]
        moved = np.abs(weights[1] - weights[0]).sum(axis=1) / 2
        assert 0.05 < np.median(moved) < 0.6

    def test_tastes_are_no_low_rank_product(self, small):
        """Forty dimensions explain clearly less than all of the probabilities."""
        scores = oracle_scores(small, np.arange(1, 1201), day_of(small, 5))[1]
        energy = np.linalg.svd(scores, compute_uv=False) ** 2
        assert 0.5 < energy[:40].sum() / energy.sum() < 0.97

    def test_a_hit_counts_one_over_k(self, tiny):
        """Hidden plays on the oracle's own first choice give 1 / k; on a played track, or none, nothing."""
        users, day, none = np.arange(1, 51), day_of(tiny, 2), np.empty(0, np.int64)
        track_ids, scores = oracle_scores(tiny, users, day)
        best, place = track_ids[scores.argmax(axis=1)], np.arange(50)
        assert oracle_precision(tiny, day, users, (none, none), (place, best), k=10) == pytest.approx(0.1)
        assert oracle_precision(tiny, day, users, (place, best), (place, best), k=10) == 0.0
        assert oracle_precision(tiny, day, users, (none, none), (none, none), k=10) == 0.0

    def test_popularity_is_beaten_by_als_and_als_by_the_oracle(self, small):
        """On new plays of the last day: the oracle is clearly above ALS, and ALS clearly above popularity."""
        users, tracks = qualified(small, range(11))
        now = np.stack(qualified(small, range(11, 12)))
        n_users, n_tracks = small.params.users + 1, len(small.catalogue) + 1
        plays = sparse.csr_matrix((np.ones(len(users)), (users, tracks)), shape=(n_users, n_tracks))
        new = np.unique(now[:, np.asarray(plays[now[0], now[1]] == 0).ravel()], axis=1)
        judged = np.unique(new[0])
        hidden = (np.searchsorted(judged, new[0]), new[1])
        played = tuple(part.astype(np.int64) for part in plays[judged].nonzero())
        truth = oracle_precision(small, day_of(small, 11), judged, played, hidden)
        model = AlternatingLeastSquares(factors=16, regularization=10, alpha=1, iterations=10, random_state=1)
        model.fit((plays.astype(np.float32).log1p() * 1.0 + (plays > 0)).tocsr(), show_progress=False)
        scores = model.user_factors[judged] @ model.item_factors.T
        learned = _precision(scores, played, hidden)
        popular = _precision(np.tile(np.bincount(plays.indices, minlength=n_tracks), (len(judged), 1)), played, hidden)
        assert popular > 0.005
        assert 1.4 * popular < learned < 0.85 * truth

    def test_parts_of_a_taste_that_are_not_out_have_no_weight(self, tiny):
        """A draw never falls on a track before its release, whatever part it comes from."""
        market = market_of(tiny.catalogue, 0)
        taste = tastes(tiny.listeners, tiny.catalogue, market, np.arange(200), 0, np.arange(200) % 2 == 0)
        rows, parts = draw(taste, market, np.repeat(np.arange(200), 300), np.random.default_rng(1))
        assert (tiny.catalogue.release_day[rows] <= 0).all()
        assert {CHARTS, CHANCE} < set(parts.tolist())
