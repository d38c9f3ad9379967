"""Worlds whose days are recorded: which plays each day brings, and with which parameters a service would train on them.

- ``sparse`` is a young service with little signal: short histories, a large share of plays by chance, weak charts, a
  weekend with half as many listeners again. It has three times the listeners of the service that it stands for, so that
  listeners can be drawn from its days again and again.
- ``demo`` is the demo's world, for more days.
- ``journey`` is a grocer's: households are listeners, products tracks, and a week is a day.
- ``lastfm`` has no dates: each listener's artists come in a drawn order, most of them before the first day.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks.gate_calibration.listening import world_counts
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Day, PlayCounts
from recsys_tasks.demo.world import PRESETS, World, WorldParams, build_world
from recsys_tasks.demo.world.catalogue import make_catalogue
from recsys_tasks.demo.world.days import make_library
from recsys_tasks.demo.world.listeners import make_listeners

FIRST = date(2026, 1, 5)
HISTORY, DAYS = 24, 60
SPARSE = WorldParams(users=45_000, tracks=15_000, days=HISTORY + DAYS, plays=4.0, daily_releases=0.01, seed=5)
SPARSE_PARTS = (0.22, 6.2, 1.4, 1.6)  # Dirichlet weights of charts, chance, scenes, artists
EAGERNESS = 0.6  # of that of the demo's listeners: fewer of more come on a day
WEEKEND = 1.5  # so many times the listeners of a working day
SLEEPERS, SLEEPER_ID = 2_000, 1_000_000_000  # accounts of 1 to 5 plays in the first days and none later; their first id
SLEEPER_DAYS, SLEEPER_PLAYS = 10, 5
WEEKS_OF_HISTORY, WEEKS = 10, 40
LATER_SHARE, LATER_DAYS = 0.03, 12  # of a listener's artists, so many come on each of the last days
ALS = {
    "sparse": AlsConfig(weight="linear", a=40.0, regularization=0.01, tolerance=2e-4, threads=1),
    "demo": AlsConfig(weight="log", a=3.0, regularization=1.0, threads=1),
    "journey": AlsConfig(weight="log", a=1.0, regularization=30.0, threads=1),
    "lastfm": AlsConfig(weight="log", a=1.0, regularization=10.0, threads=1),
}
"""Parameters that the days were recorded with: figures in docs/gate.md hold for these, whatever the defaults become."""
Numbers = npt.NDArray[np.int64]
Counted = Callable[[int], PlayCounts]


@dataclass(frozen=True)
class DatedWorld:
    """Consecutive days of plays."""

    als: AlsConfig
    history: int  # days before the first recorded one; the first model is trained on the last of them
    days: int  # recorded ones
    counts: Counted  # number of a day, from 0 -> its partition

    def day(self, number: int) -> Day:
        """Its date, the first being 0."""
        return FIRST + timedelta(days=number)


def sparse() -> DatedWorld:
    """A service with little signal."""
    return dated(_noisy(SPARSE), ALS["sparse"], HISTORY)


def demo() -> DatedWorld:
    """The demo's world, over more days than the demo runs."""
    return dated(build_world(replace(PRESETS["demo"], days=HISTORY + DAYS)), ALS["demo"], HISTORY)


def dated(world: World, als: AlsConfig, history: int) -> DatedWorld:
    """The days of a made-up world, of which so many come before the recorded ones."""
    days = world.params.days
    return DatedWorld(
        als,
        history,
        days - history,
        lambda n: _with_sleepers(world_counts(world, world.params.start + timedelta(days=n)), n),
    )


def _with_sleepers(counts: PlayCounts, number: int) -> PlayCounts:
    """One of the first days with the plays of those accounts that fall asleep on it: tracks that others play too."""
    sleepers = SLEEPER_ID + np.arange(number, SLEEPERS, SLEEPER_DAYS)
    if number >= SLEEPER_DAYS:
        return counts
    rng = np.random.default_rng([number])
    users = np.repeat(sleepers, rng.integers(1, SLEEPER_PLAYS + 1, len(sleepers)))
    tracks = rng.choice(np.asarray(counts.track_ids), len(users))
    return together(counts, counted(users, tracks))


def _noisy(params: WorldParams) -> World:
    """The demo's generator with other listeners: more goes by chance, and the weekend is another time."""
    catalogue = make_catalogue(params)
    drawn = make_listeners(params, catalogue)
    rng = params.random(100)
    parts = rng.dirichlet(SPARSE_PARTS, len(drawn))
    listeners = replace(
        drawn,
        parts=np.where(drawn.bot[:, None], drawn.parts, parts),
        eagerness=np.where(drawn.bot, 1.0, EAGERNESS * drawn.eagerness),
        weekend=np.where(drawn.bot, 1.0, WEEKEND * drawn.weekend),
    )
    return World(params, catalogue, listeners, make_library(params, catalogue, listeners))


def journey(folder: Path) -> DatedWorld:
    """The weeks of the Complete Journey: a household that buys a product so many times plays a track so many times."""
    columns = ["household_id", "product_id", "week"]
    table = pyarrow.parquet.read_table(folder / "transactions.parquet", columns=columns)
    users, tracks, weeks = (np.asarray(table.column(name)) for name in columns)
    bought = _by_day(users, tracks, np.ones(len(users)), weeks - weeks.min())
    return DatedWorld(ALS["journey"], WEEKS_OF_HISTORY, WEEKS, bought)


def lastfm(path: Path) -> DatedWorld:
    """Undated play counts: a table of user, artist and plays, whose rows are spread over days at random."""
    table = pa.csv.read_csv(path, parse_options=pa.csv.ParseOptions(delimiter="\t"))
    users, tracks, plays = (np.asarray(table.column(place)).astype(np.int64) for place in range(3))
    later = np.random.default_rng(1).random(len(users)) / LATER_SHARE
    days = np.where(later < LATER_DAYS, 1 + later.astype(np.int64), 0)
    return DatedWorld(ALS["lastfm"], 1, LATER_DAYS, _by_day(users, tracks, plays, days))


def _by_day(
    users: Numbers,
    tracks: Numbers,
    plays: npt.NDArray[Any],
    days: Numbers,
) -> Counted:
    """The partitions of a table of (n_rows,) columns, ``days`` from 0."""

    def counts(number: int) -> PlayCounts:
        own = days == number
        return counted(users[own], tracks[own], plays[own])

    return counts


def counted(users: Numbers, tracks: Numbers, plays: npt.NDArray[Any] | None = None) -> PlayCounts:
    """The play counts of streams, or of rows that stand for several each. (n_rows,) each."""
    pairs, place = np.unique(np.stack([users, tracks]), axis=1, return_inverse=True)
    total = np.bincount(place.ravel(), plays, minlength=pairs.shape[1])
    return PlayCounts(pa.array(pairs[0]), pa.array(pairs[1]), total.astype(np.uint32))


def together(one: PlayCounts, other: PlayCounts) -> PlayCounts:
    """The plays of both."""
    columns = [
        np.concatenate([np.asarray(getattr(each, name)) for each in (one, other)])
        for name in ("user_ids", "track_ids", "plays")
    ]
    return counted(*columns)
