"""The gate: figures and policy in, a verdict with its reasons out. Nothing else is looked at.

In this order: (a) exact checks, any failure is a BLOCK that nobody can override; (b) too few scored users: HOLD;
(c) below the floor or not above popularity: BLOCK; (d) paired over the same users against the incumbent,
d = candidate - incumbent with its standard error: PASS if d - pass_z * SE > -margin (non-inferiority), BLOCK if
d + block_z * SE < 0 and d is a loss beyond block_loss, else HOLD. Margins are shares of the incumbent's mean.

Everything else that is measured (slices, the reference release, the honest figure) stands in the verdict's figures,
warns and explains, and decides nothing.
"""

from collections.abc import Sequence

from recsys_tasks.core.domain import Figures, Verdict
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.estimates import Z_95, PerUser, mean_and_error, paired_difference, slices
from recsys_tasks.gate.check import Check


def judge(checks: Sequence[Check], per_user: PerUser, no_incumbent: str, policy: GateConfig) -> Verdict:
    """Decide on one candidate.

    Args:
        checks: the exact checks, all of them.
        per_user: the columns of an evaluation, (n_scored,) each: at least ``candidate_precision``,
            ``popularity_precision`` and, where there is an incumbent, ``candidate_common_precision`` and
            ``incumbent_common_precision`` (NaN: not asked).
        no_incumbent: why there is nobody to compare with; empty where there is.
        policy: the bounds.
    """
    figures = measured(per_user, policy)
    users = figures["users"]
    failed = [str(check) for check in checks if not check.passed]
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
    return _against_incumbent(figures, policy)


def measured(per_user: PerUser, policy: GateConfig) -> Figures:
    """What the figures of single users come to: means with standard errors, paired differences, slices."""
    users = len(per_user["candidate_precision"])
    figures: Figures = {"users": users, "slices": [], "warnings": []}
    if not users:
        return figures
    for name, who in (("precision", "candidate"), ("popularity", "popularity")):
        figures[name], figures[f"{name}_error"] = mean_and_error(per_user[f"{who}_precision"])
    if "incumbent_precision" in per_user:
        mean, error = mean_and_error(per_user["incumbent_precision"])
        figures["honest"] = {"precision": mean, "error": error, "users": users}
    if "reference_precision" in per_user:
        pair = (per_user["candidate_reference_precision"], per_user["reference_precision"])
        figures["reference"] = paired_difference(*pair, policy.training_noise)
    if "incumbent_common_precision" in per_user:
        common = (per_user["candidate_common_precision"], per_user["incumbent_common_precision"])
        pair_figures = paired_difference(*common, policy.training_noise)
        d, half = pair_figures["difference"], Z_95 * (pair_figures["standard_error"] or 0.0)
        figures |= {"pair": pair_figures, "low": d - half, "high": d + half}
        figures["slices"] = slices(per_user, policy)
        figures["warnings"] = [_warning(row) for row in figures["slices"] if row["warned"]]
    return figures


def _warning(row: Figures) -> str:
    share = row["difference"] / row["incumbent"] if row["incumbent"] else 0.0
    return f"{row['slice']}: {share:+.1%} against the live release ({row['users']} listeners, p = {row['p']:.2g}, Holm)"


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


def _against_incumbent(figures: Figures, policy: GateConfig) -> Verdict:
    pair = figures["pair"]
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
