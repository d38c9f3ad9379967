"""Tuning: honest splits, and a winner that is reported on other users."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from strategies import play_counts

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.evaluation.tuning import split_random, split_time, tune
from recsys_tasks.matrix.play_matrix import empty_matrix, fold


def vocabulary(n):
    """Ids 0 .. n-1."""
    return Vocabulary(pa.array(range(n), type=pa.int64()), np.zeros(n, np.int32))


def two_tastes(n_users=120, n_tracks=60, seed=1):
    """Users of one half play tracks of one half: something to learn."""
    rng = np.random.default_rng(seed)
    likes = (np.arange(n_users)[:, None] % 2) == (np.arange(n_tracks)[None, :] % 2)
    plays = (rng.random((n_users, n_tracks)) < np.where(likes, 0.3, 0.01)) * rng.integers(1, 9, (n_users, n_tracks))
    return sparse.csr_matrix(plays.astype(np.uint32))


class TestSplits:
    def test_random_hides_a_fifth_and_loses_nothing(self):
        """Training and hidden cells are disjoint, together all cells, about one in five hidden."""
        plays = two_tastes()
        split = split_random(plays, vocabulary(120), vocabulary(60), 1)
        assert (split.training + split.hidden != plays).nnz == 0
        assert split.training.multiply(split.hidden).nnz == 0
        assert 0.15 < split.hidden.nnz / plays.nnz < 0.25
        assert not set(split.choosing) & set(split.reporting)

    def test_time_hides_the_discoveries_of_the_last_days(self):
        """Hidden are tracks first played after the cut, by users and of tracks known before; repeats are not."""
        matrix = empty_matrix(pa.int64(), pa.int64())
        matrix = fold(matrix, date(2026, 1, 1), play_counts({(1, 1): 1, (2, 2): 1, (3, 3): 2}), "")
        later = play_counts({(1, 1): 5, (1, 2): 1, (2, 9): 1, (8, 1): 1})
        split = split_time(matrix, [(date(2026, 1, 2), later)])
        assert list(zip(*(axis.tolist() for axis in split.hidden.nonzero()), strict=True)) == [(0, 1)]
        assert (split.training != matrix.counts).nnz == 0


class TestTune:
    def test_it_finds_what_beats_popularity(self):
        """On two tastes the winner clearly beats the popular tracks, on users that it was not chosen on."""
        split = split_random(two_tastes(), vocabulary(120), vocabulary(60), 1)
        configs = [AlsConfig(factors=4, weight="log", a=a, regularization=1.0) for a in (0.01, 3.0)]
        tuned = tune(split, configs, 5, lambda _line: None)
        assert tuned.trials[0].precision >= tuned.trials[1].precision
        assert tuned.reported > 1.3 * tuned.reported_popularity
        assert tuned.users == len(split.reporting)

    def test_nothing_to_hide_is_said(self):
        """Without hidden plays there is nothing to choose by."""
        split = split_random(sparse.csr_matrix((3, 3), dtype=np.uint32), vocabulary(3), vocabulary(3), 1)
        with pytest.raises(BadData, match="No play could be hidden"):
            tune(split, [AlsConfig()], 5, print)
