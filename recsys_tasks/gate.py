"""The gate: figures and policy in, a verdict with its reasons out. Nothing else is looked at.

In this order: (a) exact checks, any failure is a BLOCK that nobody can override; (b) too few scored users: HOLD;
(c) below the floor or not above popularity: BLOCK; (d) paired over the same users against the incumbent,
d = candidate - incumbent with its standard error: PASS if d - pass_z * SE > -margin (non-inferiority), BLOCK if
d + block_z * SE < 0 and d is a loss beyond block_loss, else HOLD. Margins are shares of the incumbent's mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks.config import GateConfig
from recsys_tasks.domain import Figures, Verdict


@dataclass(frozen=True)
class Check:
    """An exact check: what was looked at, what was found, what was asked."""

    name: str
    passed: bool
    found: str
    asked: str

    def __str__(self) -> str:
        return f"{self.name}: {self.found}, asked: {self.asked}"


def judge(
    checks: Sequence[Check],
    per_user: dict[str, npt.NDArray[np.float64]],
    no_incumbent: str,
    policy: GateConfig,
) -> Verdict:
    """Decide on one candidate.

    Args:
        checks: the exact checks, all of them.
        per_user: per scored user, ``candidate_precision``, ``popularity_precision`` and, where there is an incumbent,
            ``candidate_common_precision`` and ``incumbent_common_precision`` (NaN: not asked).
        no_incumbent: why there is nobody to compare with; empty where there is.
        policy: the bounds.
    """
    failed = [str(check) for check in checks if not check.passed]
    users = len(per_user["candidate_precision"])
    figures: Figures = {"users": users}
    if users:
        figures["precision"] = float(per_user["candidate_precision"].mean())
        figures["popularity"] = float(per_user["popularity_precision"].mean())
    if failed:
        return Verdict("BLOCK", tuple(failed), exact=True, figures=figures)
    if users < policy.min_users:
        reason = f"only {users} listeners could be scored; a verdict needs {policy.min_users}"
        return Verdict("HOLD", (reason,), exact=False, figures=figures)
    absolute = _absolute_reasons(figures, policy)
    if absolute:
        return Verdict("BLOCK", absolute, exact=False, figures=figures)
    if no_incumbent:
        return Verdict("PASS", (_above_popularity(figures), no_incumbent), exact=False, figures=figures)
    return _against_incumbent(per_user, figures, policy)


def paired_difference(candidate: npt.NDArray[np.float64], incumbent: npt.NDArray[np.float64]) -> Figures:
    """Mean difference over the users that both were asked for, its standard error, and the incumbent's mean."""
    both = ~np.isnan(candidate) & ~np.isnan(incumbent)
    d = candidate[both] - incumbent[both]
    n = len(d)
    return {
        "users": n,
        "difference": float(d.mean()) if n else 0.0,
        "standard_error": float(d.std(ddof=1) / np.sqrt(n)) if n > 1 else float("inf"),
        "incumbent": float(incumbent[both].mean()) if n else 0.0,
    }


def _absolute_reasons(figures: Figures, policy: GateConfig) -> tuple[str, ...]:
    precision, popularity = figures["precision"], figures["popularity"]
    reasons = []
    if precision < policy.floor:
        reasons.append(f"precision {precision:.4f} is below the floor of {policy.floor:.4f}")
    if precision <= popularity:
        reasons.append(f"precision {precision:.4f} is not above that of the popular tracks, {popularity:.4f}")
    return tuple(reasons)


def _above_popularity(figures: Figures) -> str:
    return f"precision {figures['precision']:.4f} is above that of the popular tracks, {figures['popularity']:.4f}"


def _against_incumbent(per_user: dict[str, npt.NDArray[np.float64]], figures: Figures, policy: GateConfig) -> Verdict:
    pair = paired_difference(per_user["candidate_common_precision"], per_user["incumbent_common_precision"])
    figures = figures | {"pair": pair}
    mean, d, error = pair["incumbent"], pair["difference"], pair["standard_error"]
    if pair["users"] < policy.min_users:
        reason = f"only {pair['users']} listeners can be compared with the live release; {policy.min_users} are needed"
        return Verdict("HOLD", (reason,), exact=False, figures=figures)
    if mean <= 0:
        reason = "the live release had no hit at all, so that no share of it can be asked"
        return Verdict("HOLD", (reason,), exact=False, figures=figures)
    low, high = d - policy.pass_z * error, d + policy.block_z * error
    said = f"against the live release {d / mean:+.2%} (standard error {error / mean:.2%}, {pair['users']} listeners)"
    if low > -policy.margin * mean:
        return Verdict(
            "PASS",
            (_above_popularity(figures), f"{said}: surely not worse by {policy.margin:.0%}"),
            exact=False,
            figures=figures,
        )
    if high < 0 and d < -policy.block_loss * mean:
        return Verdict("BLOCK", (f"{said}: surely worse",), exact=False, figures=figures)
    reason = f"{said}: a loss of {policy.margin:.0%} cannot be excluded, nor be shown"
    return Verdict("HOLD", (reason,), exact=False, figures=figures)
