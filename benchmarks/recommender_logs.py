"""The data of the benchmark of recommenders: plays before a moment to learn from, and those after it, hidden."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.evaluation.ensemble_parts import COUNTS
from recsys_tasks.evaluation.tuning_split import TuningSplit
from recsys_tasks.matrix.first_plays import FirstPlays
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.recommenders.base import Parent, TrainingData
from recsys_tasks.recommenders.played_again import PlayDates
from recsys_tasks.recommenders.ranker_features import TrackFacts
from recsys_tasks.recommenders.recent import Recent, RecentPlays
from recsys_tasks.recommenders.vectors import evenly_spread

MOST_ASKED = 2_000
"""Listeners of a fold that are asked at the most: one set keeps a core busy for some minutes."""
RECENTS = [Recent(days, counts) for counts in COUNTS for days in (3.0, 7.0, 14.0, 30.0, 60.0)]
OWN_HALF_LIVES = (15.0, 30.0, 60.0, 90.0)
"""Of a listener's own plays where these may be listed again."""
Numbers = npt.NDArray[np.int64]
Lists = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Plays to learn from, and hidden ones of some listeners."""

    training: sparse.csr_matrix  # (n_users, n_tracks) uint32
    hidden: sparse.csr_matrix  # (n_users, n_tracks)
    repeats: bool = False  # whether what was played before may be listed, and is hidden too
    recent: dict[Recent, RecentPlays] = field(default_factory=dict)  # by what counts them; none without dates
    ceiling: Callable[["Fold"], Lists] | None = None  # lists of who knows every taste
    ages: Numbers | None = None  # (n_tracks,) days since the first play of each track; None without dates
    artists: Numbers | None = None  # (n_tracks,) a number for each artist; None where nobody says
    dated: tuple[Numbers, Numbers, Numbers] | None = None  # (n_rows,) users, tracks, days learnt from, by day
    cut: int = 0  # the day from which on plays are hidden

    @property
    def facts(self) -> TrackFacts:
        """What the re-ranker is told of the tracks."""
        n_tracks = self.training.shape[1]
        ages = np.zeros(n_tracks, np.int64) if self.ages is None else self.ages
        artists = np.full(n_tracks, -1) if self.artists is None else self.artists
        return TrackFacts(np.bincount(self.training.indices, minlength=n_tracks), ages, artists)

    @property
    def dates(self) -> PlayDates:
        """The dates that are learnt from; made anew each time, for those of all folds would not fit.

        Raises:
            ValueError: the plays have none.
        """
        if self.dated is None:
            raise ValueError("plays without dates were asked for these")
        return PlayDates.of(*self.dated, self.training.shape[1])

    def own(self, half_life: float) -> sparse.csr_matrix:
        """Each listener's own dates with a track, one of so many days ago counting half. (n_users, n_tracks)"""
        dates = self.dates
        faded = (0.5 ** ((self.cut - dates.days) / half_life)).astype(np.float32)
        return sparse.csr_matrix((faded, (dates.users, dates.cols)), shape=self.training.shape)

    @property
    def rows(self) -> Numbers:
        """Rows of the listeners who are asked, evenly spread over those with a hidden play."""
        found = np.flatnonzero(np.diff(self.hidden.indptr))
        return evenly_spread(found, MOST_ASKED)

    @property
    def data(self) -> TrainingData:
        """What a component is fitted on."""
        n_users, n_tracks = self.training.shape
        return TrainingData(self.training, vocabulary(n_users), vocabulary(n_tracks))

    @property
    def for_tuning(self) -> TuningSplit:
        """The same for ``tune``, which chooses on all listeners here: others are reported on."""
        data = self.data
        return TuningSplit(data.users, data.tracks, self.training, self.hidden, self.rows, self.rows)


@dataclass(frozen=True)
class Task:
    """What is measured on one data set."""

    how: str
    tuning: Fold  # that the parameters of ALS are chosen on
    validation: tuple[Fold, ...]  # that all else is chosen on
    test: tuple[Fold, ...]  # that is scored once
    rolling: bool = False  # whether the folds just before each one of the test teach it; else those of validation do
    begins: tuple[date, ...] = ()  # of each fold of the test; none where they are not told one by one
    unseen: int = 0  # the first folds of the test, if earlier work looked at the others

    @property
    def folds(self) -> tuple[Fold, ...]:
        """Those of validation, and of the test."""
        return (*self.validation, *self.test)

    @property
    def teachers(self) -> list[range]:
        """The places among ``folds`` of those that teach weights and trees, for each fold of the test."""
        n = len(self.validation)
        return [range(place, place + n) if self.rolling else range(n) for place in range(len(self.test))]


@dataclass(frozen=True)
class Log:
    """Dated plays, rising by date. (n_rows,) each."""

    users: Numbers
    tracks: Numbers
    days: Numbers
    plays: Numbers
    shape: tuple[int, int]

    def fold(self, cut: int, length: int, lately: dict[Recent, RecentPlays], repeats: bool = False) -> Fold:
        """Learn from the days before a cut, hide what known listeners play of known tracks in so many days."""
        cells = [canonical(self._cells(*ends)) for ends in ((self.days[0], cut), (cut, cut + length))]
        before, after = cells
        known_users, known_tracks = np.diff(before.indptr) > 0, np.bincount(before.indices, minlength=self.shape[1]) > 0
        hidden = after.multiply(known_users[:, None]).multiply(known_tracks[None, :]).tocsr()
        if not repeats:
            hidden = hidden - hidden.multiply(before > 0)
        hidden = canonical(sparse.csr_matrix(hidden, dtype=np.uint32))
        first = np.full(self.shape[1], cut)
        np.minimum.at(first, self.tracks, self.days)
        own = slice(0, np.searchsorted(self.days, cut))
        dated = self.users[own], self.tracks[own], self.days[own]
        return Fold(before, hidden, repeats, lately, ages=cut - first, dated=dated, cut=cut)

    def lately(self, cuts: Sequence[int]) -> dict[int, dict[Recent, RecentPlays]]:
        """Cut -> what is counted -> the component, folded day by day."""
        found: dict[int, dict[Recent, RecentPlays]] = {cut: {} for cut in cuts}
        (users, tracks), parents = (vocabulary(n) for n in self.shape), dict[Recent, Parent[RecentPlays]]()
        total = canonical(self._cells(self.days[0], max(cuts)))
        firsts = FirstPlays(total, [total])
        for day in range(int(self.days[0]), max(cuts)):
            plays = canonical(self._cells(day, day + 1))
            counted = {"listeners": plays, "discoveries": firsts.of(plays)}
            for recent in RECENTS:
                data = TrainingData(counted[recent.counts], users, tracks)
                component = recent.fit(data, parents.get(recent)).component
                parents[recent] = Parent(component, users, tracks)
                if day + 1 in found:
                    found[day + 1][recent] = component
        return found

    def _cells(self, first: int, beyond: int) -> sparse.csr_matrix:
        own = slice(*np.searchsorted(self.days, (first, beyond)))
        cells = (self.plays[own], (self.users[own], self.tracks[own]))
        return sparse.csr_matrix(cells, shape=self.shape, dtype=np.uint32)


def dated(users: Numbers, tracks: Numbers, days: Numbers) -> Log:
    """A log of coded ids, each row one play."""
    order = np.argsort(days, kind="stable")
    shape = (int(users.max()) + 1, int(tracks.max()) + 1)
    return Log(users[order], tracks[order], days[order], np.ones(len(days), np.int64), shape)


def vocabulary(n: int) -> Vocabulary:
    """Ids 0 .. n-1."""
    return Vocabulary(pa.array(range(n), type=pa.int64()), np.zeros(n, np.int32))
