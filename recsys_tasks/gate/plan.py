"""What the gate can see on a service, from its own judged days: the error of a day, HOLDs a year, losses it finds.

Everything follows from two errors, that of the comparison with the live release and that with one of a week before, as
the service's own days had them. Days are drawn (by a fixed seed) as independent normal figures with these errors, and
judged by the very rules of the gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.special import ndtr, ndtri

from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.past import Loss, PastDay, usual
from recsys_tasks.gate.pooled import LEAST_BEFORE, WINDOWS, ordinary, pooled

FOUND = 0.95
"""A loss counts as found when it is stopped in so many of a hundred cases."""
DAYS_A_YEAR = 365
YEARS = 5
"""Years of ordinary days that are drawn to count the HOLDs that pooling brings."""
EPOCH = date(2000, 1, 1)


@dataclass(frozen=True)
class Plan:
    """What to expect of a policy on a service. Shares are of the other model's mean."""

    days: int  # judged days that it rests on
    error: float  # standard error of a day against the live release
    earlier_error: float | None  # against a release of a week before, None where no day was
    holds_of_a_day: float  # HOLDs or BLOCKs a year of sound candidates, from single days
    holds_of_several: float  # and from several days together
    found_in: dict[int, float]  # days -> smallest loss that is stopped within them in 95 of 100 cases
    margin: float  # the smallest at which one day both excludes it and holds once a year at the most
    listeners_factor: float  # so many times the listeners would let one day decide at the present margin


def plan(past: Sequence[PastDay], policy: GateConfig) -> Plan | None:
    """What the gate can see, and what it will cost; None where no day was compared with a live release.

    Args:
        past: the judged days that count, oldest first.
        policy: the bounds.
    """
    against = [day.against_live for day in past if day.against_live]
    beside = [day.against_earlier for day in past if day.against_earlier]
    if not against:
        return None
    lead = usual([loss.share for loss in against])
    error = float(np.hypot(np.median([loss.error for loss in against]), ordinary(past, policy.history_days).scatter))
    earlier = float(np.median([loss.error for loss in beside])) if beside else None
    needed = policy.fine_error
    return Plan(
        days=len(against),
        error=error,
        earlier_error=earlier,
        holds_of_a_day=DAYS_A_YEAR * float(ndtr(-(_let_pass(error, policy) + (lead.median if lead else 0.0)) / error)),
        holds_of_several=_holds_of_several(earlier, policy) if earlier else 0.0,
        found_in={days: _smallest(days, error, earlier, policy) for days in WINDOWS},
        margin=(policy.pass_z + policy.hold_z) * error,
        listeners_factor=(error / needed) ** 2,
    )


def _let_pass(error: float, policy: GateConfig) -> float:
    """The loss up to which one day lets a candidate pass that usually neither leads nor lags."""
    if error <= policy.fine_error:
        return policy.margin - policy.pass_z * error
    return max(policy.margin, policy.hold_z * error)


def _smallest(days: int, error: float, earlier: float | None, policy: GateConfig) -> float:
    """The smallest loss that is stopped within so many days: by the first one, or by as many together as there are."""
    z = float(ndtri(FOUND))
    of_a_day = _let_pass(error, policy) + z * error
    if earlier is None or days == 1:
        return of_a_day
    together = earlier * float(np.sqrt(1 / days + 1 / policy.history_days))
    return min(of_a_day, (policy.pooled_z + z) * together)


def _holds_of_several(error: float, policy: GateConfig) -> float:
    """HOLDs a year that pooling brings while nothing changes."""
    shares = np.random.default_rng(1).normal(0.0, error, YEARS * DAYS_A_YEAR)
    days = [
        PastDay(
            EPOCH + timedelta(days=i),
            against_earlier=Loss(share, error),
        )
        for i, share in enumerate(shares.tolist())
    ]
    held = 0
    for i in range(LEAST_BEFORE, len(days)):
        fall = pooled(days[i].against_earlier, days[max(0, i - 2 * policy.history_days) : i], policy)
        held += bool(fall and fall.z < -policy.pooled_z and fall.today < -policy.margin)
    return held / YEARS
