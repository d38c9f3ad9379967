"""The gate: figures, the days before and the policy in, a verdict with its reasons out. Nothing else is looked at.

In this order, each rule with its name:

- exact: an exact check failed: BLOCK, which nobody can override.
- users: too few scored listeners: HOLD.
- collapse: the live release or the popular tracks fell far below their own last days (or the candidate did, where
  nobody stands beside it): HOLD, and the day is quarantined.
- floor: precision below the floor: BLOCK.
- popular: not above the popular tracks, paired over the same listeners: BLOCK beyond the error, HOLD within it.
- incumbent: paired against the live release, d = candidate - incumbent with its standard error. PASS where a loss of
  the margin is excluded (d - pass_z * SE > -margin, non-inferiority), or where the listeners are too few to exclude
  it and the loss found is within chance (d > -hold_z * SE). Else BLOCK where it is surely a loss, else HOLD. Joined
  components are asked twice: joined as the live release joins its own, which the day taught nothing, and as they are.
- pooled: over several days worse than over the days before, each against a release of a week before: HOLD.

Margins and losses are shares of the other model's mean. Where the listeners are too few for lists of length k, both
models' long lists are compared as well (``evidence``); precision@k stays the headline and the floor. No account counts
more than ``evaluation.influence`` lets it. Everything else that is measured warns, explains, and decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys_tasks.core.domain import Figures, Verdict
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.estimates import PerUser
from recsys_tasks.gate import rules, wording
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.collapse import falls
from recsys_tasks.gate.measured import loss_in, measured, without_influential
from recsys_tasks.gate.past import Loss, PastDay
from recsys_tasks.gate.pooled import Ordinary, ordinary, pooled

AS_IS = "as_is"
"""The comparison of a candidate whose components are joined by what its own day taught, as it would be published."""
RUIN_Z = 4.0
"""Where long lists decide, precision@k alone stops a candidate only at a loss of so many standard errors."""


@dataclass(frozen=True)
class Beside:
    """What a candidate is judged beside."""

    no_incumbent: str = ""  # why there is nobody to compare with; empty where there is
    earlier: int | None = None  # number of the release of a week before
    past: Sequence[PastDay] = ()  # the judged days before that count, oldest first
    accepted: bool = False  # a person vouched for the day's streams, so that a collapse stops nothing


def judge(checks: Sequence[Check], per_user: PerUser, beside: Beside, policy: GateConfig) -> Verdict:
    """Decide on one candidate.

    Args:
        checks: the exact checks, all of them.
        per_user: the columns of an evaluation, (n_scored,) each: at least ``candidate_precision``,
            ``popularity_precision`` and, where there is an incumbent, ``candidate_common_precision`` and
            ``incumbent_common_precision`` (NaN: not asked); ``weight`` and ``twins`` where accounts count differently.
        beside: live release, an earlier one and the days before.
        policy: the bounds.
    """
    verdict = _decided(checks, measured(per_user, policy), beside, policy)
    if verdict.exact or verdict.figures["rule"] == rules.USERS:
        return verdict
    rest = without_influential(per_user)
    lenient = policy.model_copy(update={"min_users": 2})
    again = _decided((), measured(rest, policy), beside, lenient)
    verdict.figures["without_influential"] = {"outcome": again.outcome, "users": again.figures["users"]}
    if again.outcome != verdict.outcome:
        verdict.figures["warnings"].append(wording.few_decide(again.outcome))
    return verdict


def _decided(checks: Sequence[Check], figures: Figures, beside: Beside, policy: GateConfig) -> Verdict:
    """What the first rule says that has something to say."""
    failed = tuple(str(check) for check in checks if not check.passed)
    if failed:
        return _verdict("BLOCK", rules.EXACT, failed, figures)
    if figures["users"] < policy.min_users:
        return _verdict("HOLD", rules.USERS, (wording.too_few(figures["users"], policy),), figures)
    fallen = falls(figures, beside.past, policy)
    if not beside.accepted and any(fall.of_the_day or beside.no_incumbent for fall in fallen):
        return _verdict("HOLD", rules.COLLAPSE, tuple(map(wording.fallen, fallen)), figures)
    if figures["precision"] < policy.floor:
        return _verdict("BLOCK", rules.FLOOR, (wording.below_floor(figures, policy),), figures)
    if refused := _not_above_popular(figures, policy):
        return refused
    if beside.no_incumbent:
        return _verdict("PASS", rules.NONE, (wording.above_popular(figures), beside.no_incumbent), figures)
    return _against_releases(figures, beside, policy)


def _not_above_popular(figures: Figures, policy: GateConfig) -> Verdict | None:
    """BLOCK where the candidate is surely below the popular tracks, or has no hit; HOLD where it is not above them.

    By the long lists where there are any; by precision@k a candidate is refused beside them only where it is sure. Long
    lists of joined components are not those that would be published, and say nothing of it.
    """
    asked = ("lead",) if AS_IS in figures else ("lead_evidence", "lead")
    leads = {name: figures[name] for name in asked if figures.get(name)}
    for name, lead in leads.items():
        own = lead["incumbent"] + lead["difference"]
        sure = lead["difference"] + policy.block_z * (lead["standard_error"] or 0.0) < 0 or own <= 0
        if sure or (lead["difference"] <= 0 and name == next(iter(leads))):
            reason = wording.not_above_popular(lead, name == "lead_evidence")
            return _verdict("BLOCK" if sure else "HOLD", rules.POPULAR, (reason,), figures)
    return None


def _verdict(outcome: str, rule: str, reasons: tuple[str, ...], figures: Figures) -> Verdict:
    return Verdict(outcome, reasons, exact=rule == rules.EXACT, figures=figures | {"rule": rule})


def _against_releases(figures: Figures, beside: Beside, policy: GateConfig) -> Verdict:
    """The comparison with the live release on this day, then that with an earlier one over the last days."""
    pair = figures["pair"]
    if pair["users"] < policy.min_users:
        return _verdict("HOLD", rules.USERS, (wording.too_few_common(pair["users"], policy),), figures)
    if pair["incumbent"] <= 0:
        return _verdict("HOLD", rules.INCUMBENT, (wording.NO_HIT,), figures)
    compared = _views(figures, ("evidence", "pair"), ordinary(beside.past, policy.history_days), policy)
    as_is = _views(figures, (AS_IS,), ordinary(beside.past, policy.history_days, as_is=True), policy)
    if lost := sorted((view for view in (*compared, *as_is) if view.lost), key=lambda view: not view.sure):
        reasons = tuple(wording.loses(figures, view.name, view.loss, policy, view.sure) for view in lost)
        stopped = figures | ({"stopped_by": AS_IS} if lost[0].name == AS_IS else {})
        return _verdict("BLOCK" if lost[0].sure else "HOLD", rules.INCUMBENT, reasons, stopped)
    fall = pooled(loss_in(figures.get("earlier")), beside.past, policy)
    if fall is not None:
        figures = figures | {"pooled": vars(fall)}
        if fall.z < -policy.pooled_z and fall.today < -policy.margin:
            return _verdict("HOLD", rules.POOLED, (wording.fell_over_days(fall, beside.earlier, policy),), figures)
    reasons = (wording.above_popular(figures), wording.holds(figures, compared[0].name, compared[0].loss, policy))
    return _verdict("PASS", rules.NONE, reasons, figures)


@dataclass(frozen=True)
class View:
    """One comparison with the live release."""

    name: str  # of the figure
    loss: Loss  # its error as wide as ordinary days of this service scatter
    lost: bool  # that is not let pass
    sure: bool  # and surely so


def _views(figures: Figures, names: Sequence[str], usually: Ordinary, policy: GateConfig) -> list[View]:
    """What the comparisons of these names say, as far as there are any, up to one that stops the candidate: the first
    decides, the others stop it only where it is ruined."""
    views: list[View] = []
    for name in names:
        if (found := loss_in(figures.get(name))) is None:
            continue
        loss = Loss(found.share, float(np.hypot(found.error, usually.scatter)))
        lost = loss.share <= -RUIN_Z * loss.error if views else not _allowed(loss, usually.lead, policy)
        sure = lost and loss.share + policy.block_z * loss.error < 0 and loss.share < -policy.block_loss
        views.append(View(name, loss, lost, sure))
        if lost:
            break
    return views


def _allowed(loss: Loss, lead: float, policy: GateConfig) -> bool:
    """Whether a loss of the margin is excluded; where the day is too small for that, whether the loss is within chance.

    Chance is reckoned from the lead that candidates usually have; but nothing within the margin is called a loss.
    """
    if loss.error <= policy.fine_error:
        return loss.share > policy.pass_z * loss.error - policy.margin
    return loss.share > min(-policy.margin, lead - policy.hold_z * loss.error)
