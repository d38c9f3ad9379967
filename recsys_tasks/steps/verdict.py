"""The gate: a verdict on stored figures, and the same verdict again from these files alone."""

from dataclasses import replace

from recsys_tasks.core.domain import Day, Figures, Verdict
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.core.records import from_json
from recsys_tasks.evaluation.joined_later import JoinedLater
from recsys_tasks.gate import rules, wording
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.drift import drift
from recsys_tasks.gate.past import PastDay
from recsys_tasks.gate.verdict import Beside, judge
from recsys_tasks.partitions.checked import COLLAPSE, Acceptance
from recsys_tasks.partitions.data_quality import OK, DataCheck
from recsys_tasks.release.bundles import GATED
from recsys_tasks.release.judgements import JudgedFigures, Judgement, Judgements
from recsys_tasks.release.series import series
from recsys_tasks.release.stored_verdicts import JudgedAgain
from recsys_tasks.steps.results import Judged
from recsys_tasks.steps.stored_models import own_partition
from recsys_tasks.steps.workplace import Workplace


def gate(at: Workplace, day: Day, name: str) -> Judged:
    """Store and return the verdict on stored figures, with the alarms of slow drift that hold on this day.

    Args:
        at: store and configuration (the policy).
        day: of the candidate.
        name: of the judgement, ``<candidate>-<incumbent>``.
    """
    judgement = Judgement(day, name)
    verdict = at.judgements.verdict(judgement) if at.judgements.is_judged(judgement) else decide(at, judgement)
    if verdict.figures.get("rule") == rules.COLLAPSE and (word := _accepted(at, judgement)):
        verdict = _decide_again(at, judgement, word)
    at.progress(f"{verdict.outcome}: {'; '.join(verdict.reasons)}")
    alarms = drift(series(at.store, day), at.config.drift).alarms
    for warning in (*verdict.figures["warnings"], *(alarm.text for alarm in alarms)):
        at.progress(f"warning: {warning}")
    candidate = at.judgements.key(judgement).candidate
    return Judged(day, candidate, name, verdict.outcome, verdict.reasons, verdict.exact, verdict.figures, alarms)


def decide(at: Workplace, judgement: Judgement) -> Verdict:
    """Judge stored figures by the policy, and store the verdict; a day that collapsed is quarantined."""
    judged, accepted = at.judgements.load(judgement), _accepted(at, judgement) is not None
    verdict = verdict_on(judged, at.config.gate, accepted)
    at.judgements.save_verdict(judgement, judged.artefact.digest, at.config.gate, verdict, accepted)
    verdict = at.judgements.verdict(judgement)
    if verdict.figures.get("rule") == rules.COLLAPSE:
        _quarantine(at, judgement, verdict)
    return verdict


def _quarantine(at: Workplace, judgement: Judgement, verdict: Verdict) -> None:
    """Keep that the day of a candidate collapsed: the next run folds it as an empty one."""
    partition = own_partition(at, at.bundles.key(at.judgements.key(judgement).candidate))
    if partition is not None:
        at.checked.save_collapse(judgement.day, partition, "; ".join(verdict.reasons))
        at.progress(f"{judgement.day} is quarantined: later days are folded without it until it is mended or accepted")


def _accepted(at: Workplace, judgement: Judgement) -> Acceptance | None:
    """A person's word that the streams of a candidate's day are right although precision collapsed on them."""
    candidate = at.judgements.key(judgement).candidate
    if not at.bundles.holds(candidate, GATED):
        return None
    words = at.checked.accepted(judgement.day, own_partition(at, at.bundles.key(candidate)))
    return next((word for word in words if COLLAPSE in word.checks), None)


def _decide_again(at: Workplace, judgement: Judgement, word: Acceptance) -> Verdict:
    """Judge once more what collapsed on streams that a person has accepted since; the HOLD stays beside it."""
    judged = at.judgements.load(judgement)
    verdict = verdict_on(judged, at.config.gate, accepted=True)
    again = JudgedAgain(word.by, word.why, word.at)
    digest = judged.artefact.digest
    at.judgements.save_verdict_again(judgement, digest, at.config.gate, verdict, again, accepted=True)
    return at.judgements.verdict(judgement)


def verdict_on(judged: JudgedFigures, policy: GateConfig, accepted: bool = False) -> Verdict:
    """The verdict on stored figures, from these files, the policy and a person's word on the day's streams alone."""
    checks = [Check(**check) for check in judged.figures["checks"]]
    key, past = judged.key, [from_json(PastDay, each) for each in judged.figures.get("past", ())]
    beside = Beside(key.no_incumbent, key.earlier_release, past, accepted)
    verdict = judge(checks, judged.per_user, beside, policy)
    return replace(verdict, figures=_with_releases(verdict.figures, judged))


def recomputed(
    judgements: Judgements, judgement: Judgement, policy: GateConfig | None = None
) -> tuple[Verdict, Verdict]:
    """The stored verdict, and the verdict that the stored figures of single users give again.

    Args:
        judgements: where they lie.
        judgement: which one.
        policy: another policy than the one of that day, which stands with the verdict.

    Raises:
        NotStored: it was never judged.
        CorruptArtefact: a file differs from its checksum.
    """
    stored = judgements.verdict(judgement)
    given = policy or judgements.policy(judgement)
    return stored, verdict_on(judgements.load(judgement), given, judgements.accepted(judgement))


def _with_releases(figures: Figures, judged: JudgedFigures) -> Figures:
    """The figures with the releases that they speak of, and the warnings of the data and of what joins components
    beside those of the slices."""
    releases = {"honest": judged.key.incumbent_release, "reference": judged.key.reference_release}
    named = {name: figures[name] | {"release": number} for name, number in releases.items() if name in figures}
    data = [str(DataCheck(**check)) for check in judged.figures["data_checks"] if check["outcome"] != OK]
    stored = judged.figures.get("joined_later")
    later = None if stored is None else from_json(JoinedLater, stored)
    joined = [wording.joining_loses(later, judged.key.evaluation["k"])] if later and later.surely_loses else []
    lacks = judged.figures.get("flattered")
    flattered = [wording.flattered(lacks)] if lacks else []
    return figures | named | {"warnings": [*data, *figures["warnings"], *joined, *flattered]}
