"""The plots' definitions: what is shown, in which unit, and nothing named that is not there."""

import pytest
from series_rows import rows

from recsys_tasks.gate.drift import Drift
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.reporting.plots import FEW, Bound
from recsys_tasks.reporting.quality_plots import (
    cusum_over_days,
    differences_over_days,
    precision_over_days,
    recall_over_days,
    slices,
)
from recsys_tasks.reporting.run_plots import (
    iterations_over_days,
    listeners_over_days,
    loss_by_iteration,
    loss_over_days,
    minutes_over_days,
    streams_over_days,
)

UNCOUNTED = Drift((), (), (), ())
NOTHING = {"honest": None, "pair": None, "precision": None, "precision_error": None, "popularity": None}


def marks(found):
    """Name of each mark and the points at which it stands."""
    return {mark.name: mark.points for mark in precision_over_days(found, 0.0, 10).marks}


class TestPrecision:
    def test_the_lines_are_the_stored_figures(self):
        """Candidate with 1.96 standard errors to both sides, live release from its second day on, popular tracks."""
        found = rows(3)
        candidate, live, popular = precision_over_days(found, 0.01, 10).lines
        assert candidate.values == tuple(row["precision"] for row in found)
        assert candidate.low == pytest.approx([row["precision"] - 1.96 * row["precision_error"] for row in found])
        assert candidate.high == pytest.approx([row["precision"] + 1.96 * row["precision_error"] for row in found])
        assert live.values == (None, *(row["honest"]["precision"] for row in found[1:]))
        assert popular.values == tuple(row["popularity"] for row in found)

    def test_a_floor_is_named_only_where_the_policy_has_one(self):
        """The line and the caption go together."""
        with_floor, without = (precision_over_days(rows(3), floor, 10) for floor in (0.01, 0.0))
        assert with_floor.bounds == (Bound("floor 0.01", 0.01),)
        assert "below the floor" in with_floor.caption
        assert without.bounds == ()
        assert "no floor" in without.caption

    def test_verdicts_are_marked_where_the_gate_said_no(self):
        """Held, blocked and released by a person: each has its mark, among few days and among many."""
        for days in (3, FEW + 300):
            assert marks(rows(days, outcome="HOLD"))["held"] == (days - 1,)
            assert marks(rows(days, outcome="BLOCK"))["blocked"] == (days - 1,)
            assert marks(rows(days, outcome="HOLD", signed_by="olga"))["released by a person"] == (days - 1,)
        assert marks(rows(3)) == {"passed": (0, 1, 2)}

    def test_passed_days_are_marked_only_where_they_are_few(self):
        """Hundreds of marks would hide the line."""
        assert "passed" in marks(rows(FEW))
        assert marks(rows(FEW + 1)) == {}

    def test_a_day_without_a_figure_is_marked_at_the_foot(self):
        """Nobody could be scored: the verdict is marked all the same, where no line runs."""
        (mark,) = precision_over_days(rows(1, outcome="HOLD", **NOTHING), 0.0, 10).marks
        assert (mark.look, mark.points, mark.values) == ("HOLD", (0,), (None,))

    def test_a_refused_judgement_beside_the_one_that_counts_is_marked_at_its_own_precision(self):
        """Blocked first, then another candidate of the date passed: both are there, the first as a sign alone."""
        refused = rows(2)[-1] | {"outcome": "BLOCK", "precision": 0.001}
        plot = precision_over_days(rows(2), 0.0, 10, [refused])
        (mark,) = (mark for mark in plot.marks if mark.look == "BLOCK")
        assert (mark.points, mark.values) == ((1,), (0.001,))
        assert plot.lines[0].values[1] == rows(2)[-1]["precision"]

    def test_a_line_without_a_value_is_neither_drawn_nor_explained(self):
        """Before anything was live there is no such line, and the caption says nothing of it."""
        before = precision_over_days(rows(1), 0.0, 10)
        after = precision_over_days(rows(3), 0.0, 10)
        assert ["live" in {line.look for line in plot.lines} for plot in (before, after)] == [False, True]
        assert ["release that was live" in plot.caption for plot in (before, after)] == [False, True]


class TestDifferences:
    def test_they_are_shares_of_the_live_release(self):
        """A loss of 0.0015 where the live release has 0.03 is 5%; margin and interval stand in the same unit."""
        pair = {"users": 3200, "difference": -0.0015, "standard_error": 0.0003, "incumbent": 0.03}
        plot = differences_over_days(rows(4, pair=pair), UNCOUNTED, 28, 0.02)
        (line,) = plot.lines
        assert (line.values[0], line.values[-1]) == (None, pytest.approx(-5))
        assert (line.low[-1], line.high[-1]) == (pytest.approx(-6.96), pytest.approx(-3.04))
        assert plot.bounds == (Bound("margin −2%", -2),)

    def test_a_live_release_without_a_hit_leaves_a_gap(self):
        """Nothing is divided by zero."""
        pair = {"users": 5, "difference": 0.0, "standard_error": None, "incumbent": 0.0}
        plot = differences_over_days(rows(2, pair=pair), UNCOUNTED, 28, 0.02)
        assert plot.lines[0].values[-1] is None
        assert "Newest: candidate − live unknown" in plot.summary

    def test_the_median_has_days_of_its_own(self):
        """A blocked day has a difference and no median: the line goes across it."""
        slow = Drift(("2026-01-14",), (0.0,), (0.001,), ())
        _, median = differences_over_days(rows(3, outcome="BLOCK"), slow, 28, 0.02).lines
        assert (median.name, median.joined) == ("28-day median", True)
        assert median.values == (None, pytest.approx(0.1), None)

    def test_a_median_that_is_not_there_is_not_named(self):
        """Neither as a line nor in the caption, as long as too few days were counted."""
        early = Drift(("2026-01-14",), (0.0,), (None,), ())
        without, with_median = (
            differences_over_days(rows(3), slow, 28, 0.02)
            for slow in (early, Drift(("2026-01-14",), (0.0,), (0.001,), ()))
        )
        assert [line.name for line in without.lines] == ["candidate − live"]
        assert "median" not in without.caption
        assert "median" in with_median.caption


class TestSummary:
    def test_newest_values_and_bounds_are_said(self):
        """Who does not see the plot hears the unit, the days, the newest value of each line and the bounds."""
        says = precision_over_days(rows(3, precision=0.0302), 0.01, 10).summary
        assert "precision@10, day (UTC) 2026-01-13 to 2026-01-15. Newest: candidate 0.0302" in says
        assert says.endswith("popular tracks 0.0105; floor 0.01.")
        assert (
            "day (UTC) 2026-01-13. Newest: candidate unknown" in precision_over_days(rows(1, **NOTHING), 0, 10).summary
        )

    @pytest.mark.parametrize("cusum", [30.0, 0.0])
    def test_an_alarm_is_said_with_its_sum(self, cusum):
        """The sum and its bound, far apart or not."""
        says = cusum_over_days(Drift(("2026-01-13",), (cusum,), (None,), ()), 8.0).summary
        assert says.endswith(f"Newest: sum of losses (CUSUM) {cusum:.2f}; alarm above 8.")

    def test_a_forest_says_every_row(self):
        """In hits per 100 recommendations."""
        row = {"slice": "new tracks", "users": 1068, "difference": -0.002, "low": None, "high": None, "warned": False}
        forest = slices([row])
        assert forest.rows[0].found.low is None
        assert "hits per 100 recommendations, candidate − live release: new tracks (1,068) -0.200." in forest.summary


class TestRuns:
    def test_a_cold_start_is_a_line_of_its_own(self):
        """Iterations stand on the line of where the training started from; the other has none that day."""
        days = [row | {"iterations": 7 - i, "warm": bool(i)} for i, row in enumerate(rows(2))]
        warm, cold = iterations_over_days(days).lines
        assert (warm.values, cold.values) == ((None, 6), (7, None))

    def test_losses_are_those_of_the_training(self):
        """The last one of each day, and each one of a single training by the number of its iteration."""
        days = [row | {"losses": losses} for row, losses in zip(rows(2), ([], [0.5, 0.4]), strict=True)]
        assert loss_over_days(days).lines[0].values == (None, 0.4)
        single = loss_by_iteration([0.5, 0.4])
        assert (single.points, single.lines[0].values) == (("1", "2"), (0.5, 0.4))

    def test_steps_that_take_no_time_to_speak_of_are_added_up(self):
        """Long steps have a line of their own, all others share one; a date without records has a gap."""
        minutes = {"2026-01-13": {"train_als": 2.0, "gate": 0.5, "publish": 0.25}}
        lines = {line.name: line.values for line in minutes_over_days(rows(2), minutes).lines}
        assert lines == {"train_als": (2.0, None), "other steps": (0.75, None)}

    @pytest.mark.parametrize(("minutes", "unit", "shown"), [(0.5, "seconds", 30), (5, "minutes", 5), (240, "hours", 4)])
    def test_time_has_a_unit_that_suits_the_longest_date(self, minutes, unit, shown):
        """Seconds where no date took a minute, hours where one took three of them."""
        taken = {"2026-01-13": {"train_als": minutes}, "2026-01-14": {"train_als": minutes / 10}}
        plot = minutes_over_days(rows(2), taken)
        assert (plot.unit, plot.lines[0].values[0]) == (unit, pytest.approx(shown))

    def test_the_loss_is_that_of_a_played_pair_where_pairs_are_known(self):
        """Twice the pairs in as many cells: the mean over all cells doubles, a pair costs the same."""
        few = rows(1)[0] | {"losses": [0.01], "pairs": 100, "weight": 10_000.0}
        many = few | {"losses": [0.02], "pairs": 200}
        older = few | {"pairs": None, "weight": None}
        plot = loss_over_days([older, few, many])
        assert plot.lines[0].values == (None, pytest.approx(1.0), pytest.approx(1.0))
        assert plot.unit == "loss a pair"
        assert loss_over_days([older]).lines[0].values == (0.01,)

    def test_streams_and_listeners_are_those_of_the_partition(self):
        """Read and counted rows of each date; a date without partition, or that counted no listeners, has a gap."""
        kept = PartitionFigures(120, 100, {"private": 20}, listeners=7)
        older = PartitionFigures(60, 50, {})
        counted = {"2026-01-13": kept, "2026-01-14": older}
        lines = {line.name: line.values for line in streams_over_days(rows(3), counted).lines}
        assert lines == {"counted": (100, 50, None), "read from the source": (120, 60, None)}
        assert listeners_over_days(rows(3), counted).lines[0].values == (7, None, None)

    def test_a_plot_without_a_value_says_so(self):
        """The pages leave it out."""
        assert not minutes_over_days(rows(2), {}).has_values
        assert recall_over_days(rows(1), 0.95).has_values
