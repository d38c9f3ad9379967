"""What a day is trained on, as one matrix, and whose factors it does not begin with."""

from dataclasses import dataclass

import pytest

from recsys_tasks.core.errors import BadData
from recsys_tasks.gate.rules import COLLAPSE, INCUMBENT, POOLED
from recsys_tasks.matrix.row_ranges import NARROW_PAIRS
from recsys_tasks.steps.train import _is_worse
from recsys_tasks.steps.training_day import TrainingDay


@dataclass
class Pairs:
    """Plays of which nothing but their number is known."""

    nnz: int


def test_more_pairs_than_32_bits_can_number_are_refused():
    """Pointers of 32 bits would begin again below zero, and all but the first pairs be lost without a word."""
    of = TrainingDay(None, None)
    of.training = Pairs(NARROW_PAIRS + 1)
    with pytest.raises(BadData, match=r"2,147,483,648 pairs .* \[blend\] components"):
        of.whole_training()


@pytest.mark.parametrize(
    ("outcome", "rule", "worse"),
    [
        ("BLOCK", None, True),
        ("HOLD", INCUMBENT, True),
        ("HOLD", POOLED, True),
        ("HOLD", COLLAPSE, False),
        ("HOLD", None, False),
        ("PASS", INCUMBENT, False),
    ],
)
def test_factors_that_are_worse_are_passed_on_to_no_training(outcome, rule, worse):
    """Blocked, or held as worse than the live release on one day or over several; not for the day, or too few."""
    assert _is_worse({"outcome": outcome, "figures": {"rule": rule}}) is worse
