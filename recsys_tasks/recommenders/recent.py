"""Tracks by their plays of late: each date's listeners of a track, fading with a half-life.

With n_i(d) the listeners of track i on date d, the score on date D is

    s_i(D) = sum over d <= D of n_i(d) * 2^(-(D - d) / half-life)  =  s_i(D - 1) * 2^(-1 / half-life)  +  n_i(D)

so a date is one product and one sum for each track, and the numbers are a function of the partitions alone: the same
operations in the order of the dates, wherever the fold began. Listeners are counted instead of plays, as for the
popular tracks: one account cannot make a track popular. Of these, discoveries are those alone who had not played the
track before: lists hold what is new to a listener, and what many come back to every day need not win anybody new. They
are counted in plays of which only the first ones are left (``matrix.first_plays``); the fold is the same.

A day's own plays are what a candidate is judged on, so it is judged by the sums of the days before
(``RecentPlays.before``), as the release that was live on that day was made with; what is published knows the day too.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.components import RecentConfig
from recsys_tasks.core.domain import IntArray, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.recommenders.base import Arrays, Fit, Parent, Progress, TrainingData, unheard
from recsys_tasks.recommenders.popular import SameForAll

RECENT_FORMAT = 1
"""Version of the way from partitions to sums; part of a model's identity."""
Sums = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RecentPlays(SameForAll):
    """An item's score is its faded number of listeners, the same for everybody; nobody is cold to it.

    Raises:
        BadData: a sum is not finite or below zero, or the two differ in shape.
    """

    sums: Sums  # (n_tracks,) with the newest date
    older: Sums  # (n_tracks,) without it, faded to it
    n_users: int

    def __post_init__(self) -> None:
        if self.sums.shape != self.older.shape or self.sums.ndim != 1:
            raise BadData(f"Faded plays of shapes {self.sums.shape} and {self.older.shape} do not fit. Train again.")
        for values in (self.sums, self.older):
            if not (np.isfinite(values) & (values >= 0)).all():
                raise BadData("A track's faded plays are no number, or below zero. Train again.")

    @property
    def item_scores(self) -> Sums:
        """As ``SameForAll``."""
        return self.sums

    @cached_property
    def order(self) -> npt.NDArray[np.int64]:
        """As ``SameForAll``: those without any play stand on no list."""
        order = np.argsort(-self.sums, kind="stable")
        return order[self.sums[order] > 0]

    @property
    def before(self) -> "RecentPlays":
        """What was known before the newest date."""
        return replace(self, sums=self.older)

    def widened(self, n_items: int) -> "RecentPlays":
        """The same with a sum for each item of a candidate, 0 for those that nobody has played."""
        if len(self.sums) >= n_items:
            return self
        beyond = np.zeros(n_items - len(self.sums))
        return replace(self, sums=np.append(self.sums, beyond), older=np.append(self.older, beyond))

    def files(self) -> Arrays:
        """As ``Component``."""
        return {"sums": self.sums, "older": self.older, "n_users": np.array([self.n_users])}


@dataclass(frozen=True)
class Recent:
    """Counting listeners that fade; a ``Recommender`` of ``RecentPlays``.

    It is fitted on the plays of one date, and its parent holds those of all dates before: the component of the date
    before that one.
    """

    half_life_days: float  # after so many days a play counts half
    counts: Literal["listeners", "discoveries"] = "listeners"  # discoveries: it is fitted on first plays alone
    name: ClassVar[str] = "recent"

    @property
    def label(self) -> str:
        """What tells its sums from those of another half-life, and of what else is counted, in words."""
        counts = "" if self.counts == "listeners" else f", {self.counts}"
        return f"recent ({self.half_life_days:g}-day half-life{counts})"

    def identity(self) -> Json:
        """As ``Recommender``."""
        parameters: Json = {"half_life_days": self.half_life_days}
        parameters |= {} if self.counts == "listeners" else {"counts": self.counts}
        return {"parameters": parameters, "training": RECENT_FORMAT, "backend": None}

    def fit(
        self, data: TrainingData, parent: Parent[RecentPlays] | None = None, progress: Progress = unheard
    ) -> Fit[RecentPlays]:
        """As ``Recommender``: yesterday's sums times a factor, plus the date's listeners."""
        if parent is None and data.plays.nnz == 0:
            raise BadData("Nothing was played, so no track is popular. Check the source and history_start.")
        older = 0.5 ** (1 / self.half_life_days) * _aligned(parent, data.tracks)
        return Fit(RecentPlays(older + listeners_of(data.plays), older, data.plays.shape[0]))

    def open(self, files: Arrays) -> RecentPlays:
        """As ``Recommender``."""
        sums, older = (np.asarray(files[name], dtype=np.float64) for name in ("sums", "older"))
        return RecentPlays(sums, older, int(files["n_users"][0]))

    def fold_in(self, component: RecentPlays, plays: sparse.csr_matrix, user_rows: IntArray) -> RecentPlays:
        """As ``Recommender``: the same for everybody, so nothing changes."""
        return component

    def recorded_loss(self, component: RecentPlays, plays: sparse.csr_matrix) -> None:
        """As ``Recommender``: counting has none."""


def recents_of(config: RecentConfig) -> tuple[Recent, ...]:
    """Those of a configuration, one for each half-life."""
    return tuple(Recent(half_life, config.counts) for half_life in config.half_life_days)


def _aligned(parent: Parent[RecentPlays] | None, tracks: Vocabulary) -> Sums:
    """The parent's sums under today's columns, zero for tracks that it did not know. (n_tracks,)."""
    sums = np.zeros(len(tracks))
    if parent is None:
        return sums
    if tracks.ids[: len(parent.tracks)].equals(parent.tracks.ids):  # an ordinary day only appends
        sums[: len(parent.tracks)] = parent.component.sums
        return sums
    cols = tracks.rows_of(parent.tracks.ids)
    sums[cols[cols >= 0]] = parent.component.sums[cols >= 0]
    return sums
