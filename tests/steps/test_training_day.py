"""What a day is trained on, as one matrix."""

from dataclasses import dataclass

import pytest

from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.row_ranges import NARROW_PAIRS
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
