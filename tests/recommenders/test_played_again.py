"""What listeners play again: the numbers that are counted for each own track, and what trees learn of them."""

import numpy as np
import pytest

from recsys_tasks.recommenders.played_again import (
    NAMES,
    NEVER,
    PlayDates,
    chances_of,
    habits,
    lesson_of,
    own_tracks,
    trees_of,
)

DAY = 100
FADED = NAMES.index("own plays, 1.00 half-lives")


@pytest.fixture
def dates():
    """Listener 1 played track 2 on three days and track 0 on one; listener 4 played track 2 on one. Five tracks."""
    users, cols, days = [4, 1, 1, 1, 1, 1], [2, 2, 2, 0, 2, 2], [99, 90, 80, 98, 70, 90]
    return PlayDates.of(*(np.array(each) for each in (users, cols, days)), n_tracks=5)


def rows_of(dates, half_life=10.0):
    """Listener and track -> their row."""
    own = own_tracks(dates, DAY, half_life, habits(dates, DAY))
    return {divmod(int(pair), dates.n_tracks): row for pair, row in zip(own.pairs, own.rows, strict=True)}


def told_of(*names):
    """Places of numbers in a row."""
    return [NAMES.index(name) for name in names]


class TestOwnTracks:
    def test_each_own_track_has_a_row_of_how_often_and_how_lately_it_was_played(self, dates):
        """A date counts once, however many plays it has; a play of a half-life ago counts half."""
        found = rows_of(dates)
        assert list(found) == [(1, 0), (1, 2), (4, 2)]
        row = found[1, 2]
        assert len(row) == len(NAMES)
        assert row[FADED] == pytest.approx(1 / 2 + 1 / 4 + 1 / 8)
        assert row[0] < row[1] < row[2] < row[FADED]
        told = told_of("dates", "days since the last", "days since the first", "tracks of the listener", "listeners")
        assert row[told].tolist() == [3, 10, 30, 2, 2]
        assert found[4, 2][told].tolist() == [1, 1, 1, 1, 2]

    def test_what_is_due_is_told_by_the_gaps_between_plays(self):
        """Days 50, 60 and 90 have gaps of 10 and 30; a track that was played once has none, and so is never due."""
        users, cols, days = [0, 0, 0, 0], [1, 1, 1, 2], [50, 60, 90, 95]
        found = rows_of(PlayDates.of(*(np.array(each) for each in (users, cols, days)), n_tracks=3))
        told = told_of("mean gap", "last gap", "gap before it", "deviation of gaps", "days since the last, in gaps")
        assert found[0, 1][told].tolist() == [20, 30, 10, 10, 0.5]
        assert found[0, 2][told] == pytest.approx([NEVER, NEVER, NEVER, NEVER, 5 / NEVER])
        usual = told_of("usual gap", "gap by the usual one", "days since the last, in such gaps")
        assert found[0, 1][usual] == pytest.approx([20, 20, 0.5])
        assert found[0, 2][usual] == pytest.approx([20, 20, 0.25])

    def test_habits_tell_who_came_back_from_who_is_new(self, dates):
        """Of the faded listeners of a track those count as new who played it for the first time."""
        listeners, new, back = habits(dates, DAY)[2, :3]
        faded = 0.5 ** (np.array([1, 10, 20, 30]) / 7)
        assert listeners == pytest.approx(faded.sum())
        assert new == pytest.approx(faded[[0, 3]].sum())
        assert back == pytest.approx(1 - new / listeners)
        assert habits(dates, DAY)[3].tolist() == pytest.approx([0, 0, 1, 0, 0, 1, 0, 1 / 5, 10])

    def test_the_usual_gap_of_a_track_is_near_that_of_all_where_few_came_back(self):
        """A listener came back to each of two tracks, after 4 days and after 99: 20 is the mean, by logarithm."""
        users, cols, days = [0, 0, 1, 1], [0, 0, 1, 1], [90, 94, 0, 99]
        found = habits(PlayDates.of(*(np.array(each) for each in (users, cols, days)), n_tracks=3), DAY)[:, -1]
        mean = (4 * 99) ** 0.5
        assert found == pytest.approx([(4 * mean**3) ** 0.25, (99 * mean**3) ** 0.25, mean])

    def test_some_listeners_alone_have_the_rows_that_they_have_among_all(self, dates):
        """So that listeners can be asked some at a time."""
        alone = own_tracks(dates.of_users(np.array([4])), DAY, 10.0, habits(dates, DAY))
        assert alone.rows.tolist() == [rows_of(dates)[4, 2].tolist()]

    def test_what_comes_later_is_not_known(self, dates):
        """Dates of a span hold neither what was before nor what comes after it."""
        assert dates.between(80, 99).days.tolist() == [98, 80, 90]

    def test_a_store_without_dates_has_no_rows(self):
        """Nobody played anything: there is nothing to be played again."""
        none = PlayDates.of(*(np.zeros(0, np.int64) for _ in range(3)), n_tracks=5)
        own = own_tracks(none, DAY, 10.0, habits(none, DAY))
        assert own.rows.shape == (0, len(NAMES))


class TestTrees:
    def test_what_was_played_again_teaches_all_of_it_and_every_sixth_of_the_rest(self):
        """So that trees see enough of both."""
        hits = np.arange(600) % 10 == 0
        rows, kept = lesson_of(np.zeros((600, len(NAMES)), np.float32), hits)
        assert len(rows) == len(kept)
        assert (kept.sum(), len(kept)) == (60, 60 + 80)

    def test_they_learn_who_comes_back_and_are_the_same_bytes_each_time(self):
        """The score follows what the hits follow, however many rows are asked for at once."""
        pytest.importorskip("lightgbm")
        rng = np.random.default_rng(1)
        rows = rng.random((3_000, len(NAMES)), dtype=np.float32)
        hits = rng.random(3_000) < rows[:, FADED] ** 3
        trees, again = (trees_of([lesson_of(rows, hits)] * 2) for _ in range(2))
        assert trees.text == again.text
        scores = trees.scores(rows)
        assert np.corrcoef(scores, rows[:, FADED])[0, 1] > 0.8
        assert trees.scores(rows[:100]) == pytest.approx(scores[:100], rel=1e-12)  # one way of asking, or the other

    def test_a_chance_is_how_often_such_a_track_is_played_again(self):
        """Though of the others only some teach: of rows that taught nothing, as many are played again as they say."""
        pytest.importorskip("lightgbm")
        rng = np.random.default_rng(1)
        rows = rng.random((12_000, len(NAMES)), dtype=np.float32)
        hits = rng.random(len(rows)) < rows[:, FADED] ** 3
        chances = chances_of(trees_of([lesson_of(rows[:6_000], hits[:6_000])]), rows[6_000:])
        assert chances.mean() == pytest.approx(hits[6_000:].mean(), rel=0.2)
