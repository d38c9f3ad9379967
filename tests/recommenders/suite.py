"""What every recommender has to do, as tests: a class to inherit, which names the recommender and its parameters.

The world is small: listeners of four tastes, each of which plays the tracks of one quarter of the catalogue more often.
"""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.recommenders.base import Parent, TrainingData
from recsys_tasks.recommenders.vectors import Played

N_USERS, N_TRACKS, K = 120, 80, 6
NOBODY, NEVER = 7, 11
"""A listener without plays, and a track that nobody has played."""


def vocabulary(n: int) -> Vocabulary:
    """Ids 0 .. n-1."""
    return Vocabulary(pa.array(range(n), type=pa.int64()), np.zeros(n, np.int32))


def world(seed: int = 5) -> tuple[TrainingData, sparse.csr_matrix]:
    """Plays to train on, and one hidden play of each listener, of a track of their taste."""
    rng = np.random.default_rng(seed)
    tastes, quarters = np.arange(N_USERS) % 4, np.arange(N_TRACKS) % 4
    played = rng.random((N_USERS, N_TRACKS)) < np.where(tastes[:, None] == quarters[None, :], 0.5, 0.05)
    played[NOBODY], played[:, NEVER] = False, False
    hidden = np.zeros_like(played)
    for user in range(N_USERS):
        liked = np.flatnonzero(played[user] & (quarters == tastes[user]))
        hidden[user, rng.permutation(liked)[:1]] = True
    counts = sparse.csr_matrix((played & ~hidden) * rng.integers(1, 9, played.shape)).astype(np.uint32)
    return TrainingData(counts, vocabulary(N_USERS), vocabulary(N_TRACKS)), sparse.csr_matrix(hidden)


def nothing_played(n: int) -> Played:
    """Nobody has played anything."""
    return Played(np.zeros(n + 1, np.int64), np.zeros(0, np.int64))


class RetrieverSuite:
    """What holds of everything that answers for listeners."""

    def retriever(self) -> Any:
        """A retriever over ``world``."""
        raise NotImplementedError

    def test_lists_are_the_best_by_its_own_scores(self) -> None:
        """No allowed and unplayed item that is not cold scores more than the last one of a list."""
        data, found = world()[0], self.retriever()
        rows, allowed = np.arange(N_USERS), np.arange(N_TRACKS) % 3 != 0
        lists = found.candidates(rows, Played(data.plays.indptr, data.plays.indices), K, allowed)
        may = allowed & ~found.cold_items()
        for user in np.flatnonzero(~found.cold_users()):
            open_items = np.flatnonzero(may & (data.plays[user].toarray()[0] == 0))
            scores = np.sort(found.scores(np.full(len(open_items), user), open_items))[::-1][:K]
            np.testing.assert_allclose(lists.scores[user][: len(scores)], scores, rtol=1e-4, atol=1e-6)
            assert np.isin(lists.cols[user][: len(scores)], open_items).all()
            assert lists.exact[user]

    def test_a_short_catalogue_is_padded(self) -> None:
        """Places for which nothing is left hold -1 and -inf, and come last."""
        allowed = np.zeros(N_TRACKS, dtype=bool)
        allowed[[1, 2]] = True
        found = self.retriever().candidates(np.arange(3), nothing_played(3), K, allowed)
        assert (found.cols[:, 2:] == -1).all()
        assert np.isneginf(found.scores[:, 2:]).all()
        assert {frozenset(row[:2].tolist()) for row in found.cols} == {frozenset({1, 2})}

    def test_who_is_cold_gets_no_list_and_what_is_cold_stands_on_none(self) -> None:
        """Cold listeners have empty lists; cold items are nobody's candidates."""
        found = self.retriever()
        lists = found.candidates(np.arange(N_USERS), nothing_played(N_USERS), N_TRACKS)
        assert (lists.cols[found.cold_users()] == -1).all()
        assert not lists.exact[found.cold_users()].any()
        listed = np.unique(lists.cols[lists.cols >= 0])
        assert not found.cold_items()[listed].any()
        assert found.cold_items()[NEVER]
        pairs = found.scores(np.repeat(np.arange(N_USERS), 2), np.tile([NEVER, 1], N_USERS))
        assert not pairs[::2].any()

    def test_a_list_does_not_depend_on_who_else_asks(self) -> None:
        """One listener asked alone and among all others gets the same items."""
        found, rows = self.retriever(), np.arange(N_USERS)
        together = found.candidates(rows, nothing_played(N_USERS), K)
        for user in (0, 1, 50):
            alone = found.candidates(rows[[user]], nothing_played(1), K)
            assert alone.cols[0].tolist() == together.cols[user].tolist()

    def test_answers_stand_in_the_order_of_the_questions(self) -> None:
        """Listeners in any order have the lists, and pairs the scores, that they have in the order of the rows."""
        found, rng = self.retriever(), np.random.default_rng(6)
        rows, order = np.arange(N_USERS), rng.permutation(N_USERS)
        lists = found.candidates(rows, nothing_played(N_USERS), K)
        np.testing.assert_array_equal(found.candidates(order, nothing_played(N_USERS), K).cols, lists.cols[order])
        users, items = (each.ravel() for each in np.indices((N_USERS, 9)))
        order = rng.permutation(len(users))
        scores = found.scores(users, items)
        np.testing.assert_allclose(found.scores(users[order], items[order]), scores[order], rtol=1e-5, atol=1e-6)

    def test_who_asks_of_no_pair_gets_no_score(self) -> None:
        """A blend asks so where none of its components lists anything for anybody."""
        nothing = np.zeros(0, np.int64)
        assert len(self.retriever().scores(nothing, nothing)) == 0

    def test_bad_questions_are_refused(self) -> None:
        """A list of no length is a wrong argument; played items of other listeners do not fit, nor do items that there
        are not."""
        found = self.retriever()
        with pytest.raises(ConfigError, match="A list of 0 tracks"):
            found.candidates(np.arange(2), nothing_played(2), 0)
        with pytest.raises(BadData, match="do not fit"):
            found.candidates(np.arange(2), nothing_played(3), K)
        for beyond in (N_TRACKS, 2 * N_TRACKS, -1):
            with pytest.raises(BadData, match="outside of the 80 tracks"):
                found.candidates(np.arange(2), Played(np.array([0, 1, 1]), np.array([beyond])), K)
        for n in (N_TRACKS - 1, N_TRACKS + 1):
            with pytest.raises(BadData, match="does not fit 80 tracks"):
                found.candidates(np.arange(2), nothing_played(2), K, np.ones(n, dtype=bool))


class RecommenderSuite(RetrieverSuite):
    """What holds of every recommender. A subclass names it, and the floor that its precision has to reach."""

    floor: float
    """precision@K that it reaches on the hidden plays of ``world``, where chance has .0125."""

    def recommender(self) -> Any:
        """The recommender under test."""
        raise NotImplementedError

    def retriever(self) -> Any:
        """Its component, fitted cold on ``world``."""
        return self.recommender().fit(world()[0]).component

    def test_it_learns(self) -> None:
        """Its lists hold the hidden plays more often than the floor asks."""
        data, hidden = world()
        lists = self.retriever().candidates(np.arange(N_USERS), Played(data.plays.indptr, data.plays.indices), K)
        hits = [np.isin(lists.cols[user], hidden[user].indices).sum() / K for user in range(N_USERS)]
        assert np.mean(hits) >= self.floor

    def test_the_same_input_gives_the_same_bytes(self) -> None:
        """Two fits of the same data write the same files."""
        one, other = (self.recommender().fit(world()[0]).component.files() for _ in range(2))
        assert {name: values.tobytes() for name, values in one.items()} == {
            name: values.tobytes() for name, values in other.items()
        }

    def test_it_survives_being_stored(self) -> None:
        """A component opened from read-only files answers as the one that wrote them."""
        component = self.retriever()
        files = {name: np.array(values) for name, values in component.files().items()}
        for values in files.values():
            values.flags.writeable = False
        opened = self.recommender().open(files)
        one, other = (each.candidates(np.arange(9), nothing_played(9), K) for each in (component, opened))
        assert one.cols.tobytes() == other.cols.tobytes()
        assert one.scores.tobytes() == other.scores.tobytes()

    def test_a_parent_of_other_rows_is_followed_by_id(self) -> None:
        """A warm start from a smaller matrix fits, and its lists are about those of a cold one."""
        data, recommender = world()[0], self.recommender()
        few = TrainingData(data.plays[:100, :70], vocabulary(100), vocabulary(70))
        parent = Parent(recommender.fit(few).component, few.users, few.tracks)
        warm, cold = recommender.fit(data, parent).component, recommender.fit(data).component
        one, other = (each.candidates(np.arange(N_USERS), nothing_played(N_USERS), K).cols for each in (warm, cold))
        shared = np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(one, other, strict=True)])
        assert shared > 0.6

    def test_folding_in_leaves_everybody_else_alone(self) -> None:
        """The scores of listeners who were not folded in, and the items, stay as they were."""
        data, recommender = world()[0], self.recommender()
        component = recommender.fit(data).component
        changed = recommender.fold_in(component, data.plays[[1, 2]], np.array([NOBODY, 30]))
        others = np.setdiff1d(np.arange(N_USERS), [NOBODY, 30])
        before, after = (each.scores(others, others % N_TRACKS) for each in (component, changed))
        assert before.tobytes() == after.tobytes()
        assert not changed.cold_users()[[NOBODY, 30]].any()

    def test_who_was_asked_before_folding_in_is_answered_by_the_new_plays(self) -> None:
        """Two listeners who are folded in with the same plays have the same scores, though one was asked before."""
        data, recommender = world()[0], self.recommender()
        component, items = recommender.fit(data).component, np.arange(N_TRACKS)
        component.scores(np.full(N_TRACKS, 30), items)
        changed = recommender.fold_in(component, data.plays[[2, 2]], np.array([2, 30]))
        one, other = (changed.scores(np.full(N_TRACKS, row), items) for row in (2, 30))
        assert one.tobytes() == other.tobytes()

    def test_nothing_to_learn_from_is_refused(self) -> None:
        """A matrix without plays is an error, not a model that knows nothing."""
        empty = sparse.csr_matrix((3, 4), dtype=np.uint32)
        with pytest.raises(BadData):
            self.recommender().fit(TrainingData(empty, vocabulary(3), vocabulary(4)))

    def test_its_identity_is_json(self) -> None:
        """What decides the bytes can stand in a key, and is the same each time."""
        one, other = (json.dumps(self.recommender().identity(), sort_keys=True) for _ in range(2))
        assert one == other

    def test_the_recorded_loss_is_that_of_the_component(self) -> None:
        """Computed anew from the component, the loss is what the training recorded last, if it records any."""
        data, recommender = world()[0], self.recommender()
        fit = recommender.fit(data)
        found = recommender.recorded_loss(fit.component, data.plays)
        recorded = fit.figures.losses[-1] if fit.figures.losses else None
        assert found == (pytest.approx(recorded, rel=1e-6) if recorded is not None else None)
