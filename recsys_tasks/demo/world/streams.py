"""The second round of a day: repeats, instants, milliseconds, event ids and duplicates."""

import numpy as np

from recsys_tasks.core.domain import Day
from recsys_tasks.demo.world.catalogue import Floats, Ints
from recsys_tasks.demo.world.days import SECOND_ROUND, Bools, DayStreams, FirstRound, World, first_round

DAY_US = 86_400_000_000
CANDIDATES = 3  # a repeat is the best liked of so many draws from the library, recent ones more often
MORNING_LIKING = 0.12  # by so much a track is liked more in the morning whose scene is one deviation louder
DUPLICATED = 0.004  # share of events that are delivered twice
LATEST_DUPLICATE_US = 600_000_000
EVENTS_PER_DAY = 1_000_000_000  # event ids of one day never reach the next one's


def day_streams(world: World, day: Day) -> DayStreams:
    """All rows of a day.

    Raises:
        ConfigError: the day lies outside the world.
    """
    index = world.params.index_of(day)
    rng = world.params.random(SECOND_ROUND, index)
    plays = first_round(world.params, world.catalogue, world.listeners, index)
    track = _with_repeats(rng, world, plays, index)
    ms_played = _ms_played(rng, world, plays, track)
    instants = _instants(rng, world, plays, ms_played, day.weekday() >= 5)
    heard = np.flatnonzero(track >= 0)  # who has nothing to repeat yet plays nothing
    order = heard[np.argsort(instants[heard], kind="stable")]
    rows = order[_delivery(rng, instants[order])]
    number = np.empty(len(track), np.int64)
    number[order] = np.arange(len(order))
    since_1970 = day.toordinal() - 719_163
    return DayStreams(
        event_id=since_1970 * EVENTS_PER_DAY + number[rows],
        user_id=plays.user[rows] + 1,
        track_id=world.catalogue.track_ids[track[rows]],
        streamed_at=since_1970 * DAY_US + instants[rows],
        ms_played=ms_played[rows],
        private=plays.private[rows],
    )


def _with_repeats(rng: np.random.Generator, world: World, plays: FirstRound, day: int) -> Ints:
    """Track of each stream; -1 where the listener has no library yet."""
    library, days = world.library, world.params.days
    repeats = np.flatnonzero(plays.track < 0)
    users = plays.user[repeats]
    listening = np.unique(users)
    place = np.searchsorted(listening, users)
    low = np.searchsorted(library.key, listening * days)[place]
    size = np.searchsorted(library.key, listening * days + day, side="right")[place] - low
    has = np.flatnonzero(size)
    chosen, best = np.zeros(len(has), np.int64), np.full(len(has), -np.inf)
    habit = np.where(plays.early[repeats[has]], MORNING_LIKING, -MORNING_LIKING)
    energy = world.catalogue.scene_energy[world.catalogue.scene_of]
    for _ in range(CANDIDATES):
        entry = low[has] + (size[has] * (1.0 - rng.random(len(has)) ** 2)).astype(np.int64)
        entry = np.minimum(entry, low[has] + size[has] - 1)
        liking = library.liking[entry] + habit * energy[library.track[entry]]
        chosen, best = np.where(liking > best, entry, chosen), np.maximum(liking, best)
    track = plays.track.copy()
    track[repeats[has]] = library.track[chosen]
    return track


def _ms_played(rng: np.random.Generator, world: World, plays: FirstRound, track: Ints) -> Ints:
    """Most tracks are heard to their end; a skipped one less than 30 seconds; a bot leaves as soon as it counts."""
    n = len(track)
    full = world.catalogue.duration_ms[track].astype(np.float64)
    part = np.where(rng.random(n) < 0.8, 1.0, rng.uniform(0.3, 1.0, n))
    heard = np.maximum(full * part, 30_000)
    heard = np.where(plays.skipped, rng.uniform(1_000, 29_900, n), heard)
    return np.where(world.listeners.bot[plays.user], rng.uniform(30_500, 33_000, n), heard).astype(np.int64)


def _instants(rng: np.random.Generator, world: World, plays: FirstRound, ms_played: Ints, weekend: bool) -> Ints:
    """Microseconds since midnight at which each stream ends up: one after the other within a session."""
    first = np.flatnonzero(np.diff(plays.session, prepend=-1))
    spent = ms_played * 1000.0 + rng.uniform(5e5, 4e6, len(ms_played))
    before = np.cumsum(spent) - spent
    offset = before - before[first][plays.session]
    length = np.maximum.reduceat(offset, first) + 1 if len(first) else offset
    squeeze = np.minimum(1.0, 0.98 * DAY_US / length)
    starts = _starts(rng, world, plays.user[first], plays.early[first], weekend)
    start = np.minimum(starts, DAY_US - 1 - length * squeeze)
    instants = (np.maximum(start, 0)[plays.session] + offset * squeeze[plays.session]).astype(np.int64)
    return np.minimum(instants, DAY_US - 1)


def _starts(rng: np.random.Generator, world: World, users: Ints, early: Bools, weekend: bool) -> Floats:
    """When each session begins: at the listener's own hours, later at the weekend, a few at any time."""
    n, listeners = len(users), world.listeners
    middle = np.where(early, listeners.morning_hour[users], listeners.evening_hour[users])
    hours = rng.normal(middle, np.where(early, 0.8, 1.8)) + (1.6 if weekend else 0.0)
    any_time = (rng.random(n) < 0.15) | listeners.bot[users]
    return np.where(any_time, rng.random(n), hours / 24 % 1.0) * DAY_US


def _delivery(rng: np.random.Generator, instants: Ints) -> Ints:
    """Positions in the order of delivery: as it happened, and some a second time within ten minutes."""
    twice = np.flatnonzero(rng.random(len(instants)) < DUPLICATED)
    late = instants[twice] + rng.integers(1, LATEST_DUPLICATE_US, len(twice))
    return np.insert(np.arange(len(instants)), np.searchsorted(instants, late), twice)
