"""Judge a candidate again by the policy of now, on a named person's word. The earlier verdict stays beside it."""

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import ConfigError, GateRefused
from recsys_tasks.release.judgements import Judgement, judgement_of, nothing_judged
from recsys_tasks.release.series import judgement_row, newest
from recsys_tasks.release.stored_verdicts import JudgedAgain
from recsys_tasks.steps.released_models import incumbent_of
from recsys_tasks.steps.results import JudgedAnew
from recsys_tasks.steps.verdict import recomputed
from recsys_tasks.steps.workplace import Signature, Workplace


def judge_again(at: Workplace, day: Day, signature: Signature, seen: int | None = None) -> JudgedAnew:
    """Judge the candidate of a date anew: the same figures, another policy. Nothing is published by it.

    Args:
        at: store and configuration (the policy of now).
        day: of the candidate; of several judgements, the newest is meant.
        signature: who wants it, why and when.
        seen: newest entry of the release log that the person saw (``ReleaseLog.require_seen``).

    Raises:
        ConfigError: the policy is the one that it was judged by.
        NotStored: nothing was judged on that day.
        GateRefused: an exact check failed, or the candidate is published already.
        PublishConflict: somebody else had it judged again in the same moment, or the log has changed.
    """
    at.releases.log().require_seen(seen)
    judgement = _to_judge(at, day)
    stored, again = recomputed(at.judgements, judgement, at.config.gate)
    candidate = at.judgements.key(judgement).candidate
    if stored.exact:
        raise GateRefused(
            f"An exact check failed, which no policy changes: {'; '.join(stored.reasons)}. Mend what it names, and run "
            "the date again."
        )
    if entry := at.releases.log().published(candidate):
        raise GateRefused(f"The candidate of {day} is published as release {entry.number}: there is nothing to decide.")
    if at.judgements.policy(judgement) == at.config.gate:
        raise ConfigError(
            f"{day} was judged by this very policy, so that nothing would change. Change [gate] in the configuration "
            "first."
        )
    word = JudgedAgain(signature.by, signature.why, signature.at)
    figures = at.judgements.load(judgement).artefact.digest
    accepted = at.judgements.accepted(judgement)
    at.judgements.save_verdict_again(judgement, figures, at.config.gate, again, word, accepted)
    return JudgedAnew(day, candidate, judgement.name, stored.outcome, again.outcome, again.reasons)


def _to_judge(at: Workplace, day: Day) -> Judgement:
    """The gate's last word on a date; of the same candidate, that against what is live, which publishing asks for.

    Raises:
        NotStored: nothing was judged on that day.
    """
    log, judged = at.releases.log(), [each for each in at.judgements.of(day) if at.judgements.is_judged(each)]
    last = newest(judgement_row(log, at.judgements, each) for each in judged)
    if last is None:
        raise nothing_judged(day)
    incumbent = incumbent_of(at, log, day)
    beside_live = judgement_of(day, last["candidate"], incumbent.candidate if incumbent else None)
    return beside_live if beside_live in judged else Judgement(day, last["judgement"])
