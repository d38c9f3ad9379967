"""Finish a candidate that passed, and make it live by one compare-and-swap on the release log."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.domain import Day, Verdict
from recsys_tasks.core.errors import BadData, GateRefused, NotStored, PublishConflict
from recsys_tasks.gate.exact_checks import coverage_check, finite_check
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.matrix.row_ranges import rows_at
from recsys_tasks.partitions.checked import COLLAPSE, Word
from recsys_tasks.release.bundle import AGAIN, OWN, RECENT
from recsys_tasks.release.bundles import GATED, NAMES, USERS
from recsys_tasks.release.judgements import Judgement, judgement_of
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.release.log import PUBLISH_OLDER, Decision, Entry, ReleaseLog
from recsys_tasks.steps.components import open_recent
from recsys_tasks.steps.evaluate import evaluate_against
from recsys_tasks.steps.own_plays import own_plays
from recsys_tasks.steps.played_again import again_identity, chances_of_again
from recsys_tasks.steps.released_models import incumbent_of
from recsys_tasks.steps.results import LiveRelease, Published
from recsys_tasks.steps.stored_models import open_model, own_partition, split_of
from recsys_tasks.steps.verdict import decide
from recsys_tasks.steps.workplace import Signature, Workplace

ATTEMPTS = 8
"""Times that a publish begins anew because the log changed in between."""


def publish(at: Workplace, day: Day, candidate: str, signature: Signature, publish_older: str = "") -> Published:
    """Publish a candidate that passed the gate; if the live release changed since, it is judged again first.

    Args:
        at: store and configuration.
        day: newest date of the candidate's data.
        candidate: its digest.
        signature: who publishes, why and when.
        publish_older: a person's reason to make it live although newer data are; empty: nobody wants that.

    Raises:
        ConfigError: the reason is no text that may be kept.
        GateRefused: the verdict is not PASS.
        PublishConflict: others kept publishing in between, several times over.
        CorruptArtefact: the log or the bundle is damaged; nothing is published.
    """
    outcome = _publish(at, day, candidate, signature, overridden=False, publish_older=publish_older.strip())
    if outcome.published and outcome.live:
        at.progress(f"release {outcome.live.release} (data of {day}) is live: {outcome.reason}")
    else:
        at.progress(f"nothing was published: {outcome.reason}")
    return outcome


def release_candidate(
    at: Workplace, prefix: str, signature: Signature, older_too: bool = False, seen: int | None = None
) -> Published:
    """Publish a candidate that the gate held, or blocked by statistics, on a named person's word.

    Where its day is quarantined because its precision collapsed, this word lifts the quarantine as well: without the
    day, the next one would be folded from other plays than what is live.

    Args:
        at: store and configuration.
        prefix: how the candidate's digest begins.
        signature: who, why and when.
        older_too: also when newer data are live; it is then pinned, as after a rollback.
        seen: newest entry of the log that the person saw (``ReleaseLog.require_seen``).

    Raises:
        PublishConflict: the log has changed since.
        GateRefused: an exact check failed; that can never be overridden.
        NotStored: there is no such candidate, or it has not been judged.
    """
    candidate, key = at.bundles.find(prefix)
    older = signature.why if older_too else ""
    outcome = _publish(at, key.day, candidate, signature, overridden=True, publish_older=older, seen=seen)
    if at.releases.log().published(candidate):
        _vouch(at, key, signature)
    return outcome


def roll_back(at: Workplace, number: int, signature: Signature, seen: int | None = None) -> Entry:
    """Make an earlier release live again and pin it. seen: as for ``release_candidate``.

    Raises:
        UnknownId: there is no such release.
        ConfigError: it is live already.
        CorruptArtefact: its bundle is damaged.
        PublishConflict: somebody else wrote to the log in between.
    """
    log = at.releases.log()
    log.require_seen(seen)
    entry = log.roll_back(number, signature.by, signature.why, signature.at)
    at.bundles.verify(entry)
    return at.releases.append(entry)


def set_pin(at: Workplace, pinned: bool, signature: Signature, seen: int | None = None) -> Entry:
    """Pin the live release, or lift its pin. seen: as for ``release_candidate``.

    Raises:
        NoRelease: nothing has been published.
        PublishConflict: somebody else wrote to the log in between.
    """
    log = at.releases.log()
    log.require_seen(seen)
    return at.releases.append(log.pin(pinned, signature.by, signature.why, signature.at))


def _publish(
    at: Workplace,
    day: Day,
    candidate: str,
    signature: Signature,
    overridden: bool,
    publish_older: str = "",
    seen: int | None = None,
) -> Published:
    for _attempt in range(ATTEMPTS):
        log = at.releases.log()
        log.require_seen(seen)
        decision = log.decide(candidate, day, older_too=bool(publish_older))
        earlier = log.published(candidate)
        if earlier is not None:
            at.releases.confirm(earlier)
            mine = earlier == log.live and earlier.run_id == signature.run_id != ""  # killed before it could say so
            return _outcome(log.live, mine, decision.reason)
        verdict = at.judgements.verdict(_judged(at, day, candidate, log))
        _refuse(verdict, overridden)
        if not decision.publish:
            return _outcome(log.live, False, decision.reason)
        signed = _signed(decision, signature, publish_older)
        entry = _entry(
            at, log, day, candidate, (GATED, NAMES, _user_part(at, candidate)), decision.kind, signed, verdict
        )
        at.bundles.verify(entry)
        at.bundles.confirm(candidate)
        try:
            return _outcome(at.releases.append(entry), True, decision.reason)
        except PublishConflict:
            at.progress("the live release changed in between: asking the gate again")
    raise PublishConflict(f"The log changed {ATTEMPTS} times while {candidate[:12]} was published. Run the step again.")


def _signed(decision: Decision, signature: Signature, publish_older: str) -> Signature:
    """The signature of the entry; older data go live on a named person's word alone, whose reason it then bears."""
    return replace(signature, why=publish_older) if decision.kind == PUBLISH_OLDER else signature


def _judged(at: Workplace, day: Day, candidate: str, log: ReleaseLog) -> Judgement:
    """The judgement against the incumbent of this moment; made now if the live release changed since the gate ran."""
    incumbent = incumbent_of(at, log, day)
    judgement = judgement_of(day, candidate, incumbent.candidate if incumbent else None)
    if not at.judgements.is_evaluated(judgement):
        if not at.judgements.of(day, candidate):
            raise NotStored(f"Candidate {candidate[:12]} has not been judged. Run evaluate and gate for {day} first.")
        evaluate_against(at, day, candidate, incumbent)
    if not at.judgements.is_judged(judgement):
        decide(at, judgement)
    return judgement


def _refuse(verdict: Verdict, overridden: bool) -> None:
    """Let pass what the gate passed, or what a named person may release."""
    if verdict.exact:
        raise GateRefused(
            f"An exact check failed, which nobody can override: {'; '.join(verdict.reasons)}. Mend what it names, and "
            "run the date again."
        )
    if not verdict.passed and not overridden:
        raise GateRefused(f"The gate said {verdict.outcome}: {'; '.join(verdict.reasons)}. The live release stays.")


def _vouch(at: Workplace, key: CandidateKey, signature: Signature) -> None:
    """Accept the collapse of precision on the streams that a candidate was made from, if one was kept."""
    partition = own_partition(at, key)
    if partition is None:
        return
    if collapse := [stop for stop in at.checked.stops(key.day, partition) if stop.name == COLLAPSE]:
        word = Word(signature.by, signature.why, signature.at, signature.run_id)
        at.checked.save_accepted(key.day, partition, collapse, word)


def _user_part(at: Workplace, candidate: str) -> str:
    """Store the users with their full history, the hidden ones folded in against the fixed track factors; its name.

    Raises:
        BadData: the finished part fails the exact checks.
    """
    key = at.bundles.key(candidate)
    half_life = at.config.products.own_half_life_days
    identity = {"candidate": candidate, "model": key.component} | ({OWN: half_life} if half_life else {})
    identity |= again_identity(at.config.products)
    digest = digest_of("users", identity)
    name = f"{USERS}-{digest[:SHORT]}"
    with ThreadPoolExecutor(2) as beside:
        verifying = beside.submit(at.bundles.gated, candidate)  # nothing is finished that is damaged
        if at.bundles.holds(candidate, name):
            verifying.result()
            at.bundles.open(candidate, name, digest)
            return name
        opening = beside.submit(open_model, at, key.day, key.component)
        matrix = at.matrices.load(key.day, key.matrix)
        model = opening.result()
        verifying.result()
    rows = split_of(at, model.key, matrix).hidden_rows
    vectors = model.recommender.fold_in(model.component, canonical(rows_at(matrix.counts, rows)), rows).user_factors
    for check in (finite_check(vectors), coverage_check(vectors, matrix.counts, at.config.gate.min_user_coverage)):
        if not check.passed:
            raise BadData(f"The finished bundle fails a check that nobody can override. {check}.")
    files = {
        "user_vectors": vectors,
        "indptr": matrix.counts.indptr,
        "cols": matrix.counts.indices,
        "users": pa.table({"id": matrix.users.ids}),
        "order": np.asarray(pc.sort_indices(matrix.users.ids)).astype(np.int64),
    }
    n_items = at.bundles.manifest(candidate).figures["tracks"]
    if recent := open_recent(at, key):
        files[RECENT] = np.stack([plays.widened(n_items).sums for plays in recent.values()])  # with the candidate's day
    if half_life:
        files[OWN] = own_plays(at, matrix, half_life)
    if at.config.products.played_again_days:
        chances = chances_of_again(at, matrix, files[OWN])
        files |= {} if chances is None else {AGAIN: chances}
    at.bundles.save(candidate, name, digest, identity, files)
    return name


def _entry(
    at: Workplace,
    log: ReleaseLog,
    day: Day,
    candidate: str,
    parts: tuple[str, ...],
    kind: str,
    signature: Signature,
    verdict: Verdict,
) -> Entry:
    """The next entry of the log."""
    number = len(log.entries) + 1
    return Entry(
        number=number,
        kind=kind,
        release=number,
        candidate=candidate,
        parts={part: at.bundles.vouched(candidate, part) for part in parts},
        day=day,
        pinned=kind == PUBLISH_OLDER,
        verdict=verdict.outcome,
        figures=verdict.figures,
        **asdict(signature),
    )


def _outcome(live: Entry | None, published: bool, reason: str) -> Published:
    """What is live after the call."""
    shown = LiveRelease(live.release, live.day, live.candidate) if live else None
    return Published(published, reason, shown, live.figures.get("precision") if live else None)
