"""The gate: a verdict on stored figures, and the same verdict again from these files alone."""

from dataclasses import replace

from recsys_tasks.core.domain import Day, Figures, Verdict
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.core.records import from_json
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.drift import drift
from recsys_tasks.gate.past import PastDay
from recsys_tasks.gate.verdict import Beside, judge
from recsys_tasks.partitions.data_quality import OK, DataCheck
from recsys_tasks.release.judgements import JudgedFigures, Judgement, Judgements
from recsys_tasks.release.series import series
from recsys_tasks.steps.results import Judged
from recsys_tasks.steps.workplace import Workplace


def gate(at: Workplace, day: Day, name: str) -> Judged:
    """Store and return the verdict on stored figures, with the alarms of slow drift that hold on this day.

    Args:
        at: store and configuration (the policy).
        day: of the candidate.
        name: of the judgement, ``<candidate>-<incumbent>``.
    """
    judgement = Judgement(day, name)
    is_judged = at.judgements.is_judged(judgement)
    verdict = at.judgements.verdict(judgement) if is_judged else decide(at, judgement)
    at.progress(f"{verdict.outcome}: {'; '.join(verdict.reasons)}")
    alarms = drift(series(at.store, day), at.config.drift).alarms
    for warning in (*verdict.figures["warnings"], *(alarm.text for alarm in alarms)):
        at.progress(f"warning: {warning}")
    candidate = at.judgements.key(judgement).candidate
    return Judged(day, candidate, name, verdict.outcome, verdict.reasons, verdict.exact, verdict.figures, alarms)


def decide(at: Workplace, judgement: Judgement) -> Verdict:
    """Judge stored figures by the policy, and store the verdict."""
    judged = at.judgements.load(judgement)
    verdict = verdict_on(judged, at.config.gate)
    at.judgements.save_verdict(judgement, judged.artefact.digest, at.config.gate, verdict)
    return at.judgements.verdict(judgement)


def verdict_on(judged: JudgedFigures, policy: GateConfig) -> Verdict:
    """The verdict on stored figures, from these files and the policy alone."""
    checks = [Check(**check) for check in judged.figures["checks"]]
    key, past = judged.key, [from_json(PastDay, each) for each in judged.figures.get("past", ())]
    beside = Beside(key.no_incumbent, key.incumbent_release, key.earlier_release, past)
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
    return stored, verdict_on(judgements.load(judgement), policy or judgements.policy(judgement))


def _with_releases(figures: Figures, judged: JudgedFigures) -> Figures:
    """The figures with the releases that they speak of, and the warnings of the data beside those of the slices."""
    releases = {"honest": judged.key.incumbent_release, "reference": judged.key.reference_release}
    named = {name: figures[name] | {"release": number} for name, number in releases.items() if name in figures}
    data = [str(DataCheck(**check)) for check in judged.figures["data_checks"] if check["outcome"] != OK]
    return figures | named | {"warnings": [*data, *figures["warnings"]]}
