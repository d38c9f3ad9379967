"""The listeners of a world: how much they listen, when, and what they like.

A taste is a mixture: charts, chance, a few scenes, a few artists. The scenes wax and wane over the weeks; loyalty to an
artist does not follow from any scene. So the truth is no product of two thin matrices: the probabilities of all
listeners have about as many dimensions as there are artists.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks.demo.world.catalogue import Catalogue, Floats, Ints
from recsys_tasks.demo.world.params import WorldParams

LISTENER_DRAWS = 2
N_SCENES = 5  # scenes of one listener
N_ARTISTS = 6  # artists of one listener beyond what the scenes say
USERS_PER_BOT = 5_000
WEEK = np.array([1.0, 0.97, 0.97, 0.99, 1.06, 1.08, 0.93])  # Monday first


@dataclass(frozen=True)
class Listeners:
    """Arrays (n_users,) unless said otherwise. The listener of row r has the id r + 1."""

    joined: Ints  # first day, relative to the start of the world
    eagerness: Floats  # probability of a stream on an ordinary day
    volume: Floats  # mean streams on a day that has any
    curiosity: Floats  # share of streams that are drawn from the taste, not from what was heard before
    secrecy: Floats  # probability that a session is private
    morning: Floats  # probability that a session is a morning one
    morning_hour: Floats  # where the middle of such a session's beginnings lies, UTC
    evening_hour: Floats  # the same of all others
    weekend: Floats  # how much more (or less) is heard on Saturday and Sunday
    bot: npt.NDArray[np.bool_]  # plays one artist around the clock, 31 seconds each
    parts: Floats  # (n_users, 4) weight of charts, chance, scenes, artists
    scenes: Ints  # (n_users, N_SCENES) rows of scenes
    scene_weights: Floats  # (n_users, N_SCENES)
    phase: Floats  # (n_users, N_SCENES) where each scene's wave begins, in turns
    period: Floats  # (n_users,) days of one wave
    artists: Ints  # (n_users, N_ARTISTS) rows of artists
    artist_weights: Floats  # (n_users, N_ARTISTS)

    def __len__(self) -> int:
        return len(self.joined)


def make_listeners(params: WorldParams, catalogue: Catalogue) -> Listeners:
    """Draw all listeners that the world will ever have."""
    rng, n = params.random(LISTENER_DRAWS), params.users
    bot = np.zeros(n, bool)
    bot[rng.choice(n, max(n // USERS_PER_BOT, 1), replace=False)] = True
    scenes, scene_weights = _scenes(rng, n, catalogue)
    artists = _artists(rng, n, catalogue, scenes)
    spread = 0.9
    volume = np.clip(params.plays * np.exp(rng.normal(-(spread**2) / 2, spread, n)), 1, 20 * params.plays)
    parts = rng.dirichlet([1.5, 0.7, 7.3, 2.5], n)
    parts[bot] = [0, 0, 0, 1]
    artist_weights = _falling(rng, n, N_ARTISTS, 0.75)
    artist_weights[bot] = np.eye(1, N_ARTISTS)
    return Listeners(
        joined=np.sort(np.where(rng.random(n) < 0.85, 0, rng.integers(0, params.days, n))),
        eagerness=np.where(bot, 1.0, rng.beta(2.4, 2.1, n)),
        volume=np.where(bot, 60 * params.plays, volume),
        curiosity=np.where(bot, 0.5, rng.beta(9, 5.0, n)),
        secrecy=np.where(rng.random(n) < 0.25, rng.beta(1, 4, n), 0.0),
        morning=rng.beta(2, 3, n),
        morning_hour=rng.normal(7.8, 1.2, n),
        evening_hour=rng.normal(19.3, 2.0, n),
        weekend=np.where(bot, 1.0, np.exp(rng.normal(0, 0.25, n))),
        bot=bot,
        parts=parts,
        scenes=scenes,
        scene_weights=scene_weights,
        phase=rng.random((n, N_SCENES)),
        period=rng.uniform(40, 200, n),
        artists=artists,
        artist_weights=artist_weights,
    )


def _scenes(rng: np.random.Generator, n: int, catalogue: Catalogue) -> tuple[Ints, Floats]:
    """Scenes of each listener: half of them from the genre of the first one, the others from anywhere."""
    n_scenes = len(catalogue.genre_of_scene)
    fashion = np.exp(rng.normal(0, 0.8, n_scenes))
    scenes = rng.choice(n_scenes, (n, N_SCENES), p=fashion / fashion.sum())
    genre_first = np.searchsorted(catalogue.genre_of_scene, catalogue.genre_of_scene[scenes[:, 0]])
    genre_size = np.bincount(catalogue.genre_of_scene)[catalogue.genre_of_scene[scenes[:, 0]]]
    near = genre_first[:, None] + (rng.random((n, N_SCENES)) * genre_size[:, None]).astype(np.int64)
    stay = rng.random((n, N_SCENES)) < 0.5
    stay[:, 0] = False
    return np.where(stay, near, scenes), _falling(rng, n, N_SCENES, 0.6)


def _artists(rng: np.random.Generator, n: int, catalogue: Catalogue, scenes: Ints) -> Ints:
    """Artists of each listener: half of them from the listener's scenes, the others from anywhere, popular or not."""
    own = np.take_along_axis(scenes, rng.integers(0, N_SCENES, (n, N_ARTISTS)), axis=1)
    low, high = catalogue.scene_first[own], catalogue.scene_first[own + 1]
    near = low + (rng.random((n, N_ARTISTS)) * (high - low)).astype(np.int64)
    anywhere = catalogue.artist_of[rng.integers(0, len(catalogue), (n, N_ARTISTS))]
    return np.where(rng.random((n, N_ARTISTS)) < 0.5, near, anywhere)


def _falling(rng: np.random.Generator, n: int, k: int, ratio: float) -> Floats:
    """Weights (n, k) that sum to one, mostly falling from left to right."""
    weights = ratio ** np.arange(k) * rng.gamma(2.0, 1.0, (n, k))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
