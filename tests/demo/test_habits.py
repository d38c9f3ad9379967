"""What a service knows beside the plays: features, releases, fashions and hours, each within bounds that keep it real.

The bounds are of our own judgement; each leaves room for noise on both sides: nothing follows from anything else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import fetch
from worlds import day_of

from recsys_tasks.demo.world import World, WorldParams, build_world, day_streams, write_world
from recsys_tasks.demo.world.catalogue import Floats, Ints
from recsys_tasks.demo.world.labels import genres_and_tags

DAYS = 14


@dataclass(frozen=True)
class Plays:
    """Qualified plays in the order of their days. Arrays (n_plays,)."""

    user: Ints
    row: Ints  # of the track
    day: Ints
    hour: Ints

    def first(self, of: Ints) -> np.ndarray:
        """Whether each play is the first one of a listener and of what ``of`` has at it."""
        heads = np.unique(self.user * (int(of.max()) + 1) + of, return_index=True)[1]
        return np.isin(np.arange(len(of)), heads)


@pytest.fixture(scope="module")
def world() -> World:
    """A smaller demo of two weeks."""
    return build_world(WorldParams(users=4_000, tracks=8_000, days=DAYS, seed=3))


@pytest.fixture(scope="module")
def plays(world) -> Plays:
    """What was heard out in it."""

    def parts() -> Iterator[np.ndarray]:
        for day in range(DAYS):
            streams = day_streams(world, day_of(world, day))
            heard = (streams.ms_played >= 30_000) & ~streams.private
            hour = streams.streamed_at[heard] // 3_600_000_000 % 24
            yield np.stack([streams.user_id[heard], streams.track_id[heard], np.full(len(hour), day), hour])

    user, track, day, hour = np.concatenate(list(parts()), axis=1)
    return Plays(user, np.argsort(world.catalogue.track_ids)[track - 1], day, hour)


def explained(values: Floats, groups: Ints) -> float:
    """Share of the variance of values (n,) that their groups (n,) explain."""
    means = np.bincount(groups, values) / np.maximum(np.bincount(groups), 1)
    return float(1 - ((values - means[groups]) ** 2).sum() / ((values - values.mean()) ** 2).sum())


class TestFeatures:
    @pytest.mark.parametrize("name", ["tempo", "energy", "valence"])
    def test_a_number_tells_the_artist_but_not_surely(self, world, name):
        """Artists explain more of a measured number than scenes do, and neither explains all of it."""
        values, catalogue = getattr(world.catalogue, name), world.catalogue
        by_scene, by_artist = (explained(values, groups) for groups in (catalogue.scene_of, catalogue.artist_of))
        assert 0.3 < by_scene < by_artist - 0.05 < 0.75

    def test_listeners_keep_to_a_sound(self, world, plays):
        """What one listener plays is more alike in energy than what all play, and far from the same."""
        assert 0.1 < explained(world.catalogue.energy[plays.row], plays.user) < 0.6

    def test_tags_are_gapped_and_sometimes_wrong(self, world):
        """Most tracks have the tag of their genre, some have none, some have another genre's."""
        genres, tags = genres_and_tags(world.params, world.catalogue)
        named = [(genre, found) for genre, found in zip(genres, tags, strict=True) if genre is not None]
        assert 0.05 < genres.count(None) / len(genres) < 0.2
        assert 0.6 < np.mean([genre in found for genre, found in named]) < 0.9
        others = set(genres) - {None}
        assert 0.03 < np.mean([bool((others - {genre}) & set(found)) for genre, found in named]) < 0.15
        assert 0.01 < np.mean([not found for found in tags]) < 0.2

    def test_the_catalogue_table_has_them(self, tiny, source_dsn):
        """Each track has its artist's id, tags as an array, and numbers within their range or null."""
        write_world(source_dsn, tiny)
        wrong = """SELECT count(*) FROM tracks JOIN artists USING (artist_id)
            WHERE artist <> name OR tracks.genre <> artists.genre OR tags IS NULL OR NOT energy BETWEEN 0 AND 1"""
        assert fetch(source_dsn, wrong) == [(0,)]
        known = "SELECT avg((energy IS NOT NULL)::int), count(DISTINCT tags) FROM tracks"
        (measured, n_tags) = fetch(source_dsn, known)[0]
        assert 0.9 < measured < 1
        assert n_tags > 50


class TestReleases:
    def test_who_likes_the_artist_hears_a_new_track_first(self, world, plays):
        """On the day of a release most new listeners are the artist's own; a week later they are as few as ever."""
        catalogue = world.catalogue
        artist = catalogue.artist_of[plays.row]
        own = (world.listeners.artists[plays.user - 1] == artist[:, None]).any(axis=1)
        age, found = plays.day - catalogue.release_day[plays.row], plays.first(plays.row)
        today, week, old = (own[found & ages].mean() for ages in (age == 0, (age >= 7) & (age < 14), age > 100))
        assert 0.5 < today < 0.9
        assert 0.1 < week < 0.4
        assert 0.1 < old < 0.45

    def test_new_tracks_are_heard_by_more_people_than_their_own_listeners(self, world, plays):
        """A release finds most of its plays after the first day: it gets about."""
        age = plays.day - world.catalogue.release_day[plays.row]
        per_day = np.bincount(age[(age >= 0) & (age < 7)], minlength=7) / (DAYS - np.arange(7))
        assert per_day[1:4].mean() > 1.1 * per_day[0]
        assert per_day[6] < per_day[1:4].max()


class TestTrends:
    def test_the_charts_move_and_do_not_turn_over(self, world, plays):
        """Most of the hundred tracks of a week are among the hundred of the next one, and some are not."""
        tops = [
            set(np.argsort(-np.bincount(plays.row[plays.day // 7 == week], minlength=len(world.catalogue)))[:100])
            for week in (0, 1)
        ]
        assert 40 < len(tops[0] & tops[1]) < 90

    def test_fashions_come_and_go(self, world):
        """Over a month, what everybody likes of scenes and artists moves, by less than double or half for most."""
        for waves in (world.catalogue.fashion, world.catalogue.hype):
            moved = np.abs(np.log(waves.at(30) / waves.at(0)))
            assert 0.05 < np.median(moved) < np.log(2)


class TestHours:
    def test_a_listener_has_hours_of_his_own(self, plays):
        """Who listens in the morning on odd days does so on even days: a habit, with exceptions."""
        shares = []
        for parity in (0, 1):
            of = plays.day % 2 == parity
            n = np.bincount(plays.user[of], minlength=4_001)
            early = np.bincount(plays.user[of & (plays.hour < 12)], minlength=4_001)
            shares.append(np.where(n >= 20, early / np.maximum(n, 1), np.nan))
        known = np.isfinite(shares).all(axis=0)
        assert 0.3 < np.corrcoef(shares[0][known], shares[1][known])[0, 1] < 0.9

    def test_mornings_sound_otherwise_than_evenings(self, world, plays):
        """Tracks of the morning are louder by a part of what tracks differ by."""
        energy, early = world.catalogue.energy[plays.row], plays.hour < 12
        difference = (energy[early].mean() - energy[~early].mean()) / world.catalogue.energy.std()
        assert 0.05 < difference < 0.5
