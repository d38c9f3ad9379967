"""The fold of recent plays: a function of the partitions alone, of any dates, from wherever it goes on."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_tasks.core.domain import PlayCounts
from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.play_matrix import day_counts, empty_matrix, fold
from recsys_tasks.recommenders.base import Parent, TrainingData
from recsys_tasks.recommenders.recent import Recent, RecentPlays

FIRST, HALF_LIFE = date(2024, 2, 27), 5.0
PAIRS = st.sets(st.tuples(st.integers(1, 6), st.integers(1, 9)), max_size=12)


def counted(pairs):
    """A partition in which each pair has one play."""
    users, tracks = (pa.array([pair[n] for pair in sorted(pairs)], pa.int64()) for n in (0, 1))
    return PlayCounts(users, tracks, np.ones(len(pairs), np.uint32))


def states_of(partitions):
    """The component of every date, one merge after the other, each under the row numbers of its own matrix."""
    matrix, parent, found = empty_matrix(pa.int64(), pa.int64()), None, []
    for number, pairs in enumerate(partitions):
        counts = counted(pairs)
        matrix = fold(matrix, FIRST + timedelta(days=number), counts, str(number))
        data = TrainingData(day_counts(counts, matrix.users, matrix.tracks), matrix.users, matrix.tracks)
        parent = Parent(Recent(HALF_LIFE).fit(data, parent).component, matrix.users, matrix.tracks)
        found.append(parent)
    return found, matrix


class TestFold:
    @given(st.lists(PAIRS, min_size=2, max_size=6).filter(lambda days: days[0]), st.data())
    def test_it_does_not_matter_where_the_fold_goes_on_from(self, partitions, data):
        """From the state of any date, the later dates give the same bytes as day by day, in larger row numbers too."""
        states, matrix = states_of(partitions)
        start = data.draw(st.integers(0, len(partitions) - 2))
        parent = states[start]
        for pairs in partitions[start + 1 :]:
            cells = day_counts(counted(pairs), matrix.users, matrix.tracks)
            parent = Parent(
                Recent(HALF_LIFE).fit(TrainingData(cells, matrix.users, matrix.tracks), parent).component,
                matrix.users,
                matrix.tracks,
            )
        one, other = (state.component.files() for state in (parent, states[-1]))
        assert {name: values.tobytes() for name, values in one.items()} == {
            name: values.tobytes() for name, values in other.items()
        }

    @given(st.lists(PAIRS, min_size=1, max_size=6).filter(lambda days: days[0]))
    def test_it_is_the_formula(self, partitions):
        """Each date's listeners of a track, halved for every half-life that has gone by since."""
        states, matrix = states_of(partitions)
        last = len(partitions) - 1
        for number, track in enumerate(matrix.tracks.ids.to_pylist()):
            ages = [(last - day, sum(pair[1] == track for pair in pairs)) for day, pairs in enumerate(partitions)]
            expected = sum(n * 0.5 ** (age / HALF_LIFE) for age, n in ages)
            assert states[-1].component.sums[number] == pytest.approx(expected)
            without = sum(n * 0.5 ** (age / HALF_LIFE) for age, n in ages if age)
            assert states[-1].component.before.sums[number] == pytest.approx(without)

    def test_an_empty_date_fades_what_was_before(self):
        """A date without plays, as a quarantined one is, is a date all the same."""
        states, _ = states_of([{(1, 1)}, set(), {(1, 2)}])
        assert states[1].component.sums.tolist() == [pytest.approx(0.5 ** (1 / HALF_LIFE))]


def test_tracks_without_a_play_have_faded_to_nothing():
    """With the newest date and without it."""
    found = RecentPlays(np.array([3.0]), np.array([1.0]), 1).widened(3)
    assert (found.sums.tolist(), found.before.sums.tolist()) == ([3.0, 0.0, 0.0], [1.0, 0.0, 0.0])


class TestStored:
    @pytest.mark.parametrize("values", [[np.nan], [np.inf], [-1.0]])
    def test_what_is_no_count_is_refused(self, values):
        """A stored sum that no listening could have given."""
        with pytest.raises(BadData, match="no number"):
            RecentPlays(np.array(values), np.zeros(1), 1)

    def test_sums_of_other_tracks_are_refused(self):
        """With and without the newest date are the same tracks."""
        with pytest.raises(BadData, match="do not fit"):
            RecentPlays(np.zeros(2), np.zeros(3), 1)
