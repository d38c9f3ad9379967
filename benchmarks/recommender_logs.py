"""The data of the benchmark of recommenders: plays before a moment to learn from, and those after it, hidden."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
from scipy import sparse

from benchmarks.als_defaults import Absent, coded, csv_table, numbers
from benchmarks.gate_calibration.recorded_worlds import DAYS, HISTORY, demo
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.demo.world import PRESETS, build_world
from recsys_tasks.demo.world.catalogue import make_catalogue
from recsys_tasks.demo.world.oracle import oracle_top
from recsys_tasks.evaluation.ensemble_parts import COUNTS
from recsys_tasks.evaluation.tuning_split import HIDDEN_SHARE, TuningSplit
from recsys_tasks.matrix.first_plays import FirstPlays
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.recommenders.base import Parent, TrainingData
from recsys_tasks.recommenders.ranker_features import TrackFacts
from recsys_tasks.recommenders.recent import Recent, RecentPlays
from recsys_tasks.recommenders.vectors import evenly_spread

MOST_ASKED = 2_000
"""Listeners of a fold that are asked at the most: one set keeps a core busy for some minutes."""
RECENTS = [Recent(days, counts) for counts in COUNTS for days in (3.0, 7.0, 14.0, 30.0, 60.0)]
OWN_HALF_LIVES = (15.0, 30.0, 60.0, 90.0)
"""Of a listener's own plays where these may be listed again."""
WEEKS = 4
"""Weeks before the last one of complete-journey that things are chosen on: its households are too few for one."""
WORLD = replace(PRESETS["demo"], days=HISTORY + DAYS)
Numbers = npt.NDArray[np.int64]
Lists = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Plays to learn from, and hidden ones of some listeners."""

    training: sparse.csr_matrix  # (n_users, n_tracks) uint32
    hidden: sparse.csr_matrix  # (n_users, n_tracks)
    repeats: bool = False  # whether what was played before may be listed, and is hidden too
    recent: dict[Recent, RecentPlays] = field(default_factory=dict)  # by what counts them; none without dates
    own: dict[float, sparse.csr_matrix] = field(default_factory=dict)  # by half-life; each listener's own plays, faded
    ceiling: Callable[["Fold"], Lists] | None = None  # lists of who knows every taste
    ages: Numbers | None = None  # (n_tracks,) days since the first play of each track; None without dates
    artists: Numbers | None = None  # (n_tracks,) a number for each artist; None where nobody says
    dated: tuple[Numbers, Numbers, Numbers] | None = None  # (n_rows,) users, tracks, days learnt from, by day

    @property
    def facts(self) -> TrackFacts:
        """What the re-ranker is told of the tracks."""
        n_tracks = self.training.shape[1]
        ages = np.zeros(n_tracks, np.int64) if self.ages is None else self.ages
        artists = np.full(n_tracks, -1) if self.artists is None else self.artists
        return TrackFacts(np.bincount(self.training.indices, minlength=n_tracks), ages, artists)

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
        return Fold(before, hidden, repeats, lately, self._faded(cut) if repeats else {}, ages=cut - first, dated=dated)

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

    def _faded(self, cut: int) -> dict[float, sparse.csr_matrix]:
        """Half-life -> each listener's own days with a track, a day of so long ago counting half."""
        own = slice(0, np.searchsorted(self.days, cut))
        users, tracks, days = np.unique(np.stack([self.users[own], self.tracks[own], self.days[own]]), axis=1)
        return {
            half_life: sparse.csr_matrix(
                ((0.5 ** ((cut - days) / half_life)).astype(np.float32), (users, tracks)), shape=self.shape
            )
            for half_life in OWN_HALF_LIVES
        }


def dated(users: Numbers, tracks: Numbers, days: Numbers) -> Log:
    """A log of coded ids, each row one play."""
    order = np.argsort(days, kind="stable")
    shape = (int(users.max()) + 1, int(tracks.max()) + 1)
    return Log(users[order], tracks[order], days[order], np.ones(len(days), np.int64), shape)


def amazon(folder: Path) -> Task:
    """Music that customers buy in each quarter of 2016, and did not have before; chosen on those of 2015."""
    table = csv_table(folder / "amazon-music" / "ratings.tsv", "\t")
    users, tracks = (coded(table.column(name)) for name in ("user_id", "item_id"))
    log = dated(users, tracks, numbers(table, "unix_seconds") // 86_400)
    quarters = [
        (date(year, month, 1) - date(1970, 1, 1)).days for year in (2015, 2016, 2017) for month in (1, 4, 7, 10)
    ]
    lately = log.lately(quarters[:9])
    folds = [log.fold(cut, beyond - cut, lately[cut]) for cut, beyond in pairwise(quarters[:9])]
    year = log.fold(quarters[0], quarters[4] - quarters[0], {})
    return Task("each quarter of 2016", year, tuple(folds[:4]), tuple(folds[4:]))


def journey(folder: Path, repeats: bool = False, weeks: int = WEEKS) -> Task:
    """What households buy in the last whole week of a year; chosen on so many weeks before it."""
    path = folder / "complete-journey" / "transactions.parquet"
    if not path.exists():
        raise Absent(path.parent.name)
    table = pa.parquet.read_table(path, columns=["household_id", "product_id", "transaction_timestamp"])
    users, tracks = (coded(table.column(name)) for name in table.column_names[:2])
    days = np.asarray(table.column(2)).astype("datetime64[D]").astype(np.int64)
    log = dated(users, tracks, days)
    cuts = [int(days.max()) - 7 * n for n in range(weeks + 1, 0, -1)]
    lately = log.lately(cuts)
    *before, last = (log.fold(cut, 7, lately[cut], repeats) for cut in cuts)
    return Task("the last 7 days", log.fold(cuts[0], 7 * weeks, {}), tuple(before), (last,))


def world(_folder: Path) -> Task:
    """What the demo's listeners discover on the day after 24; chosen on the day before it."""
    recorded = demo()
    days = [recorded.counts(number) for number in range(HISTORY + 1)]
    columns = [np.concatenate([np.asarray(getattr(day, name)) for day in days]) for name in ("user_ids", "track_ids")]
    (user_ids, users), (track_ids, tracks) = (np.unique(ids, return_inverse=True) for ids in columns)
    numbered = np.repeat(np.arange(HISTORY + 1), [len(day) for day in days])
    plays = np.concatenate([day.plays for day in days]).astype(np.int64)
    log = Log(users, tracks, numbered, plays, (len(user_ids), len(track_ids)))
    lately = log.lately(cuts := [HISTORY - 1, HISTORY])
    catalogue = make_catalogue(WORLD)
    artists = catalogue.artist_of[np.argsort(catalogue.track_ids)][track_ids - 1]
    validation, last = (replace(log.fold(cut, 1, lately[cut]), artists=artists) for cut in cuts)
    test = replace(last, ceiling=_ceiling(user_ids, track_ids))
    return Task("discoveries of a day after 24", validation, (validation,), (test,))


def lastfm(folder: Path) -> Task:
    """A fifth of each listener's artists, at random; chosen on a fifth of the others."""
    table = csv_table(folder / "lastfm-2k" / "user_artists.dat", "\t")
    (_, users), (_, tracks) = (np.unique(numbers(table, name), return_inverse=True) for name in ("userID", "artistID"))
    counts = canonical(sparse.csr_matrix((numbers(table, "weight"), (users, tracks)), dtype=np.uint32))
    test = _without_a_fifth(counts, 1)
    validation = _without_a_fifth(test.training, 2)
    return Task("a fifth, at random", validation, (validation,), (test,))


def vocabulary(n: int) -> Vocabulary:
    """Ids 0 .. n-1."""
    return Vocabulary(pa.array(range(n), type=pa.int64()), np.zeros(n, np.int32))


def _without_a_fifth(counts: sparse.csr_matrix, seed: int) -> Fold:
    cells = counts.tocoo()
    hidden = np.random.default_rng(seed).random(cells.nnz) < HIDDEN_SHARE
    parts = [
        canonical(sparse.csr_matrix((cells.data[own], (cells.row[own], cells.col[own])), shape=counts.shape))
        for own in (~hidden, hidden)
    ]
    return Fold(*parts)


def _ceiling(user_ids: Numbers, track_ids: Numbers) -> Callable[[Fold], Lists]:
    """Lists of the world's own probabilities, in the columns of the fold; -1 for a track that it does not know."""

    def lists(of: Fold) -> Lists:
        known = build_world(WORLD)
        played = of.training[of.rows].tocoo()
        pairs = played.row.astype(np.int64), track_ids[played.col]
        found = oracle_top(known, known.params.start + timedelta(days=HISTORY), user_ids[of.rows], pairs)
        places = np.searchsorted(track_ids, found)
        return np.where(np.append(track_ids, -1)[places] == found, places, -1)

    return lists
