"""The measurement of components: what is hidden, what is chosen on what, and what its table says."""

import numpy as np
import pytest
from two_tastes import write_as_lastfm

from benchmarks.recommender_logs import dated, lastfm
from benchmarks.recommenders import HEADING, main


@pytest.fixture
def data(tmp_path):
    """A folder with one small data set under the name of a real one: two tastes, and counts of plays."""
    write_as_lastfm(tmp_path)
    return tmp_path


def log():
    """Ten days of twelve listeners."""
    rng = np.random.default_rng(1)
    users, tracks, days = rng.integers(0, 12, 400), rng.integers(0, 30, 400), np.sort(rng.integers(0, 10, 400))
    return dated(users, tracks, days)


class TestFolds:
    def test_what_is_hidden_is_new_and_can_be_known(self):
        """Discoveries after the cut, of listeners and tracks of before it; nothing of them is trained on."""
        fold = log().fold(7, 2, {})
        assert fold.hidden.nnz
        assert fold.training.multiply(fold.hidden).nnz == 0
        assert (np.diff(fold.training.indptr)[fold.rows] > 0).all()
        assert np.isin(fold.hidden.indices, fold.training.indices).all()

    def test_repeats_are_hidden_too_where_they_are_asked_for(self):
        """Where repeats may be listed, what was played before and is played again counts, and own plays fade: the
        sooner, the shorter the half-life."""
        fold = log().fold(7, 2, {}, repeats=True)
        assert fold.training.multiply(fold.hidden).nnz
        assert fold.own[15.0].data.min() > 0
        assert (fold.own[15.0].data < fold.own[90.0].data).all()

    def test_recent_plays_end_before_the_cut(self):
        """No play of the days that are scored is in them."""
        rows = log()
        found = rows.lately([4, 7])
        changed = dated(rows.users, np.where(rows.days < 7, rows.tracks, 0), rows.days).lately([4, 7])
        for cut in (4, 7):
            for half_life, plays in found[cut].items():
                assert plays.sums[:30].tobytes() == changed[cut][half_life].sums[:30].tobytes()

    def test_the_validation_of_undated_counts_is_carved_out_of_training(self, data):
        """No hidden cell of the test takes part in a choice."""
        task = lastfm(data)
        (validation,), (test,) = task.validation, task.test
        assert (validation.training + validation.hidden != test.training).nnz == 0
        assert validation.hidden.multiply(test.hidden).nnz == 0


class TestTable:
    def test_it_has_a_row_for_each_component_alone_each_left_out_and_the_whole(self, data, capsys):
        """The rows of a set without dates; a set that is absent is named."""
        main(["--data", str(data), "--seconds", "0", "--only", "lastfm-2k", "amazon-music"])
        told = capsys.readouterr()
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.out.splitlines()]
        assert rows[0] == HEADING
        labels = ["popular tracks", "als alone", "neighbours alone", "all", "without als", "without neighbours"]
        labels.append("all, re-ranked")
        assert [row[3] for row in rows[2:]] == labels
        assert rows[3][-1] == "+0 %"
        assert f"amazon-music is not in {data}: left out" in told.err
