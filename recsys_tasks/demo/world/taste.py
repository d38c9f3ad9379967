"""What listeners like on one day: drawn from by the generator, and read by the oracle.

Both go through ``tastes`` and ``Market``: the oracle's probabilities are those of the generator, not a second guess.
A listener's taste is another one in the morning, when loud scenes are heard more, than in the evening.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks.demo.world.catalogue import CHART_POWER, Catalogue, Floats, Ints
from recsys_tasks.demo.world.listeners import N_SCENES, Listeners

CHARTS, CHANCE, FIRST_SCENE, FIRST_ARTIST = 0, 1, 2, 2 + N_SCENES
Bools = npt.NDArray[np.bool_]
WAVE = 1.2  # a scene's weight swings between exp(-WAVE) and exp(WAVE) of its mean
HABIT = 0.35  # by exp of so much a scene whose energy is one deviation above the mean is heard more in the morning


@dataclass(frozen=True)
class Market:
    """The popularity of all tracks on one day, as running totals over the rows of the catalogue."""

    popularity: Floats  # (n_tracks,)
    charted: Floats  # (n_tracks,) popularity as the charts exaggerate it
    with_fans: Floats  # (n_tracks,) popularity among the listeners of the track's artist
    running: Floats  # (n_tracks + 1,) total popularity before each row
    charts: Floats  # (n_tracks + 1,) the same of charted
    fans: Floats  # (n_tracks + 1,) the same of with_fans
    news: Floats  # (n_artists,) how much more an artist's listeners turn to him for what is new
    released: Ints  # (n_released,) rows that are out, in order of their ids


def market_of(catalogue: Catalogue, day: int) -> Market:
    """The popularity of a day."""
    popularity = catalogue.popularity(day)
    charted, with_fans = popularity**CHART_POWER, catalogue.popularity_with_fans(day)
    running, charts, fans = (_running(values) for values in (popularity, charted, with_fans))
    released = np.argsort(catalogue.track_ids)[: catalogue.released_by(day)]
    return Market(popularity, charted, with_fans, running, charts, fans, catalogue.news(day), released)


def _running(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


@dataclass(frozen=True)
class Tastes:
    """The tastes of some listeners on one day: mixtures of n_parts parts, which are the charts, chance, and each
    listener's scenes and artists. Each is a range of running totals: charts, the number of tracks, popularity, fans.
    """

    weights: Floats  # (n, n_parts), rows sum to one
    low: Floats  # (n, n_parts), 0 for charts and chance
    high: Floats  # (n, n_parts)


def tastes(listeners: Listeners, catalogue: Catalogue, market: Market, users: Ints, day: int, early: Bools) -> Tastes:
    """The taste of each of the listeners ``users`` (rows) on a day. early: (n,) whether it is that of a morning."""
    artists, parts = listeners.artists[users], listeners.parts[users]
    scenes = _scene_weights(listeners, catalogue, users, day, early)
    news = listeners.artist_weights[users] * market.news[artists]
    low, high = (
        np.hstack(
            [
                np.broadcast_to([market.charts[-1] * end, len(market.released) * end], (len(users), FIRST_SCENE)),
                market.running[catalogue.artist_first[scene_ends]],
                market.fans[catalogue.artist_first[artists + end]],
            ]
        )
        for end, scene_ends in enumerate(_artist_ranges(listeners, catalogue, users))
    )
    weights = np.hstack([parts[:, :2], parts[:, 2:3] * scenes, parts[:, 3:] * news])
    weights[high <= low] = 0.0  # nothing of it is out yet
    weights[:, CHARTS] += weights.sum(axis=1) == 0
    return Tastes(weights / weights.sum(axis=1, keepdims=True), low, high)


def _scene_weights(listeners: Listeners, catalogue: Catalogue, users: Ints, day: int, early: Bools) -> Floats:
    """Weights (n, N_SCENES) of each listener's scenes: his own wave, the day's fashion, and the habits of the hour."""
    scenes = listeners.scenes[users]
    turns = day / listeners.period[users, None] + listeners.phase[users]
    habit = HABIT * catalogue.scene_energy[scenes] * np.where(early, 1.0, -1.0)[:, None]
    weights = listeners.scene_weights[users] * np.exp(WAVE * np.sin(2 * np.pi * turns) + habit)
    weights *= catalogue.fashion.at(day)[scenes]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _artist_ranges(listeners: Listeners, catalogue: Catalogue, users: Ints) -> tuple[Ints, Ints]:
    """First artist row of each listener's scenes, and the one after the last. (n, N_SCENES) each."""
    return catalogue.scene_first[listeners.scenes[users]], catalogue.scene_first[listeners.scenes[users] + 1]


def draw(taste: Tastes, market: Market, who: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """One track for each entry of ``who`` (rows of ``taste``): its row, and the part of the taste it came from."""
    steps = np.cumsum(taste.weights, axis=1)[:, :-1]
    part = (rng.random(len(who))[:, None] >= steps[who]).sum(axis=1)
    low, high = taste.low[who, part], taste.high[who, part]
    place = low + rng.random(len(who)) * (high - low)
    of_artist = part >= FIRST_ARTIST
    of_scene = (part >= FIRST_SCENE) & ~of_artist
    track = np.empty(len(who), np.int64)
    for drawn, totals in ((part == CHARTS, market.charts), (of_scene, market.running), (of_artist, market.fans)):
        track[drawn] = np.searchsorted(totals[1:-1], place[drawn], side="right")
    track[part == CHANCE] = market.released[place[part == CHANCE].astype(np.int64)]
    return track, part


def probabilities(listeners: Listeners, catalogue: Catalogue, market: Market, users: Ints, day: int) -> Floats:
    """Probability that a draw of each listener is each released track, columns in order of ids. (n, n_released).

    A draw of the day is one of a morning as often as the listener's sessions are.
    """
    early, late = (
        tastes(listeners, catalogue, market, users, day, np.full(len(users), morning)) for morning in (True, False)
    )
    share = listeners.morning[users][:, None]
    weights = share * early.weights + (1.0 - share) * late.weights
    density = np.divide(weights, early.high - early.low, out=np.zeros_like(weights), where=weights > 0)
    by_scene, by_artist = density[:, FIRST_SCENE:FIRST_ARTIST], density[:, FIRST_ARTIST:]
    own, n_artists = listeners.artists[users], len(catalogue.artist_first) - 1
    in_scenes = _over_ranges(*_artist_ranges(listeners, catalogue, users), by_scene, n_artists)
    in_artists = _over_ranges(own, own + 1, by_artist, n_artists)
    out = market.released
    scores = in_scenes[:, catalogue.artist_of[out]] * market.popularity[out]
    scores += in_artists[:, catalogue.artist_of[out]] * market.with_fans[out]
    scores += density[:, CHARTS, None] * market.charted[out] + density[:, CHANCE, None]
    return np.asarray(scores)


def _over_ranges(low: Ints, high: Ints, values: Floats, n: int) -> Floats:
    """Sum over each row's ranges ``low`` to ``high`` - 1 of their values: added where a range begins, subtracted where
    it ends. (n_rows, n)"""
    edges, row = np.zeros((len(low), n + 1)), np.arange(len(low))[:, None]
    np.add.at(edges, (row, low), values)
    np.add.at(edges, (row, high), -values)
    return np.maximum(np.cumsum(edges, axis=1)[:, :-1], 0.0)
