"""The shape of a day beside the dates before it, on days that can be counted by hand."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from recsys_tasks.core.domain import PlayCounts, Vocabulary, day_number
from recsys_tasks.partitions.day_traces import traces_of
from recsys_tasks.partitions.shape import Artists, Before, _rank_correlation, shape_of

NOBODY = Before((), None)


def counts(pairs):
    """Play counts from (user, track) -> plays."""
    users, tracks = zip(*sorted(pairs), strict=True)
    plays = np.array([pairs[pair] for pair in sorted(pairs)], np.uint32)
    return PlayCounts(pa.array(users), pa.array(tracks), plays)


def vocabulary(ids):
    """These ids, all seen on the first date."""
    return Vocabulary(pa.array(ids), np.full(len(ids), day_number(date(2026, 1, 1)), np.int32))


def after(*days, known=None, artists=None):
    """The dates before, by their play counts."""
    return Before([traces_of(each) for each in days], known, artists)


def shape(day, before=NOBODY):
    """The shape of a day without events and hours."""
    return shape_of(day, traces_of(day), before)


def falling(track_of=lambda track: track, n=40, shift=0):
    """A day on which track t has n - t listeners, each track under another name."""
    return counts({(user + shift, track_of(track)): 1 for track in range(n) for user in range(n - track)})


class TestFigures:
    def test_each_pair_counts_once(self):
        """A bot's thousand plays of a new track are one new pair of four."""
        known = vocabulary([1, 2]), vocabulary([10, 11])
        found = shape(counts({(1, 10): 1, (1, 12): 1000, (2, 10): 1, (3, 11): 1}), after(known=known))
        assert (found.new_tracks, found.new_listeners, found.plays) == (0.25, 0.25, 1003)

    def test_plays_per_pair_double_with_the_day(self):
        """The geometric mean of a day that was loaded twice is twice as large, and a bot does not decide it."""
        pairs = {(user, user): 1 + user % 3 for user in range(100)}
        once, twice = shape(counts(pairs)), shape(counts({pair: 2 * plays for pair, plays in pairs.items()}))
        assert twice.plays_per_pair == pytest.approx(2 * once.plays_per_pair)
        assert shape(counts(pairs | {(0, 0): 10_000})).plays_per_pair < 1.2 * once.plays_per_pair

    def test_repeats_are_pairs_of_any_day_before(self):
        """A pair of yesterday and one of the day before it repeat; the same track by another listener does not."""
        today = counts({(1, 10): 1, (2, 11): 1, (3, 10): 1, (3, 12): 1})
        found = shape(today, after(counts({(1, 10): 1}), counts({(2, 11): 7, (4, 12): 1})))
        assert (found.repeats, found.compared_pairs) == (0.5, 4)

    def test_the_order_of_tracks_is_compared_with_the_days_before(self):
        """The same order is 1, the reverse is -1, and tracks of other names are 0."""
        before = after(falling(), falling(shift=100))
        assert shape(falling(), before).track_ranks == pytest.approx(1)
        assert shape(falling(lambda track: 39 - track), before).track_ranks == pytest.approx(-1)
        assert shape(falling(lambda track: 1000 + track), before).track_ranks == 0

    def test_tracks_that_nobody_plays_today_come_last(self):
        """The more popular half is gone: it counts as played by nobody, so that the order is turned round."""
        found = shape(falling(lambda track: 1000 + track if track < 20 else track), after(falling()))
        assert found.track_ranks < -0.3

    def test_the_order_of_artists_outlives_new_ids_of_tracks(self):
        """Every track under a new id: the catalogue still says whose it is; without artists nothing is said of them."""
        tracks = [*range(40), *range(1000, 1040)]
        artists = Artists(pa.array(tracks), np.array([track % 1000 for track in tracks]))
        found = shape(falling(lambda track: 1000 + track), after(falling(), artists=artists))
        assert (found.track_ranks, found.artist_ranks) == (0, pytest.approx(1))
        assert shape(falling(), after(falling())).artist_ranks is None

    def test_tracks_of_no_known_artist_do_not_count(self):
        """An artist that the catalogue does not name is no artist of that name."""
        artists = Artists(pa.array(range(80)), np.array([*range(40), *[-1] * 40]))
        before = after(falling(), falling(lambda track: 40 + track), artists=artists)
        assert shape(falling(), before).artist_ranks == pytest.approx(1)

    def test_what_cannot_be_known_is_not_zero(self):
        """Without earlier dates, a matrix or a catalogue the figures are None."""
        found = shape(falling())
        assert {found.new_tracks, found.new_listeners, found.repeats, found.track_ranks, found.replayed} == {None}

    def test_too_few_tracks_have_no_order(self):
        """Nineteen tracks are not ranked, nor are forty that are all as popular."""
        assert shape(falling(n=19), after(falling(n=19))).track_ranks is None
        even = counts({(user, track): 1 for user in range(3) for track in range(40)})
        assert shape(falling(), after(even)).track_ranks is None


def test_the_rank_correlation_is_spearmans():
    """With many ties, as the counts of real tracks have: SciPy's own value."""
    random = np.random.default_rng(0)
    usual = np.sort(random.integers(0, 50, 300))[::-1].copy()
    today = random.poisson(usual / 5 + 1)
    assert _rank_correlation(usual, today) == pytest.approx(stats.spearmanr(usual, today).statistic, abs=1e-12)
