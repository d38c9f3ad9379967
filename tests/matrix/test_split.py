"""The split of a day: who is hidden, for whom, and what remains to train on."""

from datetime import date, timedelta

import numpy as np
import pytest
from folding import folded, hiding
from hypothesis import given
from scipy import sparse
from strategies import days_of_events, play_counts

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.row_ranges import whole
from recsys_tasks.matrix.split import Split, hold_out, split_day, split_key, trained_plays


class TestHoldout:
    @given(days_of_events)
    def test_nothing_hidden_is_trained_on(self, days):
        """Of a hidden user, training holds exactly the plays before the day, and hidden are the day's new tracks."""
        matrix, day = folded(days)
        split = hold_out(matrix, split_day(matrix, play_counts(days[-1]), day, hiding()))
        users, tracks = matrix.users.ids.to_pylist(), matrix.tracks.ids.to_pylist()
        for place, row in enumerate(split.user_rows):
            before = {t for events in days[:-1] for u, t in events if u == users[row]}
            today = {t for u, t in days[-1] if u == users[row]}
            assert before, "a hidden user has earlier history"
            assert {tracks[c] for c in whole(split.training)[row].indices} == before
            assert {tracks[c] for c in split.history[place].indices} == before
            assert {tracks[c] for c in split.hidden[place].indices} == today - before

    def test_a_partition_of_unknown_ids_is_refused(self):
        """A listener whom the matrix does not know is told as that, wherever the split meets them first."""
        matrix, day = folded([{(1, 1): 1}, {(1, 2): 1}])
        with pytest.raises(BadData, match="ids that its matrix does not know"):
            split_day(matrix, play_counts({(1, 2): 1, (9, 2): 1}), day, hiding())

    def test_how_many_are_hidden(self):
        """A fifth of the listeners, more where that is under 4,000, never over half nor over 10,000."""
        first, second = {(u, 0): 1 for u in range(100)}, {(u, 1): 1 for u in range(120)}
        matrix, day = folded([first, second])
        counts = play_counts(second)
        split = [split_day(matrix, counts, day, hiding(wanted_users=n)) for n in (4000, 30, 1)]
        assert [len(s.gate_rows) for s in split] == [50, 30, 20]
        assert len(split_day(matrix, counts, day, hiding(max_users=7)).gate_rows) == 7

    def test_the_choice_follows_the_user_and_the_date_alone(self):
        """A new date draws other users, as chance would."""
        first, second = {(u, 0): 1 for u in range(200)}, {(u, 1): 1 for u in range(200)}
        matrix, day = folded([first, second])
        today, tomorrow = (
            set(split_day(matrix, play_counts(second), d, hiding()).gate_rows.tolist())
            for d in (day, day + timedelta(days=1))
        )
        assert 30 < len(today & tomorrow) < 70


class TestGroups:
    def second_day(self, share):
        """A split of a day on which 200 known listeners and 30 new ones play."""
        matrix, day = folded([{(u, 0): 1 for u in range(200)}, {(u, 1): 2 for u in range(230)}])
        config = hiding(wanted_users=60, blend_share=share)
        return matrix, split_day(matrix, play_counts({(u, 1): 2 for u in range(230)}), day, config)

    def test_without_a_blend_its_group_is_empty(self):
        """By default nobody is hidden but the gate's listeners."""
        assert EvaluationConfig().blend_share == 0
        _, split = self.second_day(0.0)
        assert (len(split.gate_rows), len(split.blend_rows)) == (60, 0)
        assert split.hidden_rows.tolist() == split.gate_rows.tolist()

    def test_the_gates_listeners_are_the_same_whatever_the_blend_takes(self):
        """The blend's group is drawn after the gate's; both are of listeners with history, and nobody is in both."""
        (_, alone), (_, both) = self.second_day(0.0), self.second_day(0.1)
        assert alone.gate_rows.tolist() == both.gate_rows.tolist()
        assert len(both.blend_rows) == 20
        assert not set(both.blend_rows) & set(both.gate_rows)
        assert both.hidden_rows.max() < 200

    def test_a_large_service_hides_no_more_for_the_blend_than_for_the_gate(self):
        """Half of 200 listeners are asked for, and 30 is the most of either group: the others' day is trained on."""
        matrix, day = folded([{(u, 0): 1 for u in range(200)}, {(u, 1): 2 for u in range(200)}])
        config = hiding(wanted_users=30, max_users=30, blend_share=0.5)
        split = split_day(matrix, play_counts({(u, 1): 2 for u in range(200)}), day, config)
        assert (len(split.gate_rows), len(split.blend_rows)) == (30, 30)

    def test_only_a_split_with_a_blend_has_the_key_of_its_bound(self):
        """Without one, the groups are those of the format before, and so is the key under which a store holds them."""
        formats = [split_key(date(2026, 1, 13), "of", hiding(blend_share=share)).splitting for share in (0.0, 0.2)]
        assert formats == [2, 3]

    def test_nobodys_day_is_trained_on_who_is_hidden(self):
        """The day of both groups is left out of the training, and only the gate's is asked by the gate."""
        matrix, split = self.second_day(0.1)
        holdout = hold_out(matrix, split)
        assert holdout.user_rows.tolist() == split.gate_rows.tolist()
        played = whole(holdout.training)[:, [1]].toarray().ravel() > 0
        assert not played[split.hidden_rows].any()
        assert played.sum() == 230 - 80

    def test_some_rows_of_the_training_are_those_of_all(self):
        """The plays of a few listeners, made from their rows alone, are those of the whole training."""
        matrix, split = self.second_day(0.1)
        rows = np.array([0, 5, 17, 150, 229])
        few = trained_plays(matrix.counts, split, rows)
        assert (few != hold_out(matrix, split).training[rows]).nnz == 0

    @given(days_of_events)
    def test_some_rows_of_any_training_are_those_of_all(self, days):
        """Of some rows alone come the very cells that the training of the whole matrix holds in these rows."""
        matrix, day = folded(days)
        split = split_day(matrix, play_counts(days[-1]), day, hiding(blend_share=0.2))
        rows = np.arange(len(matrix.users))[::-2]
        few, held = trained_plays(matrix.counts, split, rows), whole(hold_out(matrix, split).training)[rows]
        np.testing.assert_array_equal(few.indptr, held.indptr)
        np.testing.assert_array_equal(few.indices, held.indices)

    @pytest.mark.parametrize(
        ("gate", "blend", "said"),
        [([1, 1], [], "not in order"), ([0, 99], [], "not among 3"), ([1], [1], "two groups")],
    )
    def test_groups_that_cannot_be_are_refused(self, gate, blend, said):
        """Rows that repeat, lie outside, or belong to two groups are no split."""
        with pytest.raises(BadData, match=said):
            Split(np.array(gate), np.array(blend, dtype=np.int64), sparse.csr_matrix((3, 2), dtype=np.uint32))
