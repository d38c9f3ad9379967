"""The measurement of the defaults: on users that nothing was chosen on; a data set that is absent is named."""

import pytest
from two_tastes import write_as_lastfm

from benchmarks.als_defaults import LAMBDAS, NOW, SETS, chosen_from, citeulike, grid, main
from benchmarks.gate_calibration.recorded_worlds import ALS
from recsys_tasks.core.config import AlsConfig


@pytest.fixture
def data(tmp_path):
    """A folder with one small data set under the name of a real one: two tastes, and counts of plays."""
    write_as_lastfm(tmp_path)
    return tmp_path


class TestTable:
    def test_what_is_absent_is_named_and_left_out(self, data, capsys):
        """One row in the table of each metric for the set that is there, one word for each that is not."""
        main(["--data", str(data), "--only", "lastfm-2k", "complete-journey", "citeulike-a"])
        told = capsys.readouterr()
        rows = [line.split("|")[1].strip() for line in told.out.splitlines() if line.startswith("| ")]
        assert rows == ["data", "---", "lastfm-2k"] * 2
        assert all(f"{name} is not in {data}: left out" in told.err for name in ("complete-journey", "citeulike-a"))

    def test_a_set_that_was_chosen_on_shows_its_other_users(self, data, capsys):
        """The users of the grid are not those of the table."""
        lastfm = next(each for each in SETS if each.name == "lastfm-2k")
        split = lastfm.made(data)
        assert lastfm.chosen_on
        main(["--data", str(data), "--only", "lastfm-2k"])
        assert capsys.readouterr().out.splitlines()[4].split("|")[3].strip() == str(len(split.reporting))
        assert not set(split.choosing) & set(split.reporting)

    def test_the_grid_has_a_row_for_each_weight_and_a(self, data):
        """The best setting of a single set has its whole share; each lambda has a column."""
        split = next(each for each in SETS if each.name == "lastfm-2k").made(data)
        heading, _, *rows = chosen_from([split], lambda _line: None).splitlines()
        assert heading.count("lambda = ") == len(LAMBDAS)
        assert len(rows) * len(LAMBDAS) == len(grid())
        assert sum(row.count("1.00 (1.00)") for row in rows) >= 1

    def test_it_measures_what_is_shipped(self):
        """The column of now is the library's defaults, whatever they become."""
        assert NOW.model_copy(update={"threads": 2}) == AlsConfig()

    def test_a_line_of_articles_begins_with_their_number(self, tmp_path):
        """The first number of a line is a count and no article."""
        (tmp_path / "citeulike-a").mkdir()
        (tmp_path / "citeulike-a" / "users.dat").write_text("2 7 9\n1 7\n")
        split = citeulike(tmp_path)
        assert (split.training + split.hidden).toarray().tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize("world", ALS)
def test_recorded_worlds_do_not_follow_the_defaults(world):
    """Each names weight, a and lambda itself: recorded figures stay what they were when the defaults change."""
    assert {"weight", "a", "regularization"} <= ALS[world].model_fields_set


def test_the_sparse_world_is_trained_as_it_was_recorded():
    """Its days were recorded with the defaults of their time."""
    sparse = ALS["sparse"]
    assert (sparse.weight, sparse.a, sparse.regularization, sparse.tolerance) == ("linear", 40.0, 0.01, 2e-4)
