"""The synthetic music service: the same numbers give the same rows, and the rows look like those of a real log."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from worlds import TINY, day_of, qualified, rows_of

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.demo.world import build_world, day_streams, load_truth, oracle_scores, save_truth
from recsys_tasks.demo.world.names import artist_names, titles

DAY_US = 86_400_000_000


class TestSameNumbers:
    def test_the_same_seed_gives_the_same_rows(self, tiny):
        """Every day of a world built a second time has the same bytes."""
        again = build_world(TINY)
        assert [rows_of(again, day) for day in range(4)] == [rows_of(tiny, day) for day in range(4)]

    def test_another_seed_gives_another_world(self, tiny):
        """The seed decides the rows."""
        assert rows_of(build_world(replace(TINY, seed=6)), 2) != rows_of(tiny, 2)

    def test_a_day_generated_alone_is_the_same_day(self, tiny):
        """The last day does not depend on whether the days before it were generated first, nor how often."""
        alone = rows_of(build_world(TINY), 3)
        assert alone == rows_of(tiny, 3) == rows_of(tiny, 3)

    def test_the_truth_is_kept_as_its_parameters(self, tiny, tmp_path):
        """A world read back from its JSON gives the same rows and the same probabilities."""
        save_truth(TINY, tmp_path / "truth.json")
        again = build_world(load_truth(tmp_path / "truth.json"))
        users, day = np.arange(1, 20), day_of(tiny, 2)
        assert rows_of(again, 1) == rows_of(tiny, 1)
        np.testing.assert_array_equal(oracle_scores(again, users, day)[1], oracle_scores(tiny, users, day)[1])

    @pytest.mark.parametrize(
        "wrong",
        [{"users": 0}, {"tracks": 3}, {"days": 0}, {"seed": -1}, {"plays": float("nan")}, {"start": date(1, 1, 1)}],
    )
    def test_an_impossible_size_is_refused(self, wrong):
        """A world that cannot be made says which number is wrong."""
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            replace(TINY, **wrong)

    def test_a_broken_truth_file_is_refused(self, tmp_path):
        """A file of something else is a configuration error, not a stack trace."""
        (tmp_path / "truth.json").write_text('{"users": 9}')
        with pytest.raises(ConfigError, match=r"truth\.json"):
            load_truth(tmp_path / "truth.json")


class TestLog:
    def test_every_instant_lies_within_its_day(self, small):
        """No stream of day D is stamped with another UTC date, at full microsecond resolution."""
        for index in range(small.params.days):
            streams = day_streams(small, day_of(small, index))
            midnight = int(datetime.combine(day_of(small, index), datetime.min.time(), UTC).timestamp()) * 1_000_000
            since = streams.streamed_at - midnight
            assert since.min() >= 0
            assert since.max() < DAY_US
            assert np.unique(since % 1000).size > 900

    def test_some_events_are_delivered_twice(self, small):
        """A repeated event id is the same row in every field, and the share of them is small but not zero."""
        streams = day_streams(small, day_of(small, 3))
        _, first, copies = np.unique(streams.event_id, return_index=True, return_inverse=True)
        for name in ("user_id", "track_id", "streamed_at", "ms_played", "private"):
            values = getattr(streams, name)
            np.testing.assert_array_equal(values, values[first][copies])
        assert 0.001 < 1 - len(first) / len(streams) < 0.01

    def test_event_ids_of_two_days_never_meet(self, small):
        """An event id names one event in the whole log."""
        one, two = (day_streams(small, day_of(small, index)).event_id for index in (4, 5))
        assert not np.intersect1d(one, two).size

    def test_private_sessions_and_skips_are_among_the_rows(self, small):
        """There is something for the qualification rule to leave out, and most rows pass it."""
        streams = day_streams(small, day_of(small, 3))
        assert 0.01 < streams.private.mean() < 0.2
        assert 0.05 < (streams.ms_played < 30_000).mean() < 0.3

    def test_a_bot_plays_all_day_and_leaves_as_soon_as_it_counts(self, small):
        """Bots stand out by volume and by plays barely over 30 seconds."""
        bots = np.flatnonzero(small.listeners.bot) + 1
        streams = day_streams(small, day_of(small, 3))
        of_bot = np.isin(streams.user_id, bots)
        assert of_bot.sum() > 100 * len(bots)
        assert streams.ms_played[of_bot].max() < 33_000

    def test_tracks_come_out_every_day_and_are_not_played_before(self, small):
        """Each day releases about one per cent of the catalogue, and nobody plays a track before its release."""
        out = [small.catalogue.released_by(index) for index in range(-1, small.params.days)]
        assert 0.3 < np.diff(out).mean() / (0.01 * small.params.tracks) < 1.7
        assert np.diff(out).min() > 0
        for index in range(small.params.days):
            assert day_streams(small, day_of(small, index)).track_id.max() <= out[index + 1]

    def test_only_what_was_heard_out_in_public_is_repeated(self, tiny):
        """Each entry of a library is a qualified play of its day, so that a new play is always a draw of the taste."""
        user, day = np.divmod(tiny.library.key, tiny.params.days)
        tracks = tiny.catalogue.track_ids[tiny.library.track]
        for index in range(tiny.params.days):
            entries = zip(user[day == index] + 1, tracks[day == index], strict=True)
            assert set(entries) <= set(zip(*qualified(tiny, range(index, index + 1)), strict=True))

    def test_listeners_arrive_on_the_way(self, small):
        """Some listeners play their first stream after the first day, in the order of their ids."""
        joined = small.listeners.joined
        assert 0.8 < (joined == 0).mean() < 0.95
        late = day_streams(small, day_of(small, 1)).user_id
        assert late.max() <= (joined <= 1).sum()

    def test_weekends_and_evenings_are_busier(self, small):
        """Saturday has more streams than the days before it, and 20:00 more than 03:00."""
        sizes = [len(day_streams(small, day_of(small, index))) for index in range(7)]
        assert sizes[5] > np.mean(sizes[:4])
        hours = np.bincount(day_streams(small, day_of(small, 2)).streamed_at // 3_600_000_000 % 24, minlength=24)
        assert hours[20] > 3 * hours[3]

    def test_names_are_many_and_not_only_ascii(self, small):
        """No two artists share a name, few titles repeat, and other scripts occur."""
        params, catalogue = small.params, small.catalogue
        artists, songs = artist_names(params, catalogue), titles(params, catalogue)
        assert len(set(artists)) == len(artists) == len(catalogue.artist_first) - 1
        assert len(set(songs)) > 0.75 * len(songs)
        assert 0.02 < np.mean([not name.isascii() for name in artists + songs]) < 0.6
