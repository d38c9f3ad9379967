"""What is kept of a day's rows, and what two days are seen to share."""

import numpy as np
import pyarrow as pa
import pytest

from recsys_tasks.core.domain import PlayCounts
from recsys_tasks.partitions.day_traces import SAMPLED_EVENTS, TALLIED_TRACKS, sample_events, seen_before, traces_of

TEXTS = ["", "a", "b", "ab", "xab", "12345678", "123456789", "x12345678", "1234567890abcdefgh", "é", "a\0", "a\0\0"]


def events(*numbers):
    """The sample of these event ids."""
    return sample_events(pa.chunked_array([pa.array(numbers)]))


def played(users, tracks):
    """Play counts, one play a pair."""
    return PlayCounts(pa.array(users), pa.array(tracks), np.ones(len(users), np.uint32))


class TestSamples:
    def test_a_sample_is_of_the_ids_and_of_no_order(self):
        """Order, chunks, duplicates and rows without an id leave the sample as it is."""
        rows = pa.chunked_array([pa.array([5, None, 3]), pa.array([3, 4, 5, None])])
        assert sample_events(rows).tolist() == events(3, 4, 5).tolist()

    def test_a_sample_is_bounded_and_two_days_sample_the_same_ids(self):
        """Of 50,000 ids so many are kept; a day that shares half of its ids shares about half of its sample."""
        first, second = events(*range(50_000)), events(*range(25_000, 75_000))
        assert len(first) == len(second) == SAMPLED_EVENTS
        assert seen_before(second, [first], SAMPLED_EVENTS)[0] == pytest.approx(0.5, abs=0.05)

    @pytest.mark.parametrize("first", range(len(TEXTS)))
    def test_texts_are_told_apart_wherever_they_stand(self, first):
        """Each text has a hash of its own, which neither its neighbours nor a slice of the column change."""
        whole = {text: sample_events(pa.chunked_array([[text]])).tolist() for text in TEXTS}
        assert len({hashes[0] for hashes in whole.values()}) == len(TEXTS)
        rest = sample_events(pa.chunked_array([pa.array(["before", *TEXTS])[1 + first :]])).tolist()
        assert sorted(rest) == sorted(hashes[0] for text, hashes in whole.items() if text in TEXTS[first:])

    def test_only_the_most_popular_tracks_are_tallied(self):
        """The tally is of listeners per track, the most popular first, and of so many tracks at most."""
        users = np.arange(20_000)
        tally = traces_of(played(users, np.minimum(users, 12_345))).popular
        assert (tally.track_ids[0].as_py(), tally.listeners[0], len(tally.listeners)) == (12_345, 7_655, TALLIED_TRACKS)

    def test_a_pair_is_of_a_listener_and_a_track(self):
        """The same listeners and the same tracks in other pairs share nothing."""
        one, other = traces_of(played([1, 2], [1, 2])), traces_of(played([1, 2], [2, 1]))
        assert seen_before(one.pairs, [other.pairs], 10) == (0.0, 2)
        assert seen_before(one.pairs, [other.pairs, one.pairs], 10) == (1.0, 2)


class TestSeenBefore:
    def test_a_full_sample_is_not_asked_beyond_its_reach(self):
        """Of a day whose sample ends early nothing is known beyond, so that it is not taken for unseen."""
        today, full = np.arange(10, dtype=np.uint64), np.arange(4, dtype=np.uint64)
        assert seen_before(today, [full], size=4) == (1.0, 4)
        assert seen_before(today, [full], size=20) == (0.4, 10)

    def test_nothing_to_compare_is_not_nothing_seen(self):
        """Without earlier samples, or without one of the day, the share is not known."""
        none, some = np.zeros(0, np.uint64), np.arange(3, dtype=np.uint64)
        assert seen_before(some, [none], 10) == seen_before(none, [some], 10) == seen_before(some, [], 10) == (None, 0)
