"""A day on which everything falls together: not the candidate is at fault, but what it was asked.

The live release and the popular tracks were made before the day, so that nothing of the candidate can spoil what they
score on it. Where one of them scores far less than on its own days before, the day's streams are not what they were:
ids that moved, rows of another table, a catalogue under new ids. So it is where the live release is no longer better
than the popular tracks by as much as it was: the day's listeners do not play what they like.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys_tasks.core.domain import Figures
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.measured import LONG, levels_in
from recsys_tasks.gate.past import PastDay, Usual, usual

LEAST_DAYS = 7
"""Fewer days before are no history to call a day a collapse by."""
FEW_DAYS = 7.0
"""A spread of n days is taken as 1 + 7 / n times itself: of few days it is known badly, and often too small."""
WITNESSES = ("live", "popular", "taste")
"""Whose fall speaks of the day; the candidate's alone speaks of the candidate."""


@dataclass(frozen=True)
class Fall:
    """A figure far below its own days before."""

    who: str  # candidate, live, popular or taste (live beside popular)
    found: float
    usual: float  # median
    least: float  # that would have been no fall
    days: int
    first: str  # date of the first and of the last day that it is compared with
    last: str

    @property
    def of_the_day(self) -> bool:
        """Whether the day is at fault, and not the candidate."""
        return self.who in WITNESSES


def falls(figures: Figures, past: Sequence[PastDay], policy: GateConfig) -> list[Fall]:
    """What fell on this day: candidate, live release, popular tracks and taste, each against its own last days.

    A fall is a loss of more than ``collapse_loss``, and of more than ``collapse_spreads`` of what such days differ by,
    their own robust spread on the logarithm.

    Args:
        figures: of the day, as ``measured`` gives them.
        past: the days before that count, oldest first.
        policy: bounds.
    """
    levels = levels_in(figures)
    return [fall for who in ("candidate", *WITNESSES) if (fall := _fall(who, levels, past, policy))]


def _fall(who: str, levels: Mapping[str, float], past: Sequence[PastDay], policy: GateConfig) -> Fall | None:
    """By the long lists where enough days before had them, for these say more; else by precision@k."""
    for name in (f"{who}{LONG}", who):
        known = [(day.day, day.levels[name]) for day in past if day.levels.get(name)][-policy.history_days :]
        before = usual([float(np.log(earlier)) for _, earlier in known])
        if name in levels and before is not None and before.days >= LEAST_DAYS:
            least = _least(before, policy)
            level, days = float(np.exp(before.median)), [day.isoformat() for day, _ in known]
            fell = levels[name] < least
            return Fall(who, levels[name], level, least, before.days, days[0], days[-1]) if fell else None
    return None


def _least(before: Usual, policy: GateConfig) -> float:
    """The level below which a figure has fallen. before: of its logarithm."""
    level, spread = float(np.exp(before.median)), before.spread * float(1 + FEW_DAYS / before.days)
    return level * min(1 - policy.collapse_loss, float(np.exp(-policy.collapse_spreads * spread)))
