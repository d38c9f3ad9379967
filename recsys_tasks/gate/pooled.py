"""Evidence of several days: what one day of few listeners cannot decide, three or seven can.

Every candidate is also compared with a release that is a week older. That difference stays what it is while nothing is
wrong, so the mean of the last days is held against the mean of the days before them. A loss that passed on its first
day is in the live release from then on, and the comparison with the live release cannot see it any more; that with the
release of a week before sees it for seven days. Assumed: days are independent (a listener who is scored twice makes the
evidence a little weaker than it is said to be), and a week's lead stays the same over two months.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.past import Loss, PastDay, usual

WINDOWS = (1, 3, 7)
"""Days that are pooled, the judged one among them."""
LEAST_BEFORE = 7
"""Fewer days before a window are no level to fall from."""


@dataclass(frozen=True)
class Pooled:
    """The window in which the fall is clearest."""

    days: int
    before: int  # days that it is compared with
    share: float  # mean difference to the days before, as a share of the earlier release
    error: float  # its standard error
    today: float  # the same of the judged day alone

    @property
    def z(self) -> float:
        """The difference in standard errors."""
        return self.share / self.error


@dataclass(frozen=True)
class Ordinary:
    """How candidates of ordinary days compare with the release that is live then, as shares of its mean."""

    lead: float = 0.0  # a candidate knows a day more; 0 at the least
    scatter: float = 0.0  # how far such days differ beyond their standard errors: cold starts, weekends


def ordinary(past: Sequence[PastDay], days: int, as_is: bool = False) -> Ordinary:
    """What the last days say; no lead and no scatter while they are too few.

    Args:
        past: the days before that count, oldest first.
        days: so many of them.
        as_is: of candidates whose components are joined by what the day itself taught.
    """
    losses = (day.as_is if as_is else day.against_live for day in past[-days:])
    known = [loss for loss in losses if loss]
    found = usual([loss.share for loss in known])
    if found is None or found.days < LEAST_BEFORE:
        return Ordinary()
    chance = float(np.median([loss.error for loss in known]))
    return Ordinary(max(0.0, found.median), float(np.sqrt(max(0.0, found.spread**2 - chance**2))))


def pooled(today: Loss | None, past: Sequence[PastDay], policy: GateConfig) -> Pooled | None:
    """The clearest fall over the last days; None where there is no history to say, or nothing fell.

    Args:
        today: the candidate against the earlier release.
        past: the days before that count, oldest first.
        policy: how many days before.
    """
    if today is None:
        return None
    known = [*(day.against_earlier for day in past if day.against_earlier), today]
    found = [_window(known, days, policy.history_days) for days in WINDOWS]
    return min((each for each in found if each), key=lambda each: each.z, default=None)


def _window(losses: Sequence[Loss], days: int, history: int) -> Pooled | None:
    last, before = losses[-days:], losses[-days - history : -days]
    if len(last) < days or len(before) < LEAST_BEFORE:
        return None
    now, then = (np.log1p([max(-0.99, loss.share) for loss in some]) for some in (last, before))
    error = np.sqrt(np.mean([loss.error**2 for loss in losses]))  # of one day
    level = usual(then.tolist())
    scatter = max(float(error), level.spread if level else 0.0)
    spread = scatter * float(np.sqrt(1 / len(last) + 1 / len(before)))
    base = float(then.mean())
    return Pooled(days, len(before), float(now.mean()) - base, spread, float(now[-1]) - base)
