"""The streams of one day, out of the world's state and the numbers (seed, day) alone.

Two rounds of random numbers make a day. The first one decides who listens, how much, and which tracks are drawn from
the taste; the tracks of all days that were heard out become the listener's library. The second one fills the remaining
streams with repeats from the library, and adds what a log has: instants, milliseconds, event ids, duplicates.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks.demo.world.catalogue import Catalogue, Floats, Ints, make_catalogue
from recsys_tasks.demo.world.listeners import WEEK, Listeners, make_listeners
from recsys_tasks.demo.world.params import WorldParams
from recsys_tasks.demo.world.taste import CHANCE, CHARTS, draw, market_of, tastes

FIRST_ROUND, SECOND_ROUND = 3, 4
SKIPPED_NEW, SKIPPED_KNOWN, SKIPPED_FOREIGN = 0.12, 0.06, 0.30  # shares of streams broken off before 30 seconds
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FirstRound:
    """Who listens on a day. Arrays (n_streams,), ordered by listener and session, unless said otherwise."""

    user: Ints
    session: Ints  # rising, 0 .. n_sessions - 1
    track: Ints  # row of the track; -1: a repeat, to be drawn
    skipped: Bools
    liking: Floats  # how readily the track is repeated
    private: Bools
    early: Bools  # whether the session is a morning one


def first_round(params: WorldParams, catalogue: Catalogue, listeners: Listeners, day: int) -> FirstRound:
    """Draw listeners, sessions and new tracks of a day."""
    rng = params.random(FIRST_ROUND, day)
    active, count = _listening(rng, params, listeners, day)
    who = np.repeat(np.arange(len(active)), count)
    user = active[who]
    session = _sessions(rng, count, who)
    owner = _first_of(session, user)
    private = rng.random(len(owner)) < listeners.secrecy[owner]
    early = rng.random(len(owner)) < listeners.morning[owner]
    new = np.flatnonzero(rng.random(len(user)) < listeners.curiosity[user])
    market = market_of(catalogue, day)
    drawn, part = draw(tastes(listeners, catalogue, market, owner, day, early), market, session[new], rng)
    foreign = (part == CHARTS) | (part == CHANCE)
    track = np.full(len(user), -1)
    track[new] = drawn
    odds = np.full(len(user), SKIPPED_KNOWN)
    odds[new] = np.where(foreign, SKIPPED_FOREIGN, SKIPPED_NEW)
    liking = rng.random(len(user))
    liking[new[~foreign]] += 0.3
    skipped = (rng.random(len(user)) < odds) & ~listeners.bot[user]
    return FirstRound(user, session, track, skipped, liking, private[session], early[session])


def _listening(rng: np.random.Generator, params: WorldParams, listeners: Listeners, day: int) -> tuple[Ints, Ints]:
    """Rows of the listeners of a day, and the number of streams of each."""
    weekday = (params.start.weekday() + day) % 7
    mood = np.where(weekday >= 5, listeners.weekend, 1.0) * WEEK[weekday]
    present = (listeners.joined <= day) & (rng.random(len(listeners)) < np.minimum(listeners.eagerness * mood, 1.0))
    active = np.flatnonzero(present)
    mean = (listeners.volume * mood**0.5)[active] * rng.gamma(2.0, 0.5, len(active))
    return active, 1 + rng.poisson(np.maximum(mean - 1, 0.0))


def _sessions(rng: np.random.Generator, count: Ints, who: Ints) -> Ints:
    """Number of the session of each stream: a listener's streams of a day, cut into parts of equal length."""
    n = np.minimum(1 + rng.poisson(count / 12), count)
    place = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count)
    return np.asarray((place * n[who]) // count[who] + (np.cumsum(n) - n)[who])


def _first_of(session: Ints, values: Ints) -> Ints:
    """The value of the first stream of each session."""
    return values[np.flatnonzero(np.diff(session, prepend=-1))]


@dataclass(frozen=True)
class Library:
    """All tracks that any listener ever found and heard out in public, by listener and day."""

    key: Ints  # (n,) listener * days + day, rising
    track: npt.NDArray[np.int32]  # (n,)
    liking: npt.NDArray[np.float32]  # (n,)


def make_library(params: WorldParams, catalogue: Catalogue, listeners: Listeners) -> Library:
    """Collect the first rounds of all days."""
    keys, tracks, likings = [], [], []
    for day in range(params.days):
        plays = first_round(params, catalogue, listeners, day)
        kept = (plays.track >= 0) & ~plays.skipped & ~plays.private
        keys.append(plays.user[kept] * params.days + day)
        tracks.append(plays.track[kept].astype(np.int32))
        likings.append(plays.liking[kept].astype(np.float32))
    key = np.concatenate(keys)
    order = np.argsort(key, kind="stable")
    return Library(key[order], np.concatenate(tracks)[order], np.concatenate(likings)[order])


@dataclass(frozen=True)
class World:
    """A world: everything that does not change from day to day."""

    params: WorldParams
    catalogue: Catalogue
    listeners: Listeners
    library: Library


def build_world(params: WorldParams) -> World:
    """Compute a world from its parameters; the same parameters give the same world."""
    catalogue = make_catalogue(params)
    listeners = make_listeners(params, catalogue)
    return World(params, catalogue, listeners, make_library(params, catalogue, listeners))


@dataclass(frozen=True)
class DayStreams:
    """The rows of one day in the order of their delivery, duplicates included. Arrays (n_streams,)."""

    event_id: Ints
    user_id: Ints
    track_id: Ints
    streamed_at: Ints  # microseconds since 1970
    ms_played: Ints
    private: Bools

    def __len__(self) -> int:
        return len(self.event_id)
