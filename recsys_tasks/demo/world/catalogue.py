"""The tracks of a world, laid out as a tree so that every taste is a range of rows.

Rows are ordered by genre, scene, artist, album. A scene, a genre or an artist is then one range of rows, and drawing
from it by popularity is one look into the day's running total of popularity. Ids are given in order of release, so
that the tracks that are out on a day are the ids 1 .. n.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks.demo.world.params import WorldParams
from recsys_tasks.demo.world.waves import Waves, make_waves

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

CATALOGUE_DRAWS = 1
TRACKS_PER_ARTIST = 14
SCENES_PER_ROOT = 1.8  # so many scenes for each square root of the number of artists
SCENES_PER_GENRE = 6
FRESH_BOOST = 5.0  # by so much a track's popularity is raised at the most while it is new, as a share of its appeal
FRESH_DAYS = 3.0  # and it is so many days after the release that everybody has heard of it; then that fades
FAN_BOOST = 12.0  # the same for an artist's own listeners, who know on the first day
FAN_DAYS = 4.0  # and for them it fades with this time constant
NEWS_BOOST = 6.0  # by so much more these listeners turn to an artist who has something new
HYPE, HYPE_DAYS = 0.5, (20.0, 120.0)  # artists come and go: mean height of their waves, and their periods
FASHION, FASHION_DAYS = 0.35, (40.0, 200.0)  # scenes do so more slowly
OLDEST = 14_000  # days before the start: about 1987
CHART_POWER = 1.5  # charts and radio exaggerate popularity


@dataclass(frozen=True)
class Catalogue:
    """Tracks in tree order. All arrays (n_tracks,) unless said otherwise."""

    track_ids: Ints  # 1 .. n_tracks, in order of release
    artist_of: Ints  # row of the artist
    album_of: Ints  # row of the album
    release_day: Ints  # relative to the start of the world; negative: older
    appeal: Floats  # lasting popularity, sums to 1
    duration_ms: Ints
    tempo: Floats
    energy: Floats
    valence: Floats
    scene_energy: Floats  # (n_scenes,) mean 0, deviation about 1; the loud ones belong to the morning
    hype: Waves  # of each artist
    fashion: Waves  # of each scene
    artist_first: Ints  # (n_artists + 1,) track rows of artist a: artist_first[a] .. artist_first[a + 1]
    scene_first: Ints  # (n_scenes + 1,) artist rows of scene s
    genre_of_scene: Ints  # (n_scenes,)

    def __len__(self) -> int:
        return len(self.track_ids)

    def released_by(self, day: int) -> int:
        """How many tracks are out on a day: their ids are 1 to this."""
        return int((self.release_day <= day).sum())

    @property
    def scene_of(self) -> Ints:
        """Scene of each track. (n_tracks,)"""
        return np.searchsorted(self.scene_first, self.artist_of, side="right") - 1

    def popularity(self, day: int) -> Floats:
        """Popularity of each track on a day: its appeal in the fashion of its artist, more once its release has got
        about, nothing before it."""
        age = np.maximum(day - self.release_day, 0) / FRESH_DAYS
        return self._out(day, self.hype.at(day)[self.artist_of] * (1.0 + FRESH_BOOST * age * np.exp(1.0 - age)))

    def popularity_with_fans(self, day: int) -> Floats:
        """The same among the listeners of its artist: they hear what is new at once, and follow no fashion."""
        age = np.maximum(day - self.release_day, 0)
        return self._out(day, 1.0 + FAN_BOOST * np.exp(-age / FAN_DAYS))

    def news(self, day: int) -> Floats:
        """How much more an artist's listeners turn to him on a day, for what he released of late. (n_artists,)"""
        released = np.where(self.release_day <= day, self.release_day, -OLDEST - 1)
        newest = np.maximum.reduceat(released, self.artist_first[:-1])
        return np.asarray(1.0 + NEWS_BOOST * np.exp((newest - day) / FAN_DAYS))

    def _out(self, day: int, factor: Floats) -> Floats:
        return np.where(self.release_day <= day, self.appeal * factor, 0.0)


def make_catalogue(params: WorldParams) -> Catalogue:
    """Draw all tracks that the world will ever have."""
    rng = params.random(CATALOGUE_DRAWS)
    total = params.tracks + round(params.tracks * params.daily_releases) * params.days
    scene_of_artist = _scenes(rng, max(total // TRACKS_PER_ARTIST, 8))
    n_artists, n_scenes = len(scene_of_artist), int(scene_of_artist[-1]) + 1
    artist_of = _spread(rng, n_artists, total, spread=1.0)
    album_of = _albums(rng, artist_of)
    release_day = _release_days(rng, album_of, params)
    artist_appeal = np.exp(rng.normal(0, 1.5, n_artists))
    appeal = artist_appeal[artist_of] * np.exp(rng.normal(0, 1.5, total))
    scene = scene_of_artist[artist_of]
    track_ids = np.empty(total, np.int64)
    track_ids[np.lexsort((np.arange(total), release_day))] = np.arange(1, total + 1)
    scene_energy = rng.normal(0, 1.0, n_scenes)
    return Catalogue(
        track_ids=track_ids,
        artist_of=artist_of,
        album_of=album_of,
        release_day=release_day,
        appeal=appeal / appeal.sum(),
        duration_ms=np.clip(rng.lognormal(12.25, 0.25, total), 75_000, 720_000).astype(np.int64),
        tempo=_tempo(rng, rng.uniform(80, 150, n_scenes)[scene] + rng.normal(0, 9, n_artists)[artist_of]),
        energy=_share(rng, scene_energy[scene] + rng.normal(0, 0.6, n_artists)[artist_of]),
        valence=_share(rng, rng.normal(0, 1.0, n_scenes)[scene] + rng.normal(0, 0.6, n_artists)[artist_of]),
        scene_energy=scene_energy,
        hype=make_waves(rng, n_artists, HYPE, HYPE_DAYS),
        fashion=make_waves(rng, n_scenes, FASHION, FASHION_DAYS),
        artist_first=np.searchsorted(artist_of, np.arange(n_artists + 1)),
        scene_first=np.searchsorted(scene_of_artist, np.arange(n_scenes + 1)),
        genre_of_scene=np.arange(n_scenes) // SCENES_PER_GENRE,
    )


def _scenes(rng: np.random.Generator, n_artists: int) -> Ints:
    """Scene of each artist, rising; scenes differ in size."""
    return _spread(rng, round(SCENES_PER_ROOT * n_artists**0.5), n_artists, spread=0.6)


def _spread(rng: np.random.Generator, groups: int, members: int, spread: float) -> Ints:
    """Group of each member, rising: every group has one member at least, and sizes are lognormal."""
    shares = np.exp(rng.normal(0, spread, groups))
    drawn = rng.choice(groups, members - groups, p=shares / shares.sum())
    return np.sort(np.concatenate([np.arange(groups), drawn]))


def _albums(rng: np.random.Generator, artist_of: Ints) -> Ints:
    """Album of each track, rising: singles, short ones and long ones, never across two artists."""
    sizes = rng.choice([1, 4, 11], size=len(artist_of), p=[0.5, 0.2, 0.3])
    starts = np.zeros(len(artist_of), bool)
    ends = np.cumsum(sizes)
    starts[ends[ends < len(artist_of)]] = True
    starts[1:] |= artist_of[1:] != artist_of[:-1]
    starts[0] = True
    return np.cumsum(starts) - 1


def _release_days(rng: np.random.Generator, album_of: Ints, params: WorldParams) -> Ints:
    """Release day of each track: albums come out whole, in random order; about the same number of tracks each day."""
    sizes = np.bincount(album_of)
    order = rng.permutation(len(sizes))
    reached = np.cumsum(sizes[order])
    daily = max(round(params.tracks * params.daily_releases), 1)
    day = np.empty(len(sizes), np.int64)
    day[order] = np.minimum((reached - 1 - params.tracks) // daily, params.days - 1)
    old = -1 - np.minimum(rng.exponential(2_500, len(sizes)).astype(np.int64), OLDEST)
    return np.where(day < 0, old, day)[album_of]


def _share(rng: np.random.Generator, level: Floats) -> Floats:
    """A feature between 0 and 1 around the level of its artist, which is near that of the scene."""
    return np.asarray(1 / (1 + np.exp(-(level + rng.normal(0, 0.9, len(level))))))


def _tempo(rng: np.random.Generator, level: Floats) -> Floats:
    """Beats per minute around the level of its artist."""
    return np.clip(rng.normal(level, 15), 50, 210)
