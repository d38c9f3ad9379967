"""What listeners like on one day: drawn from by the generator, and read by the oracle.

Both go through ``tastes`` and ``Market``: the oracle's probabilities are those of the generator, not a second guess.
"""

from dataclasses import dataclass

import numpy as np

from recsys_tasks.demo.world.catalogue import CHART_POWER, Catalogue, Floats, Ints
from recsys_tasks.demo.world.listeners import Listeners

CHARTS, CHANCE, FIRST_SCENE = 0, 1, 2
WAVE = 1.2  # a scene's weight swings between exp(-WAVE) and exp(WAVE) of its mean


@dataclass(frozen=True)
class Market:
    """The popularity of all tracks on one day, as running totals over the rows of the catalogue."""

    popularity: Floats  # (n_tracks,)
    charted: Floats  # (n_tracks,) popularity as the charts exaggerate it
    running: Floats  # (n_tracks + 1,) total popularity before each row
    charts: Floats  # (n_tracks + 1,) the same of charted
    released: Ints  # (n_released,) rows that are out, in order of their ids


def market_of(catalogue: Catalogue, day: int) -> Market:
    """The popularity of a day."""
    popularity = catalogue.popularity(day)
    charted = popularity**CHART_POWER
    by_id = np.argsort(catalogue.track_ids)
    return Market(popularity, charted, _running(popularity), _running(charted), by_id[: catalogue.released_by(day)])


def _running(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


@dataclass(frozen=True)
class Tastes:
    """The tastes of some listeners on one day: mixtures of n_parts parts, which are the charts, chance, and each
    listener's scenes and artists. A scene or an artist is a range of running totals.
    """

    weights: Floats  # (n, n_parts), rows sum to one
    low: Floats  # (n, n_parts), 0 for charts and chance
    high: Floats  # (n, n_parts)


def tastes(listeners: Listeners, catalogue: Catalogue, market: Market, users: Ints, day: int) -> Tastes:
    """The taste of each of the listeners ``users`` (rows) on a day."""
    turns = day / listeners.period[users, None] + listeners.phase[users]
    scenes = listeners.scene_weights[users] * np.exp(WAVE * np.sin(2 * np.pi * turns))
    scenes /= scenes.sum(axis=1, keepdims=True)
    artists, parts = listeners.artists[users], listeners.parts[users]
    low_artists, high_artists = _artist_ranges(listeners, catalogue, users)
    low, high = (
        np.hstack([np.zeros((len(users), FIRST_SCENE)), market.running[catalogue.artist_first[rows]]])
        for rows in (np.hstack([low_artists, artists]), np.hstack([high_artists, artists + 1]))
    )
    high[:, :FIRST_SCENE] = 1.0
    weights = np.hstack([parts[:, :2], parts[:, 2:3] * scenes, parts[:, 3:] * listeners.artist_weights[users]])
    weights[high <= low] = 0.0  # nothing of it is out yet
    weights[:, CHARTS] += weights.sum(axis=1) == 0
    return Tastes(weights / weights.sum(axis=1, keepdims=True), low, high)


def _artist_ranges(listeners: Listeners, catalogue: Catalogue, users: Ints) -> tuple[Ints, Ints]:
    """First artist row of each listener's scenes, and the one after the last. (n, N_SCENES) each."""
    return catalogue.scene_first[listeners.scenes[users]], catalogue.scene_first[listeners.scenes[users] + 1]


def draw(taste: Tastes, market: Market, who: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """One track for each entry of ``who`` (rows of ``taste``): its row, and the part of the taste it came from."""
    steps = np.cumsum(taste.weights, axis=1)[:, :-1]
    part = (rng.random(len(who))[:, None] >= steps[who]).sum(axis=1)
    low, high, chance = taste.low[who, part], taste.high[who, part], rng.random(len(who))
    track = np.searchsorted(market.running[1:-1], low + chance * (high - low), side="right")
    of_charts, by_chance = part == CHARTS, part == CHANCE
    track[of_charts] = np.searchsorted(market.charts[1:-1], chance[of_charts] * market.charts[-1], side="right")
    track[by_chance] = market.released[(chance[by_chance] * len(market.released)).astype(np.int64)]
    return track, part


def probabilities(listeners: Listeners, catalogue: Catalogue, market: Market, users: Ints, day: int) -> Floats:
    """Probability that a draw of each listener is each released track, columns in order of ids. (n, n_released)."""
    taste = tastes(listeners, catalogue, market, users, day)
    n, n_artists = len(users), len(catalogue.artist_first) - 1
    density = np.divide(
        taste.weights, taste.high - taste.low, out=np.zeros_like(taste.weights), where=taste.weights > 0
    )
    edges = np.zeros((n, n_artists + 1))  # a scene is a range of artists: add where it begins, subtract where it ends
    low, high = _artist_ranges(listeners, catalogue, users)
    own, n_scenes, row = listeners.artists[users], low.shape[1], np.arange(n)[:, None]
    scenes, artists = density[:, FIRST_SCENE : FIRST_SCENE + n_scenes], density[:, FIRST_SCENE + n_scenes :]
    for ends, sign, values in ((low, 1, scenes), (high, -1, scenes), (own, 1, artists), (own + 1, -1, artists)):
        np.add.at(edges, (np.broadcast_to(row, ends.shape), ends), sign * values)
    of_artist = np.maximum(np.cumsum(edges, axis=1)[:, :-1], 0.0)
    out = market.released
    scores = of_artist[:, catalogue.artist_of[out]] * market.popularity[out]
    scores += taste.weights[:, CHARTS, None] * (market.charted[out] / market.charts[-1])
    scores += taste.weights[:, CHANCE, None] / len(out)
    return np.asarray(scores)
