"""The split of a day: whose plays of it are hidden, for whom they are hidden, and what remains to train on.

Three groups of listeners: the gate's, who are scored by the gate alone; the blend's, on whom the weights of several
components are fitted; everybody else. No play of the day by a hidden listener is trained on, neither the discoveries
that are scored nor the repeats, so that candidate and incumbent know exactly the same of them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import BoolArray, Day, Ids, IntArray, PlayCounts, PlayMatrix, day_number
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.core.records import Json, as_json
from recsys_tasks.matrix.play_matrix import canonical, day_counts, of_users, without_users
from recsys_tasks.matrix.row_ranges import PlayRows, rows_at
from recsys_tasks.matrix.trained_plays import TrainedPlays, track_listeners, widened

SPLIT_FORMAT, WITHOUT_BLEND = 3, 2
"""Version of the way from a matrix and a day to the groups; part of a split's identity. Format 1 named the salt itself,
and knew no ``min_history``; in format 2, which is that of a split without a blend's group, this group had no bound."""
FORMER_SALT = "recsys"
"""Of every store whose configuration named none, in format 1."""


@dataclass(frozen=True)
class SplitKey:
    """What a split is made from."""

    day: Day
    matrix: str  # digest
    groups: Json  # max_users, wanted_users, blend_share, min_history, salt_digest
    splitting: int

    @property
    def digest(self) -> str:
        """The identity of the split."""
        return digest_of("split", as_json(self))

    @property
    def settings(self) -> Json:
        """The settings that chose the groups, the salt by its digest."""
        return without_salt(self.groups)


def split_key(day: Day, matrix: str, config: EvaluationConfig) -> SplitKey:
    """The key of a day's split under a configuration that names a salt.

    Raises:
        ConfigError: it names none.
    """
    _require_salt(config)
    groups = without_salt(config.model_dump(exclude={"k"}))
    return SplitKey(day, matrix, groups, SPLIT_FORMAT if config.blend_share else WITHOUT_BLEND)


def key_of_format_1(day: Day, matrix: str, config: EvaluationConfig) -> SplitKey:
    """The key that the first format gave a day's split: a store of before may hold it, and a rerun then finds it."""
    groups = config.model_dump(exclude={"k", "min_history"}) | {"salt": config.salt or FORMER_SALT}
    return SplitKey(day, matrix, groups, splitting=1)


def without_salt(settings: Json) -> Json:
    """Settings of a split with a digest in place of the salt, by which nobody can choose accounts."""
    shown = dict(settings)
    return shown | {"salt_digest": digest_of("salt", shown.pop("salt"))} if "salt" in shown else shown


def _require_salt(config: EvaluationConfig) -> None:
    if not config.salt:
        raise ConfigError("A split needs a salt. Give it the one of the store, or name one as [evaluation] salt.")


@dataclass(frozen=True)
class Split:
    """Who is hidden on the newest day of a matrix, by group, and that day in the matrix's row numbers.

    Raises:
        BadData: the groups overlap, their rows do not rise, or lie outside of the matrix.
    """

    gate_rows: npt.NDArray[np.int64]  # (n_gate,) rows of the gate's listeners, rising
    blend_rows: npt.NDArray[np.int64]  # (n_blend,) rows of the blend's listeners, rising; empty without a blend
    day_counts: sparse.csr_matrix  # (n_users, n_tracks) uint32, all play counts of the day

    def __post_init__(self) -> None:
        n_users, hidden = self.day_counts.shape[0], self.hidden_rows
        for rows in (self.gate_rows, self.blend_rows):
            if len(rows) and not (rows[0] >= 0 and rows[-1] < n_users and (np.diff(rows) > 0).all()):
                raise BadData(f"A split names rows that are not among {n_users} listeners, or not in order.")
        if len(hidden) != len(self.gate_rows) + len(self.blend_rows):
            raise BadData("A listener belongs to two groups of a split.")

    @cached_property
    def hidden_rows(self) -> npt.NDArray[np.int64]:
        """Rows of all listeners whose day is not trained on, rising. (n_hidden,)."""
        return np.union1d(self.gate_rows, self.blend_rows)


@dataclass(frozen=True)
class Holdout:
    """The day as one group of listeners is asked about it: what is trained on, and what is hidden."""

    user_rows: npt.NDArray[np.int64]  # (n_hidden,) rows of the group, rising
    training: PlayRows  # (n_users, n_tracks) play counts without the day of any hidden listener
    history: sparse.csr_matrix  # (n_hidden, n_tracks) play counts before the day: left out of every list
    hidden: sparse.csr_matrix  # (n_hidden, n_tracks) plays of the day of tracks never played before

    @cached_property
    def listeners(self) -> npt.NDArray[np.int64]:
        """Number of users of the training who played each track. (n_tracks,)."""
        return track_listeners(self.training)

    def widened(self, n_items: int) -> "Holdout":
        """The same with a column for each item of a candidate, of which the matrix's tracks are the first."""
        if self.training.shape[1] >= n_items:
            return self
        cells = (self.training, self.history, self.hidden)
        return Holdout(self.user_rows, *(widened(each, n_items) for each in cells))


def split_day(matrix: PlayMatrix, counts: PlayCounts, day: Day, config: EvaluationConfig) -> Split:
    """Divide the listeners of the newest day of a matrix.

    Args:
        matrix: all plays up to and with the day.
        counts: the partition of that day.
        day: its date.
        config: how many listeners of each group, how long their history, and the salt of the hash that picks them.

    Raises:
        BadData: the day holds ids that the matrix does not know.
        ConfigError: no salt is named.
    """
    of_day = day_counts(counts, matrix.users, matrix.tracks)
    known = known_listeners(matrix, of_day, day)
    eligible = known[has_history(matrix, of_day, known, config.min_history)]
    return Split(*chosen_listeners(matrix.users.ids.take(eligible), eligible, day, config), of_day)


def known_listeners(matrix: PlayMatrix, of_day: sparse.csr_matrix, day: Day) -> npt.NDArray[np.int64]:
    """Rows of the day's listeners who had played anything before it, rising.

    Args:
        matrix: all plays up to and with the day.
        of_day: (n_users, n_tracks) those of the day.
        day: its date.
    """
    listeners = np.flatnonzero(np.diff(of_day.indptr))
    return listeners[matrix.users.first_days[listeners] < day_number(day)]


def has_history(matrix: PlayMatrix, of_day: sparse.csr_matrix, rows: IntArray, least: int) -> BoolArray:
    """Whether listeners had played so many distinct tracks before the day. (n_rows,).

    Whoever would have enough even if each of today's tracks were new need not be looked at more closely: hardly
    anybody is left.

    Args:
        matrix: all plays up to and with the day.
        of_day: (n_users, n_tracks) those of the day.
        rows: (n_rows,) rows of the listeners.
        least: distinct tracks.
    """
    enough = (np.diff(matrix.counts.indptr)[rows] - np.diff(of_day.indptr)[rows]) >= least
    unsure = rows[~enough]
    before = canonical(sparse.csr_matrix(rows_at(matrix.counts, unsure) - of_day[unsure]))
    enough[~enough] = np.diff(before.indptr) >= least
    return np.asarray(enough)


def thin_share(matrix: PlayMatrix, split: Split, day: Day, min_history: int) -> float:
    """Share of the day's known listeners whose history is too short for them to be scored; 0 where nobody is known."""
    known = known_listeners(matrix, split.day_counts, day)
    return 1.0 - float(has_history(matrix, split.day_counts, known, min_history).mean()) if len(known) else 0.0


def chosen_listeners(
    ids: Ids, rows: IntArray, day: Day, config: EvaluationConfig
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of the gate's and of the blend's listeners, rising.

    Both are drawn in the order of a hash of user and date: first the gate's, so that these are the same whatever the
    blend takes.

    Args:
        ids: (n_eligible,) of the listeners who may be scored.
        rows: (n_eligible,) their rows.
        day: the date.
        config: how many, and the salt.

    Raises:
        ConfigError: no salt is named.
    """
    _require_salt(config)
    n = len(rows)
    n_gate = min(config.max_users, max(n // 5, min(config.wanted_users, n // 2)))
    n_blend = min(round(config.blend_share * n), config.max_users)
    drawn = rows[np.argsort(keyed_hash(ids, f"{config.salt} {day.isoformat()}"), kind="stable")]
    return np.sort(drawn[:n_gate]), np.sort(drawn[n_gate : n_gate + n_blend])


def hold_out(matrix: PlayMatrix, split: Split, rows: npt.NDArray[np.int64] | None = None) -> Holdout:
    """The day as a group of listeners is asked about it.

    Args:
        matrix: all plays up to and with the day.
        split: who is hidden.
        rows: (n_hidden,) rows of the group; None: the gate's.
    """
    training = training_of(matrix, split)
    rows = split.gate_rows if rows is None else rows
    history, taken = canonical(training[rows]), training.taken[rows]
    known = taken.multiply(history > 0)
    return Holdout(rows, training, history, canonical(sparse.csr_matrix(taken - known, dtype=np.uint32)))


def training_of(matrix: PlayMatrix, split: Split) -> TrainedPlays:
    """What is trained on: the matrix without the day of the hidden listeners."""
    return TrainedPlays(matrix.counts, of_users(split.day_counts, _is_hidden(split, len(matrix.users))))


def trained_plays(counts: sparse.csr_matrix, split: Split, rows: IntArray) -> sparse.csr_matrix:
    """The training of some listeners, from their own rows alone. (n_rows, n_tracks) uint32.

    Args:
        counts: (n_users, n_tracks) all play counts.
        split: of their newest day.
        rows: (n_rows,) rows of the listeners.
    """
    chosen = np.isin(rows, split.hidden_rows)
    return without_users(rows_at(counts, rows), split.day_counts[rows], chosen)[0]


def _is_hidden(split: Split, n_users: int) -> npt.NDArray[np.bool_]:
    hidden = np.zeros(n_users, dtype=bool)
    hidden[split.hidden_rows] = True
    return hidden
