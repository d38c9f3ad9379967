"""Which plays are hidden: the day's listeners who are judged on, and what remains to train on.

No play of the day by a hidden user is trained on: neither the discoveries that are scored nor the repeats, so that
candidate and incumbent know exactly the same of them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.domain import Day, IntArray, PlayCounts, PlayMatrix
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.matrix.play_matrix import EPOCH, canonical, day_counts, without_users
from recsys_tasks.matrix.popularity import listeners_of


@dataclass(frozen=True)
class Holdout:
    """The day split in two: what is trained on, and what is asked."""

    user_rows: npt.NDArray[np.int64]  # (n_hidden,) rows in the matrix, ascending
    training: sparse.csr_matrix  # (n_users, n_tracks) play counts without the hidden users' day
    history: sparse.csr_matrix  # (n_hidden, n_tracks) play counts before the day: left out of every list
    hidden: sparse.csr_matrix  # (n_hidden, n_tracks) plays of the day of tracks never played before
    of_day: sparse.csr_matrix  # (n_users, n_tracks) all play counts of the day

    @cached_property
    def listeners(self) -> npt.NDArray[np.int64]:
        """Number of users of the training who played each track. (n_tracks,)."""
        return listeners_of(self.training)


def hold_out(matrix: PlayMatrix, counts: PlayCounts, day: Day, config: EvaluationConfig) -> Holdout:
    """Split the newest day of a matrix.

    Args:
        matrix: all plays up to and with the day.
        counts: the partition of that day.
        day: its date.
        config: how many users, and the salt of the hash that picks them.
    """
    of_day = day_counts(counts, matrix.users, matrix.tracks)
    rows = hidden_users(matrix, listeners_in(of_day), day, config)
    is_hidden = np.zeros(len(matrix.users), dtype=bool)
    is_hidden[rows] = True
    training, taken = without_users(matrix.counts, of_day, is_hidden)
    history, taken = canonical(training[rows]), taken[rows]
    known = taken.multiply(history > 0)
    return Holdout(rows, training, history, canonical(sparse.csr_matrix(taken - known, dtype=np.uint32)), of_day)


def listeners_in(of_day: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """Rows of the users with a play on a day, rising. of_day: (n_users, n_tracks)."""
    return np.flatnonzero(np.diff(of_day.indptr))


def hidden_users(matrix: PlayMatrix, listeners: IntArray, day: Day, config: EvaluationConfig) -> npt.NDArray[np.int64]:
    """Rows of the hidden users: of the day's listeners with earlier history, those of the smallest hash. Ascending.

    listeners: rows of those who played anything on the day, rising.
    """
    listeners = listeners[matrix.users.first_days[listeners] < (day - EPOCH).days]
    n = len(listeners)
    wanted = min(config.max_users, max(n // 5, min(config.wanted_users, n // 2)))
    keys = keyed_hash(matrix.users.ids.take(listeners), f"{config.salt} {day.isoformat()}")
    return np.sort(listeners[np.argsort(keys, kind="stable")[:wanted]])
