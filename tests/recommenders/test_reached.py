"""What the tracks of listeners reach is the plain sum for each of them, whoever else is asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recsys_tasks.recommenders import reached as module
from recsys_tasks.recommenders.reached import Reached
from recsys_tasks.recommenders.vectors import Played

N_TRACKS = 60
HISTORIES = st.lists(st.lists(st.integers(0, N_TRACKS - 1), unique=True, max_size=20), min_size=1, max_size=5)


def similarities(seed, below_zero=False):
    """A third of all pairs, of very different sizes; some below zero, as EASE has them."""
    rng = np.random.default_rng(seed)
    found = sparse.random(N_TRACKS, N_TRACKS, 0.3, "csr", np.float32, rng)
    found.data *= np.float32(10) ** rng.integers(-3, 4, found.nnz).astype(np.float32)
    if below_zero:
        found.data *= rng.choice(np.float32([-1, 1]), found.nnz)
    return found


def played(histories):
    """The same as tracks of listeners."""
    ends = np.cumsum([0, *map(len, histories)])
    return Played(ends, np.array([track for tracks in histories for track in tracks], np.int32))


def test_what_speaks_as_much_for_a_track_as_against_it_lists_it_nowhere():
    """A sum of zero is no reason to show a track."""
    similar = sparse.csr_matrix(np.array([[0, 0, 1, 1], [0, 0, -1, 1], [0] * 4, [0] * 4], np.float32))
    for listeners in ([[0, 1]], [[0, 1], [0, 1]]):
        own = played(listeners)
        cols, scores = Reached.by(own, similar).best(2, own, None)
        assert (cols.tolist(), scores[:, 0].tolist()) == ([[3, -1]] * len(listeners), [2] * len(listeners))


class TestReached:
    @given(HISTORIES, st.integers(0, 99), st.booleans())
    def test_scores_are_sums_over_the_tracks_of_each_listener(self, histories, seed, below_zero):
        """Each pair has its sum to the last bit but one, and 0 where nothing is reached."""
        similar = similarities(seed, below_zero)
        owners, cols = (each.ravel() for each in np.indices((len(histories), N_TRACKS)))
        found = Reached.by(played(histories), similar).of(owners, cols).reshape(len(histories), N_TRACKS)
        sums = [np.asarray(similar[tracks].astype(np.float64).sum(axis=0)).ravel() for tracks in histories]
        parts = [np.asarray(abs(similar[tracks]).astype(np.float64).sum(axis=0)).ravel() for tracks in histories]
        assert (np.abs(found - sums) <= 2.0**-23 * np.array(parts)).all()

    @given(HISTORIES, st.integers(0, 99), st.randoms())
    def test_neither_company_nor_order_changes_a_bit(self, histories, seed, random):
        """A listener alone, with the tracks in another order, has the list and scores that they have with others."""
        similar, everybody = similarities(seed), played(histories)
        lists, scores = Reached.by(everybody, similar).best(5, everybody, None)
        for place, tracks in enumerate(histories):
            alone = played([random.sample(tracks, len(tracks))])
            own_list, own_scores = Reached.by(alone, similar).best(5, alone, None)
            assert own_list.tobytes() == lists[place].tobytes()
            assert own_scores.tobytes() == scores[place].tobytes()

    @given(HISTORIES, st.integers(0, 99), st.integers(1, N_TRACKS + 5))
    def test_lists_hold_the_best_that_may_be_shown_and_score_more_than_zero(self, histories, seed, k):
        """Best first, equal ones by column; what was played, not allowed, or has nothing for it is not among them."""
        reached, allowed = (
            Reached.by(played(histories), similarities(seed, below_zero=True)),
            np.arange(N_TRACKS) % 3 > 0,
        )
        lists, scores = reached.best(k, played(histories), allowed)
        for place, tracks in enumerate(histories):
            of_all = reached.of(np.full(N_TRACKS, place), np.arange(N_TRACKS))
            open_ = np.flatnonzero(allowed & (of_all > 0) & ~np.isin(np.arange(N_TRACKS), tracks))
            wanted = open_[np.lexsort((open_, -of_all[open_]))][:k]
            assert lists[place].tolist() == [*wanted.tolist(), *[-1] * (k - len(wanted))]
            assert scores[place, : len(wanted)].tolist() == of_all[wanted].tolist()
            assert np.isneginf(scores[place, len(wanted) :]).all()

    @given(HISTORIES, st.integers(0, 99), st.integers(1, 4))
    def test_how_many_listeners_are_numbered_together_changes_nothing(self, histories, seed, bits):
        """Where columns leave room for few listeners in a number, these are sorted some at a time."""
        similar, everybody = similarities(seed), played(histories)
        expected = Reached.by(everybody, similar)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(module, "KEY_BITS", N_TRACKS.bit_length() + bits)
            found = Reached.by(everybody, similar)
        assert found.keys.tolist() == expected.keys.tolist()
        assert found.values.tobytes() == expected.values.tobytes()

    def test_a_column_never_runs_into_the_number_of_its_listener(self):
        """Six hundred listeners of eight million tracks are more than 32 bits number: each has their own list."""
        n, n_tracks = 600, 1 << 23
        cols, last = np.arange(n), n_tracks - 1 - np.arange(n)
        cells = np.full(2 * n, 0.5, np.float32), (np.r_[cols, last], np.r_[last, cols])
        similar = sparse.csr_matrix(cells, shape=(n_tracks, n_tracks))
        everybody = Played(np.arange(n + 1), cols.astype(np.int32))
        reached = Reached.by(everybody, similar)
        assert reached.best(1, everybody, None)[0].ravel().tolist() == last.tolist()
        assert reached.of(np.arange(n), last).tolist() == [0.5] * n
