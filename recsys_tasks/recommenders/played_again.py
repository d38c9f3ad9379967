"""What listeners play again: the numbers of each of a listener's own tracks, and trees that make a chance of them.

Who comes back to a track is told by how often and how lately they played it, and by how others come back to it
(Anderson, Kumar, Tomkins and Vassilvitskii, "The dynamics of repeat consumption", WWW 2014). The trees learn the chance
of each pair by log loss: a list of the tracks that are likeliest to be played has the largest expected precision,
whatever its length. With one thread and ``deterministic`` the same rows give the same trees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.ranker import PARAMETERS, Trees, boosted, lightgbm
from recsys_tasks.recommenders.ranker_features import Rows

Numbers = npt.NDArray[np.int64]
SHARES = (1 / 6, 1 / 3, 2 / 3, 1.0)
"""Of the half-life: own plays are faded by each of these."""
LATELY = (7.0, 30.0)
"""Half-lives, in days, of the listeners of a track."""
NEVER = 1_000.0
"""Days from one play to the next where there is no other."""
USUAL = 2
"""So many gaps, as the track's listeners usually leave them, count beside a listener's own."""
FEW = 3
"""So many listeners who came back, as those of any track, count beside the track's own in its usual gap."""
OTHERS = 6
"""Of the tracks that were not played again every sixth teaches: a fourth of what every track would take of memory and
time, for the same precision."""
AGAIN_FORMAT = 3
"""Version of the way from dates to chances; part of the identity of what holds them. Format 1 knew no gaps, and its
lessons did not overlap; the chances of 2 had odds that were too large by ``OTHERS``."""
N_TREES = 200
CHANCES: Json = {name: value for name, value in PARAMETERS.items() if "lambdarank" not in name} | {
    "objective": "binary",
    "num_leaves": 8,
}
"""Fixed: what was tried is in docs/recommenders-measured.md."""
FADED = SHARES.index(1.0)
"""The column of own plays faded by the whole half-life: they put own tracks in order where there are no trees."""
NAMES = [
    *(f"own plays, {share:.2f} half-lives" for share in SHARES),
    *("dates", "days since the last", "days since the first", "tracks of the listener"),
    *("mean gap", "last gap", "gap before it", "deviation of gaps", "days since the last, in gaps"),
    *("gap by the usual one", "days since the last, in such gaps"),
    *(f"{what}, {days:g} days" for days in LATELY for what in ("listeners", "new listeners", "share that came back")),
    *("listeners", "share who came back", "usual gap"),
]


@dataclass(frozen=True)
class PlayDates:
    """The dates on which listeners played tracks, each once, by listener, track and date. (n,) each."""

    pairs: Numbers  # user row * n_tracks + track column
    days: Numbers
    n_tracks: int

    @classmethod
    def of(cls, users: IntArray, cols: IntArray, days: IntArray, n_tracks: int) -> "PlayDates":
        """From rows, columns and dates in any order, a date as often as one likes. (n,) each."""
        if not len(days):
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), n_tracks)
        first, span = int(days.min()), int(np.ptp(days)) + 1
        keys = np.unique((users.astype(np.int64) * n_tracks + cols) * span + (days - first))
        return cls(keys // span, keys % span + first, n_tracks)

    @property
    def users(self) -> Numbers:
        """The listener's row of each date."""
        return self.pairs // self.n_tracks

    @property
    def cols(self) -> Numbers:
        """The track's column of each date."""
        return self.pairs % self.n_tracks

    def between(self, first: int, beyond: int) -> "PlayDates":
        """Those of the days from ``first`` to before ``beyond``."""
        return self._where((self.days >= first) & (self.days < beyond))

    def of_users(self, rows: IntArray) -> "PlayDates":
        """Those of some listeners."""
        return self._where(np.isin(self.users, rows))

    def _where(self, kept: BoolArray) -> "PlayDates":
        return PlayDates(self.pairs[kept], self.days[kept], self.n_tracks)

    def of_range(self, first: int, beyond: int) -> "PlayDates":
        """Those of the listeners from ``first`` to before ``beyond``: some of everybody's, without a copy."""
        some = slice(*np.searchsorted(self.pairs, (first * self.n_tracks, beyond * self.n_tracks)))
        return PlayDates(self.pairs[some], self.days[some], self.n_tracks)

    @property
    def starts(self) -> Numbers:
        """Where the dates of each pair begin."""
        return np.flatnonzero(np.diff(self.pairs, prepend=-1))

    @property
    def times(self) -> Numbers:
        """How many dates each pair has."""
        return np.diff(self.starts, append=len(self.pairs))


class OwnTracks(NamedTuple):
    """The own tracks of some listeners, in the order of their pairs."""

    pairs: Numbers  # (n_rows,)
    rows: Rows  # (n_rows, n_features)


def habits(dates: PlayDates, day: int) -> npt.NDArray[np.float32]:
    """What trees are told of each track. (n_tracks, 9): of everybody's dates before a day."""
    cols, starts, ages, times = dates.cols, dates.starts, day - dates.days, dates.times
    found = []
    for days in LATELY:
        faded = 0.5 ** (ages / days)
        listeners, new = (np.bincount(cols[some], faded[some], dates.n_tracks) for some in (slice(None), starts))
        found += [listeners, new, 1 - new / np.maximum(listeners, 1e-9)]
    again = times > 1
    lasts, tracks = (starts + times - 1)[again], cols[starts[again]]
    gaps = np.log((ages[starts[again]] - ages[lasts]) / (times[again] - 1))
    listeners, back = (np.bincount(some, minlength=dates.n_tracks) for some in (cols[starts], tracks))
    mean = gaps.mean() if len(gaps) else np.log(NEVER)
    usual = (np.bincount(tracks, gaps, dates.n_tracks) + FEW * mean) / (back + FEW)
    found += [listeners, (back + 1) / (listeners + 5), np.exp(usual)]  # one of five, where nobody played it yet
    return np.stack(found, axis=1, dtype=np.float32, casting="unsafe")


def own_tracks(dates: PlayDates, day: int, half_life: float, of_tracks: npt.NDArray[np.float32]) -> OwnTracks:
    """The tracks that some listeners played before a day, with what the trees are told of each.

    Args:
        dates: of these listeners, all before the day.
        day: on which the lists are made.
        half_life: in days, the longest by which own plays are faded.
        of_tracks: (n_tracks, 9) as ``habits`` has it of everybody's dates.
    """
    starts, times, ages = dates.starts, dates.times, day - dates.days
    places, pairs, since = np.repeat(np.arange(len(starts)), times), dates.pairs[starts], ages[starts + times - 1]
    _, owners, tracks = np.unique(pairs // dates.n_tracks, return_inverse=True, return_counts=True)
    of_track = of_tracks[pairs % dates.n_tracks]
    gaps = np.where(times > 1, (ages[starts] - since) / np.maximum(times - 1, 1), NEVER)
    usual = np.exp((np.log(gaps) * (times - 1) + USUAL * np.log(of_track[:, -1])) / (times - 1 + USUAL))
    columns = [
        *(np.bincount(places, 0.5 ** (ages / (half_life * share)), len(starts)) for share in SHARES),
        *(times, since, ages[starts], tracks[owners]),
        *(gaps, *_gaps(ages, starts, times, gaps), since / gaps),
        *(usual, since / usual),
    ]
    rows = np.stack(columns, axis=1, dtype=np.float32, casting="unsafe")
    return OwnTracks(pairs, np.concatenate([rows, of_track], axis=1))


def _gaps(ages: Numbers, starts: Numbers, times: Numbers, gaps: npt.NDArray[np.float64]) -> list[npt.NDArray[Any]]:
    """The last gap between plays, the one before it, and how much they differ; NEVER where there is none."""
    steps = -np.diff(ages, prepend=0)
    steps[starts] = 0
    lasts = starts + times - 1
    squares = np.add.reduceat(steps**2, starts) if len(starts) else steps
    deviation = np.sqrt(np.maximum(squares / np.maximum(times - 1, 1) - gaps**2, 0))
    last, before = (np.where(times > n, steps[np.maximum(lasts - n + 1, 0)], NEVER) for n in (1, 2))
    return [last, before, np.where(times > 2, deviation, NEVER)]


def forest() -> Json:
    """What decides the trees beside the rows that they are trained on.

    Raises:
        ConfigError: LightGBM is not installed.
    """
    library = lightgbm("[products] played_again_days", "leave it at 0")
    return {"lightgbm": library.__version__, "format": AGAIN_FORMAT, "n_trees": N_TREES, "others": OTHERS, **CHANCES}


def lesson_of(rows: Rows, hits: BoolArray) -> tuple[Rows, BoolArray]:
    """What own tracks teach: those that were played again, and some of the others. hits: (n_rows,)."""
    kept = hits | (np.arange(len(hits)) % OTHERS == 0)
    return rows[kept], hits[kept]


def trees_of(lessons: Sequence[tuple[Rows, BoolArray]]) -> Trees:
    """Trees that say how likely a track is to be played again. lessons: of one or more days (``lesson_of``)."""
    rows, hits = (np.concatenate(each) for each in zip(*lessons, strict=True))
    return boosted(rows, hits, NAMES, CHANCES, N_TREES)


def chances_of(trees: Trees, rows: Rows) -> npt.NDArray[np.float64]:
    """How likely each own track is to be played again, by a listener who plays anything. (n_rows,)

    Of the tracks that were not played again but some taught, which makes the odds larger by as much (King and Zeng,
    "Logistic regression in rare events data", Political Analysis 2001, section 4.1).
    """
    return np.asarray(1 / (1 + OTHERS * np.exp(-trees.scores(rows))))
