"""Trees of what is played again: taught by the last spans, and dropped where they do not hold on the newest."""

import numpy as np
import pytest

from recsys_tasks.evaluation import playing_again
from recsys_tasks.evaluation.playing_again import SPANS, STARTS, before, days_read, learnt, spans
from recsys_tasks.recommenders.played_again import PlayDates, trees_of

pytest.importorskip("lightgbm")
DAYS, N_USERS, N_TRACKS = 60, 400, 40


def plays(rhythm, seed=1):
    """Dates of listeners: each day one track, by chance among 40; or in a rhythm of their own, among the same."""
    rng = np.random.default_rng(seed)
    users, days = np.repeat(np.arange(N_USERS), DAYS), np.tile(np.arange(DAYS), N_USERS)
    cols = rng.integers(0, N_TRACKS, len(users))
    if rhythm:  # every twelfth day the same track: the one that is due is the one that was not played for long
        often = rng.random(len(users)) < 0.8
        cols = np.where(often, (users + days % 12) % N_TRACKS, cols)
    return PlayDates.of(users, cols, days, N_TRACKS)


def test_trees_that_foretell_more_than_faded_plays_are_kept():
    """A rhythm that faded plays get wrong, for they expect most what was just played."""
    found = learnt(plays(rhythm=True), DAYS, 3, 6.0)
    assert found.trees is not None
    assert found.by_trees > 1.2 * found.by_fading
    assert found.n_listeners == N_USERS


def test_without_enough_listeners_there_are_no_trees():
    """Of the fewest of any span, which are told: trees would learn chance."""
    few = learnt(plays(rhythm=True).of_range(0, 90), DAYS, 3, 6.0)
    assert few.trees is None
    assert few.n_listeners == 90
    short = learnt(plays(rhythm=True).between(DAYS - 10, DAYS), DAYS, 3, 6.0)
    assert short.trees is None
    assert short.n_listeners == 0, "nobody had played before the earliest span, whoever listened in the newest"


def test_trees_that_do_not_hold_on_the_newest_span_are_dropped():
    """There everybody goes on with what they just played, against the rhythm that the spans before it taught."""
    dates = plays(rhythm=True)
    earlier = dates.between(0, DAYS - 3)
    last = earlier.between(DAYS - 5, DAYS - 3)
    again = (np.concatenate([each, each]) for each in (last.users, last.cols))
    days = np.concatenate([last.days + 2, last.days + 3])
    users, cols, days = (
        np.concatenate(each) for each in zip((earlier.users, earlier.cols, earlier.days), (*again, days), strict=True)
    )
    found = learnt(PlayDates.of(users, cols, days, N_TRACKS), DAYS, 3, 6.0)
    assert found.by_trees < found.by_fading
    assert found.trees is None


def test_the_newest_span_is_judged_by_trees_that_knew_none_of_its_days(monkeypatch):
    """Those that overlap it teach only the trees that are kept, as it does itself."""
    taught = []

    def counted(lessons):
        taught.append(len(lessons))
        return trees_of(lessons)

    monkeypatch.setattr(playing_again, "trees_of", counted)
    learnt(plays(rhythm=True), DAYS, 3, 6.0)
    assert taught == [(SPANS - 2) * STARTS + 1, (SPANS - 1) * STARTS + 1]


@pytest.mark.parametrize(("days", "firsts"), [(1, [59, 58, 57, 56]), (7, list(range(53, 32, -2)))])
def test_spans_begin_several_times_in_the_days_of_one(days, firsts):
    """Two days apart where a span has seven; the newest ends with the newest day, the first begins four spans ago."""
    assert [span.first for span in spans(plays(rhythm=False), DAYS, days, 6.0)] == firsts


def test_what_is_read_is_what_the_earliest_span_looks_back_to():
    """Every span sees as many days as the lists of tomorrow do; none is read in vain."""
    dates = plays(rhythm=False)
    some = dates.between(DAYS - days_read(3, 6.0), DAYS)
    assert len(before(some, DAYS - SPANS * 3, 6.0).days) == len(before(dates, DAYS - SPANS * 3, 6.0).days)
    assert some.days.min() == before(dates, DAYS - SPANS * 3, 6.0).days.min()
    assert learnt(some, DAYS, 3, 6.0).by_trees == learnt(dates, DAYS, 3, 6.0).by_trees
