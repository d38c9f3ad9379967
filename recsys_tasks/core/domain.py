"""The words of the program as frozen types, each checked where it is made.

Ids are Arrow arrays (int64 for integers, string for text and uuid): they are what the source calls a user or a track.
Row numbers (``_row`` for users, ``_col`` for tracks in a matrix) are ours, and mean nothing outside one artefact.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.lookup import places_in

Day = date
Ids: TypeAlias = pa.Array  # int64 or string, without nulls
Id = int | str
Figures = dict[str, Any]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]
Scratch: TypeAlias = Callable[[int, npt.DTypeLike], npt.NDArray[Any]]
"""Gives an array of so many numbers, of any content, that lives as long as it is used: (length, type). ``np.empty`` in
memory; a step hands in one whose arrays lie in files."""


EPOCH = date(1970, 1, 1)


def day_number(day: Day) -> int:
    """Days since 1970-01-01, as vocabularies keep them."""
    return (day - EPOCH).days


def parse_day(text: str) -> Day:
    """A date from ``YYYY-MM-DD``.

    Raises:
        ConfigError: the text is not such a date, or the last one that there is, after which no day begins.
    """
    try:
        day = date.fromisoformat(text)
        if day == date.max:
            raise ValueError
        return day
    except (TypeError, ValueError):
        raise ConfigError(f"{text!r} is not a date. Write it as YYYY-MM-DD.") from None


@dataclass(frozen=True)
class PlayCounts:
    """How many qualified streams each user gave each track, in canonical order: by user id, then by track id."""

    user_ids: Ids  # (n_pairs,)
    track_ids: Ids  # (n_pairs,)
    plays: npt.NDArray[np.uint32]  # (n_pairs,), all positive

    def __post_init__(self) -> None:
        if not len(self.user_ids) == len(self.track_ids) == len(self.plays):
            raise BadData(
                f"Play counts of unequal length: {len(self.user_ids)} users, {len(self.track_ids)} tracks, "
                f"{len(self.plays)} plays. The partition is broken: extract the day again."
            )
        if self.plays.dtype != np.uint32:
            raise BadData(f"Play counts are {self.plays.dtype}, and uint32 is what they are. Extract the day again.")
        if self.user_ids.null_count or self.track_ids.null_count or (len(self.plays) and not self.plays.all()):
            raise BadData("Play counts hold a null id or a zero count. Extract the day again.")

    def __len__(self) -> int:
        return len(self.plays)


@dataclass(frozen=True)
class Vocabulary:
    """Append-only map id <-> row number: row r belongs to ``ids[r]``; rows are ordered by (first date seen, id)."""

    ids: Ids  # (n,)
    first_days: npt.NDArray[np.int32]  # (n,), days since 1970-01-01, never falling

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.first_days):
            raise BadData(f"A vocabulary has {len(self.ids)} ids and {len(self.first_days)} first days.")
        if self.ids.null_count:
            raise BadData(f"A vocabulary holds {self.ids.null_count} null ids.")

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of(self, ids: Ids) -> npt.NDArray[np.int64]:
        """Row number of each id, -1 for an id that is not in the vocabulary. (n_ids,)."""
        return places_in(self.ids, ids)


@dataclass(frozen=True)
class PlayMatrix:
    """Play counts of all users and tracks up to a date, with the partitions it was folded from."""

    counts: sparse.csr_matrix  # (n_users, n_tracks) uint32, canonical: sorted, summed, no stored zero
    users: Vocabulary
    tracks: Vocabulary
    chain: tuple[tuple[Day, str], ...] = field(repr=False)  # (date, partition digest), by date, without a hole

    def __post_init__(self) -> None:
        if self.counts.shape != (len(self.users), len(self.tracks)):
            raise BadData(
                f"A play matrix of shape {self.counts.shape} has {len(self.users)} users and {len(self.tracks)} tracks "
                "in its vocabularies. Remove the stored matrix; the next run folds it again."
            )
        if self.counts.nnz and int(self.counts.data.min()) <= 0:
            raise BadData("A play matrix stores a zero or negative count. Remove it; the next run folds it again.")

    @cached_property
    def plays(self) -> int:
        """The sum of all play counts; Arrow's takes half the time of numpy's, which makes each of them 64 bits long."""
        return int(pc.sum(pa.array(self.counts.data)).as_py() or 0)


@dataclass(frozen=True)
class Verdict:
    """What the gate said, with the reasons in plain words and the figures that decided."""

    outcome: str  # PASS, HOLD or BLOCK
    reasons: tuple[str, ...]
    exact: bool  # an exact check failed: can never be overridden
    figures: Figures = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the candidate may be published without a person's word."""
        return self.outcome == "PASS"
