"""The table of two checkouts' days says what a change cost."""

from benchmarks.before_and_after import DayRun, Round, row, table_of
from benchmarks.synthetic import Service


def day(train: float, index: float) -> DayRun:
    """A run of two steps, which took so many seconds."""
    return DayRun({"train_als": train, "build_index": index}, train + index + 1.0, train + index, 100.0 * index)


ROUNDS = [
    Round(day(2.0, 1.0), day(3.0, 1.0)),
    Round(day(4.0, 1.0), day(4.0, 1.0)),
    Round(day(8.0, 1.0), day(10.0, 2.0)),
]


def test_a_ratio_is_the_median_of_the_days_ratios():
    """A day is compared with the same day of the other checkout: 1.5, 1 and 1.25 times give 1.25."""
    found = row("train_als", ROUNDS, lambda run: run.steps["train_als"])

    assert (found["before"], found["after"]) == ("4.00 s", "4.00 s")
    assert (found["after / before"], found["lowest to highest"]) == ("1.250", "1.000 to 1.500")


def test_a_step_that_takes_no_time_has_no_ratio():
    """Seconds are recorded to the millisecond, and nothing is divided by zero."""
    idle = [Round(day(0.0, 1.0), day(0.0, 1.0))]

    assert row("train_als", idle, lambda run: run.steps["train_als"])["after / before"] == ""


def test_the_table_has_the_steps_and_the_sums():
    """Below the steps, in their order, stand all steps together, the whole process and its processor time."""
    table = table_of(Service(10, 10, 10, 17), "small", ROUNDS)

    assert [found["step"] for found in table.extra] == ["train_als", "build_index", "all steps", "whole process", "CPU"]
    assert "100 MB before, 200 MB after" in table.about
