"""The weights of a blend: they find who knows the hidden plays, and nothing is fitted on a handful of listeners."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.evaluation.blend_weights import (
    GRID,
    LEAST_LISTENERS,
    MOST_LISTENERS,
    fitted_weights,
    in_words,
    ndcg_of,
    teachers_of,
)
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Candidates
from recsys_tasks.recommenders.blend import Pool
from recsys_tasks.recommenders.exact_search import exact_top

N_TRACKS, K = 40, 5
TOO_FEW = (
    "not fitted, als stays alone: 99 of 99 blend listeners played anything new, and 100 are needed. More listeners "
    "teach with a larger"
)


@dataclass(frozen=True)
class Table:
    """A component whose scores are given. (n_users, n_tracks)."""

    table: np.ndarray

    def candidates(self, user_rows, played, k, allowed=None):
        """Exact lists: a score is the inner product of a listener's row with a unit vector."""
        found = exact_top(np.eye(N_TRACKS, dtype=np.float32), self.table[user_rows], played, k, allowed)
        return Candidates(found.cols, found.scores, np.ones(len(user_rows), dtype=bool))

    def scores(self, user_rows, item_cols):
        """Of each pair."""
        return self.table[user_rows, item_cols]

    def cold_users(self):
        """Nobody."""
        return np.zeros(len(self.table), dtype=bool)

    def cold_items(self):
        """Nothing."""
        return np.zeros(N_TRACKS, dtype=bool)


def day(n_users, known=0.5, seed=3):
    """Hidden plays of listeners without a history, and two components: one guesses, one knows a share of them."""
    rng = np.random.default_rng(seed)
    hidden = np.zeros((n_users, N_TRACKS), dtype=np.uint32)
    hidden[np.arange(n_users), rng.integers(0, N_TRACKS, n_users)] = 1
    guesses, knows = (1 + rng.random((n_users, N_TRACKS), dtype=np.float32) for _ in range(2))
    knows[hidden.astype(bool) & (rng.random((n_users, 1)) < known)] += 5
    nothing = sparse.csr_matrix((n_users, N_TRACKS), dtype=np.uint32)
    return Holdout(np.arange(n_users), nothing, nothing, sparse.csr_matrix(hidden)), Table(guesses), Table(knows)


def weights_of(components, holdout):
    """The weights that the listeners of a hold-out teach."""
    return fitted_weights(teachers_of(components, holdout, 20), len(components), K)


class TestWeights:
    def test_who_knows_the_hidden_plays_weighs_most(self):
        """Beside a first component that guesses, the one that knows gets more than its weight of 1."""
        holdout, guesses, knows = day(400)
        weights = weights_of([guesses, knows], holdout)
        assert weights[0] == 1.0
        assert weights[1] > 1.0

    def test_who_adds_nothing_has_no_weight(self):
        """Beside a first component that knows everything, a guess is worth nothing."""
        holdout, guesses, knows = day(400, known=1.0)
        assert weights_of([knows, guesses], holdout) == (1.0, 0.0)

    def test_the_same_listeners_give_the_same_weights(self):
        """Nothing is drawn."""
        one, other = (weights_of([*day(300)[1:]], day(300)[0]) for _ in range(2))
        assert one == other

    def test_no_other_weight_of_the_grid_scores_more_in_the_end(self):
        """Where the weight of one component changes what the other's is worth, a second turn finds it."""
        holdout, guesses, knows = day(150, known=0.3, seed=9)
        more = np.random.default_rng(109).random((150, N_TRACKS)).astype(np.float32)
        mixed = guesses.table + np.float32(0.6) * knows.table, guesses.table / 2 - np.float32(0.4) * knows.table + more
        teachers = teachers_of([*map(Table, mixed), knows], holdout, 20)
        found, hits = fitted_weights(teachers, 3, K), is_hit(teachers.pool.cols, teachers.hidden)

        def mean(weights):
            return ndcg_of(teachers.pool, weights, hits, np.diff(teachers.hidden.indptr), K).mean()

        others = [[*found[:place], weight, *found[place + 1 :]] for place in (1, 2) for weight in GRID]
        assert mean(found) >= max(map(mean, others))

    def test_a_place_without_a_candidate_stands_behind_all(self):
        """Also behind a candidate of which all components think little."""
        one = np.ones(1, dtype=bool)
        pool = Pool(np.array([[3, -1]]), np.array([[[-1.0, 0.0]]]), one, one, np.array([[[-1.0, 0.0]]]))
        assert ndcg_of(pool, (1.0,), np.array([[True, False]]), np.array([1]), 1).tolist() == [1.0]

    def test_of_many_some_of_all_teach(self):
        """Evenly spread over them, and not the first ones."""
        holdout, guesses, _ = day(2 * MOST_LISTENERS + 1)
        assert teachers_of([guesses], holdout, 3).user_rows.tolist() == list(range(0, 2 * MOST_LISTENERS + 1, 3))

    def test_who_played_nothing_new_teaches_nothing(self):
        """Only listeners with a hidden play are asked, each about the tracks that they had not played."""
        holdout, guesses, knows = day(300)
        hidden, history = holdout.hidden.tolil(), holdout.history.tolil()
        hidden[::3] = 0
        history[1, 7] = 1
        some = replace(holdout, hidden=hidden.tocsr(), history=history.tocsr())
        found = teachers_of([guesses, knows], some, N_TRACKS)
        assert found.user_rows.tolist() == [n for n in range(300) if n % 3]
        assert 7 not in found.pool.cols[0]
        assert 7 in found.pool.cols[1]

    @pytest.mark.parametrize(
        ("n_users", "most", "said"),
        [
            (LEAST_LISTENERS, 10_000, "fitted on 100 listeners: als 1, recent 5"),
            (99, 10_000, f"{TOO_FEW} [evaluation] blend_share, where a day has so many."),
            (99, 99, f"{TOO_FEW} [evaluation] max_users, where a day has so many."),
        ],
    )
    def test_it_is_said_on_whom_they_were_fitted(self, n_users, most, said):
        """Too few are told as such, and not as weights that were found to be nothing, with the setting that bounds
        their number."""
        holdout, guesses, knows = day(n_users)
        teachers = teachers_of([guesses, knows], holdout, 20)
        weights = (1.0, 0.0) if teachers is None else (1.0, 5.0)
        assert in_words(("als", "recent"), weights, holdout, teachers, most) == said

    @pytest.mark.parametrize(("n_users", "alone"), [(LEAST_LISTENERS - 1, True), (LEAST_LISTENERS, False)])
    def test_nothing_is_fitted_on_a_handful(self, n_users, alone):
        """Below the least number of listeners with a hidden play, the first component stays alone."""
        holdout, guesses, knows = day(n_users)
        assert (weights_of([guesses, knows], holdout) == (1.0, 0.0)) == alone
