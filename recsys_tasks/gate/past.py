"""What the judged days before say of an ordinary day: the witness that a single day is held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recsys_tasks.core.domain import Day
from recsys_tasks.core.records import Json, as_json
from recsys_tasks.partitions.shape_checks import NORMAL_MAD


@dataclass(frozen=True)
class Loss:
    """A paired difference as a share of the other model's mean, with its standard error; below 0: a loss."""

    share: float
    error: float


@dataclass(frozen=True)
class PastDay:
    """One judged date that counts; it was not stopped for what it is."""

    day: Day
    levels: Mapping[str, float] = field(default_factory=dict)  # what candidate, live release, popular tracks scored
    against_live: Loss | None = None  # this and the next of a candidate that passed, or was released
    against_earlier: Loss | None = None  # against a release of a week before
    as_is: Loss | None = None  # against the live release, by what the day itself taught to join its components

    def to_json(self) -> Json:
        """The stored form; where nothing is joined, it is what it was before anything could be."""
        stored = as_json(self)
        return stored if self.as_is else {name: stored[name] for name in stored if name != "as_is"}


@dataclass(frozen=True)
class Usual:
    """What a figure usually is."""

    median: float
    spread: float  # robust standard deviation
    days: int


def usual(values: Sequence[float]) -> Usual | None:
    """Median and robust spread of the days before; None without any."""
    if not values:
        return None
    found = np.asarray(values, dtype=np.float64)
    median = float(np.median(found))
    return Usual(median, NORMAL_MAD * float(np.median(np.abs(found - median))), len(found))
