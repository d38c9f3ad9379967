"""Slow decline that no single day shows: a running median, two CUSUMs, and a release chosen as reference.

The gate lets a candidate pass that is 0.2 % worse than the release before it, every day. The three measures add such
days up. They alert and never block. All of them are flattered alike: the candidate has seen the day of the other
listeners, which the release that it is compared with has not.

Where candidates are also compared with a release of a week before (days of few listeners), that lead is what a decline
takes away: 0.2 % a day is 1.4 % of it for as long as it lasts. Its CUSUM runs on (lead - level) / spread, where level
and spread are the median and the robust spread of the days 29 to 84 before, so that no decline is its own measure.

CUSUM (Page 1954), one-sided, on the standardised paired difference z = d / SE of each day:
S_t = max(0, S_{t-1} - z_t - slack), an alarm while S_t > bound. Only days count whose candidate passed or was released:
a blocked one never became part of the chain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_tasks.core.formatting import count, decimal, percent, signed_percent, significant
from recsys_tasks.core.policy import DriftConfig
from recsys_tasks.gate.measured import loss_in
from recsys_tasks.gate.past import usual

Row = Mapping[str, Any]
LEVEL_DAYS = (28, 84)
"""A lead is held against the days so far before it: none that a decline of a month has touched, none of last year."""
LEAST_LEVEL_DAYS = 28
"""Fewer know the level too badly for a sum over weeks."""
REFERENCE_Z = 3.0
"""The candidate is surely worse than the reference when the difference is this many standard errors below zero."""


@dataclass(frozen=True)
class Alarm:
    """One decline: ``key`` stays the same for as long as it lasts."""

    key: str
    text: str


@dataclass(frozen=True)
class Drift:
    """What the days up to the last one come to, one value a counted day, oldest first."""

    days: tuple[str, ...]
    cusum: tuple[float, ...]  # standard errors
    median: tuple[float | None, ...]  # share of the live release's precision; None before half of the days are there
    alarms: tuple[Alarm, ...]  # those that hold on the last day


def drift(rows: Sequence[Row], policy: DriftConfig) -> Drift:
    """Add up the paired differences.

    Args:
        rows: judged dates, oldest first, as ``series`` gives them: day, outcome, release, pair, reference.
        policy: bounds.
    """
    counted = [row for row in rows if _counts(row)]
    paired = [row for row in counted if row["pair"] and row["pair"]["standard_error"] and row["pair"]["incumbent"]]
    cusum = _cusum([row["pair"]["difference"] / row["pair"]["standard_error"] for row in paired], policy.cusum_slack)
    shares = [row["pair"]["difference"] / row["pair"]["incumbent"] for row in paired]
    median = [_median(shares[: i + 1], policy.median_days) for i in range(len(shares))]
    days = tuple(str(row["day"]) for row in paired)
    alarms = [
        *_cusum_alarm(days, cusum, policy),
        *_median_alarm(days, median, policy),
        *_lead_alarm([row for row in counted if row.get("against_earlier")], policy),
        *_reference_alarm([row for row in counted if row["reference"]], policy),
    ]
    return Drift(days, tuple(cusum), tuple(median), tuple(alarms))


def _counts(row: Row) -> bool:
    return row["outcome"] == "PASS" or row["release"] is not None


def _cusum(z: Sequence[float], slack: float) -> list[float]:
    sums, total = [], 0.0
    for value in z:
        total = max(0.0, total - value - slack)
        sums.append(total)
    return sums


def _median(shares: Sequence[float], days: int) -> float | None:
    window = shares[-days:]
    return float(np.median(window)) if 2 * len(window) >= days else None


def _since(days: Sequence[str], bad: Sequence[bool]) -> str | None:
    """First day of the run of bad days that lasts to the end; None when the last day is not bad."""
    start = None
    for day, is_bad in zip(days, bad, strict=True):
        start = (start or day) if is_bad else None
    return start


def _cusum_alarm(days: Sequence[str], cusum: Sequence[float], policy: DriftConfig) -> list[Alarm]:
    since = _since(days, [value > 0 for value in cusum])
    if since is None or cusum[-1] <= policy.cusum_bound:
        return []
    text = (
        f"precision declines slowly since {since}: the losses of single days against the release before add up to "
        f"{decimal(cusum[-1], 1)} standard errors (CUSUM, bound {significant(policy.cusum_bound)})"
    )
    return [Alarm(f"cusum-{since}", text)]


def _median_alarm(days: Sequence[str], median: Sequence[float | None], policy: DriftConfig) -> list[Alarm]:
    since = _since(days, [value is not None and value < -policy.median_loss for value in median])
    if since is None:
        return []
    loss = percent(-float(median[-1] or 0), 2)
    text = f"half of the last {policy.median_days} days lost more than {loss} each (since {since})"
    return [Alarm(f"median-{since}", text)]


def _lead_alarm(rows: Sequence[Row], policy: DriftConfig) -> list[Alarm]:
    """The decline of the lead over a release of a week before."""
    leads = [loss_in(row["against_earlier"]) for row in rows]
    known = [(str(row["day"]), lead) for row, lead in zip(rows, leads, strict=True) if lead]
    days, z = [], []
    for place, (day, lead) in enumerate(known):
        before = [earlier for _, earlier in known[max(0, place - LEVEL_DAYS[1]) : max(0, place - LEVEL_DAYS[0])]]
        level = usual([earlier.share for earlier in before])
        if level is not None and level.days >= LEAST_LEVEL_DAYS:
            days.append(day)
            z.append((lead.share - level.median) / max(level.spread, lead.error))
    sums = _cusum(z, policy.cusum_slack)
    since = _since(days, [value > 0 for value in sums])
    if since is None or sums[-1] <= policy.cusum_bound:
        return []
    text = (
        f"candidates lead a release of a week before by less and less since {since}: the losses add up to "
        f"{decimal(sums[-1], 1)} spreads of such days (CUSUM, bound {significant(policy.cusum_bound)})"
    )
    return [Alarm(f"lead-{since}", text)]


def _reference_alarm(rows: Sequence[Row], policy: DriftConfig) -> list[Alarm]:
    if not rows or rows[-1]["reference"]["release"] != policy.reference_release:
        return []
    rows = [row for row in rows if row["reference"]["release"] == policy.reference_release]
    bad = [_is_worse(row["reference"]) for row in rows]
    since = _since([str(row["day"]) for row in rows], bad)
    if since is None:
        return []
    last = rows[-1]["reference"]
    text = (
        f"surely worse than the reference, release {last['release']}, since {since}: "
        f"{signed_percent(last['difference'] / last['incumbent'], 1, '-')} on {count(last['users'])} listeners"
    )
    return [Alarm(f"reference-{last['release']}-{since}", text)]


def _is_worse(pair: Mapping[str, Any]) -> bool:
    error = pair["standard_error"]
    return bool(error and pair["incumbent"] and pair["difference"] + REFERENCE_Z * error < 0)
