"""Finish a candidate that passed, and make it live by one compare-and-swap on the release log."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, Verdict, parse_day
from recsys_tasks.core.errors import BadData, ConfigError, GateRefused, NotStored, PublishConflict, RecsysError
from recsys_tasks.gate.exact_checks import coverage_check, finite_check
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.recommenders.als import fold_in_users
from recsys_tasks.release.bundle import GATED, NAMES, USERS, open_gated, verify_bundle
from recsys_tasks.release.log import PUBLISH_OLDER, Decision, Entry, ReleaseLog
from recsys_tasks.release.releases import append, confirm, read_log
from recsys_tasks.release.series import FIGURES, VERDICT
from recsys_tasks.steps.evaluate import evaluate_against
from recsys_tasks.steps.matrix import matrix_of
from recsys_tasks.steps.report import write_report
from recsys_tasks.steps.sides import incumbent_of
from recsys_tasks.steps.train import hidden_rows_of
from recsys_tasks.steps.verdict import decide, stored_verdict
from recsys_tasks.steps.workplace import Reference, Signature, Workplace
from recsys_tasks.storage.artefacts import MANIFEST, open_artefact, save_artefact
from recsys_tasks.storage.files import make_durable, sha256_of
from recsys_tasks.storage.store import SHORT

ATTEMPTS = 8


def publish(at: Workplace, day: Day, candidate: str, signature: Signature, publish_older: str = "") -> Reference:
    """Publish a candidate that passed the gate; if the live release changed since, it is judged again first.

    Args:
        at: store and configuration.
        day: newest date of the candidate's data.
        candidate: its digest.
        signature: who publishes, why and when.
        publish_older: a person's reason to make it live although newer data are; empty: nobody wants that.

    Returns:
        The entry that is live now, whether this call made it, and why or why not.

    Raises:
        ConfigError: older data are to go live, and nobody says who wants that.
        GateRefused: the verdict is not PASS.
        PublishConflict: others kept publishing in between, several times over.
        CorruptArtefact: the log or the bundle is damaged; nothing is published.
    """
    return _publish(at, day, candidate, signature, overridden=False, publish_older=publish_older.strip())


def release_candidate(at: Workplace, prefix: str, signature: Signature, older_too: bool = False) -> Reference:
    """Publish a candidate that the gate held, or blocked by statistics, on a named person's word.

    Args:
        at: store and configuration.
        prefix: how the candidate's digest begins.
        signature: who, why and when.
        older_too: also when newer data are live; it is then pinned, as after a rollback.

    Raises:
        ConfigError: who or why is missing.
        GateRefused: an exact check failed; that can never be overridden.
        NotStored: there is no such candidate, or it has not been judged.
    """
    if not signature.by.strip() or not signature.why.strip():
        raise ConfigError("Say who you are (--by) and why (--why): both stand in the release log.")
    manifest = at.store.find_candidate(prefix)
    day, candidate = parse_day(manifest["key"]["day"]), manifest["digest"]
    older = signature.why if older_too else ""
    outcome = _publish(at, day, candidate, signature, overridden=True, publish_older=older)
    for path in at.store.evaluations_of(day, candidate):
        try:
            write_report(at, day, path.name)  # the person's word belongs into it
        except (RecsysError, OSError) as error:
            at.progress(f"the report of {day} still says what it said: {error}")
    return outcome


def roll_back(at: Workplace, number: int, signature: Signature) -> Entry:
    """Make an earlier release live again and pin it.

    Raises:
        UnknownId: there is no such release.
        ConfigError: who or why is missing, or it is live already.
        CorruptArtefact: its bundle is damaged.
        PublishConflict: somebody else wrote to the log in between.
    """
    log = read_log(at.store)
    entry = log.roll_back(number, signature.by, signature.why, signature.at)
    verify_bundle(at.store, entry)
    return append(at.store, entry)


def set_pin(at: Workplace, pinned: bool, signature: Signature) -> Entry:
    """Pin the live release, or lift its pin.

    Raises:
        NoRelease: nothing has been published.
        ConfigError: who or why is missing.
    """
    return append(at.store, read_log(at.store).pin(pinned, signature.by, signature.why, signature.at))


def _publish(
    at: Workplace, day: Day, candidate: str, signature: Signature, overridden: bool, publish_older: str = ""
) -> Reference:
    for _attempt in range(ATTEMPTS):
        log = read_log(at.store)
        decision = log.decide(candidate, day, older_too=bool(publish_older))
        earlier = log.published(candidate)
        if earlier is not None:
            confirm(at.store, earlier)
            mine = earlier == log.live and earlier.run_id == signature.run_id != ""  # killed before it could say so
            return _outcome(log.live, mine, decision.reason)
        judgement = _judged(at, day, candidate, log)
        verdict = stored_verdict(judgement)
        _refuse(verdict, overridden)
        if not decision.publish:
            return _outcome(log.live, False, decision.reason)
        parts = (GATED, NAMES, _user_part(at, day, candidate))
        signed = _signed(decision, signature, publish_older)
        entry = _entry(at, log, day, candidate, parts, decision.kind, signed, verdict)
        verify_bundle(at.store, entry)
        make_durable(at.store.root, at.store.bundle_path(candidate) / GATED)
        try:
            return _outcome(append(at.store, entry), True, decision.reason)
        except PublishConflict:
            at.progress("the live release changed in between: asking the gate again")
    raise PublishConflict(f"The log changed {ATTEMPTS} times while {candidate[:12]} was published. Run the step again.")


def _signed(decision: Decision, signature: Signature, publish_older: str) -> Signature:
    """The signature of the entry; older data go live on a named person's word alone, whose reason it then bears."""
    if decision.kind != PUBLISH_OLDER:
        return signature
    if not signature.by.strip():
        raise ConfigError("Older data go live on a named person's word alone. Say who you are.")
    return replace(signature, why=publish_older)


def _judged(at: Workplace, day: Day, candidate: str, log: ReleaseLog) -> Path:
    """The judgement against the incumbent of this moment; made now if the live release changed since the gate ran."""
    incumbent = incumbent_of(at, log, day)
    path = at.store.evaluation_path(day, candidate, incumbent.candidate if incumbent else None)
    if not (path / FIGURES).is_dir():
        if not at.store.evaluations_of(day, candidate):
            raise NotStored(f"Candidate {candidate[:12]} has not been judged. Run evaluate and gate for {day} first.")
        evaluate_against(at, day, candidate, incumbent)
    if not (path / VERDICT).is_dir():
        decide(at, path)
    return path


def _refuse(verdict: Verdict, overridden: bool) -> None:
    """Let pass what the gate passed, or what a named person may release."""
    if verdict.exact:
        raise GateRefused(f"An exact check failed, which nobody can override: {'; '.join(verdict.reasons)}.")
    if not verdict.passed and not overridden:
        raise GateRefused(f"The gate said {verdict.outcome}: {'; '.join(verdict.reasons)}. The live release stays.")


def _user_part(at: Workplace, day: Day, candidate: str) -> str:
    """Store the users with their full history, the hidden ones folded in against the fixed track factors; its name.

    Raises:
        BadData: the finished part fails the exact checks.
    """
    gated = open_gated(at.store.gated_part(candidate))
    model_digest = gated.artefact.manifest["key"]["model"]
    key = {"candidate": candidate, "model": model_digest}
    digest = digest_of("users", key)
    name = f"{USERS}-{digest[:SHORT]}"
    path = at.store.bundle_path(candidate) / name
    if path.is_dir():
        open_artefact(path, digest)
        return name
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(at.store.load_model, day, model_digest)
        matrix = matrix_of(at, gated.artefact.manifest["key"])
        streams = matrix.users.rows_of(at.store.load_partition(*matrix.chain[-1]).user_ids)
        factors, model = loading.result()
    rows = hidden_rows_of(model.manifest["key"], matrix, np.flatnonzero(np.bincount(streams)))
    parameters = AlsConfig(**model.manifest["key"]["als"])  # the model's own: the file may say others by now
    vectors = factors.user_factors.copy()
    vectors[rows] = fold_in_users(canonical(matrix.counts[rows]), factors.item_factors, parameters)
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
    save_artefact(at.store.root, path, digest, key, files)
    return name


def _entry(
    at: Workplace,
    log: ReleaseLog,
    day: Day,
    candidate: str,
    parts: Iterable[str],
    kind: str,
    signature: Signature,
    verdict: Verdict,
) -> Entry:
    """The next entry of the log."""
    number = len(log.entries) + 1
    bundle = at.store.bundle_path(candidate)
    return Entry(
        number=number,
        kind=kind,
        release=number,
        candidate=candidate,
        parts={part: sha256_of(bundle / part / MANIFEST) for part in parts},
        day=day,
        pinned=kind == PUBLISH_OLDER,
        verdict=verdict.outcome,
        figures=verdict.figures,
        **asdict(signature),
    )


def _outcome(live: Entry | None, published: bool, reason: str) -> Reference:
    """What is live after the call, in a form that another process understands."""
    shown = {"release": live.release, "day": live.day.isoformat(), "candidate": live.candidate} if live else None
    precision = live.figures.get("precision") if live else None
    return {"published": published, "reason": reason, "live": shown, "precision": precision}
