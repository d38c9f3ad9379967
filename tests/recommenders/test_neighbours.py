"""What the tracks of listeners reach: kept from one question to the next, and no answer depends on that."""

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.neighbours import ASKED_TRACKS, LISTENERS_AT_ONCE, SIMILAR, Neighbours, SimilarTracks
from recsys_tasks.recommenders.vectors import Played

N_USERS, N_TRACKS, K = LISTENERS_AT_ONCE + 6, 400, 5


def neighbours():
    """Three tracks of each listener, and some forty neighbours of each track."""
    rng = np.random.default_rng(8)
    similar = sparse.random(N_TRACKS, N_TRACKS, 0.1, "csr", np.float32, rng)
    similar.sort_indices()
    cols = np.sort(rng.permuted(np.tile(np.arange(N_TRACKS), (N_USERS, 1)), axis=1)[:, :3], axis=1)
    return Neighbours(SimilarTracks(similar), Played(np.arange(0, 3 * N_USERS + 1, 3), cols.ravel().astype(np.int32)))


def best_of_all(of, row, allowed):
    """The K best of a listener, by the sums over all tracks."""
    sums = np.asarray(of.similar.matrix[of.played.of(row)].astype(np.float64).sum(axis=0)).ravel().astype(np.float32)
    open_ = allowed & (sums > 0)
    open_[of.played.of(row)] = False
    cols = np.flatnonzero(open_)
    return cols[np.lexsort((cols, -sums[cols]))][:K].tolist()


class TestSimilarTracks:
    @pytest.mark.parametrize(
        ("value", "col", "said"),
        [
            (np.nan, 1, "not finite"),
            (np.inf, 1, "not finite"),
            (0.5, 3, "outside of the 3"),
            (0.5, -1, "outside of the 3"),
        ],
    )
    def test_what_no_training_gives_is_refused(self, value, col, said):
        """A damaged file is an error in our words, and no similarity of a track that there is not."""
        files = np.array([col], np.int32), np.array([0, 1, 1, 1]), np.array([value], np.float32)
        with pytest.raises(BadData, match=said):
            SimilarTracks.of(dict(zip(SIMILAR, files, strict=True)))


class TestChoices:
    def test_equal_scores_stand_by_column(self):
        """Whichever are the best, and however many are as good."""
        similar = sparse.csr_matrix((np.arange(N_TRACKS) % 5)[None].repeat(N_TRACKS, axis=0).astype(np.float32))
        asked = Neighbours(SimilarTracks(similar), Played(np.array([0, 1]), np.array([0], np.int32)))
        found = asked.candidates(np.array([0]), asked.played, 200)
        rising = np.arange(N_TRACKS)
        assert found.cols[0].tolist() == np.lexsort((rising, -(rising % 5)))[:200].tolist()

    @pytest.mark.parametrize("least", [0, 350])
    def test_a_second_choice_gets_the_list_that_it_would_get_first(self, least):
        """Also where it leaves hardly any of the best tracks, so that the others are looked through after all."""
        rows, asked, allowed = np.arange(N_USERS), neighbours(), np.arange(N_TRACKS) >= least
        everything = np.ones(N_TRACKS, dtype=bool)
        for choice in (everything, allowed):
            found = asked.candidates(rows, asked.played, K, choice)
            fresh = neighbours().candidates(rows, asked.played, K, choice)
            assert found.cols.tobytes() == fresh.cols.tobytes()
            assert found.scores.tobytes() == fresh.scores.tobytes()
            assert found.cols.tolist() == [best_of_all(asked, row, choice) for row in rows]

    def test_scores_are_those_of_one_listener_alone_in_any_order(self):
        """Tracks that nothing reaches score 0; who else is asked about, and in which order, changes no bit."""
        rng, asked = np.random.default_rng(9), neighbours()
        users, items = rng.integers(0, N_USERS, 900), rng.integers(0, N_TRACKS, 900)
        found = asked.scores(users, items)
        alone = [float(neighbours().scores(users[[n]], items[[n]])[0]) for n in range(0, 900, 45)]
        assert found[::45].tolist() == alone
        assert (found == 0).any()
        assert (found > 0).any()


class TestHeavyListeners:
    """Who played thousands of tracks is answered by some of them."""

    N = 4 * ASKED_TRACKS

    def asked(self, n_played, n_users=1):
        """Listeners of the same tracks, of which every other one has a neighbour: each one of its own, behind them."""
        rows = np.arange(1, self.N, 2)
        cells = np.ones(len(rows), np.float32), (rows, self.N + rows)
        similar = sparse.csr_matrix(cells, shape=(2 * self.N, 2 * self.N))
        cols = np.tile(np.arange(n_played, dtype=np.int32), n_users)
        return Neighbours(SimilarTracks(similar), Played(np.arange(n_users + 1) * n_played, cols))

    def reached(self, asked, n_users=1):
        """The tracks whose neighbours the last listener gets."""
        users = np.repeat(np.arange(n_users), 2 * self.N)
        scores = asked.scores(users, np.tile(np.arange(2 * self.N), n_users))
        return np.flatnonzero(scores[-2 * self.N :]) - self.N

    def test_so_many_tracks_count_evenly_spread_over_those_that_have_neighbours(self):
        """The list of a listener of 1,200 tracks, 600 of them with a neighbour, comes from every second of these."""
        assert self.reached(self.asked(self.N)).tolist() == list(range(1, self.N, 4))

    @pytest.mark.parametrize("n_played", [ASKED_TRACKS, 2 * ASKED_TRACKS])
    def test_nothing_is_left_out_of_as_many_with_neighbours(self, n_played):
        """As long as no more than the bound have neighbours, all of them count."""
        assert self.reached(self.asked(n_played)).tolist() == list(range(1, n_played, 2))

    def test_who_else_is_asked_changes_nothing(self):
        """A listener alone and the last of many get the same."""
        many = LISTENERS_AT_ONCE + 1
        assert self.reached(self.asked(self.N, many), many).tolist() == self.reached(self.asked(self.N)).tolist()

    def test_who_played_little_keeps_all_beside_one_who_played_much(self):
        """The light listener of a block counts with every track, with a neighbour or without."""
        similar = self.asked(1).similar
        played = Played(np.array([0, self.N, self.N + 3]), np.r_[0 : self.N, 0:3].astype(np.int32))
        both = Neighbours(similar, played).candidates(
            np.array([0, 1]), Played(np.zeros(3, np.int64), played.cols[:0]), 9
        )
        assert both.cols[1].tolist() == [self.N + 1, *[-1] * 8]
