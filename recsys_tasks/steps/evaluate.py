"""Score a candidate beside the incumbent and the popular tracks, and let the gate decide.

A judgement is a candidate against an incumbent; both its figures and its verdict are stored, and the first stored
ones win: a rerun returns them.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.artefacts import Artefact, open_artefact, read_manifest, save_artefact
from recsys_tasks.bundle import GATED, USERS, GatedPart, open_gated, open_names, open_users, verify_bundle
from recsys_tasks.digests import digest_of
from recsys_tasks.domain import Day, PlayMatrix, Verdict
from recsys_tasks.evaluation import Side
from recsys_tasks.evaluation import evaluate as score
from recsys_tasks.gate import Check, judge
from recsys_tasks.play_matrix import EPOCH
from recsys_tasks.popularity import listeners_of, popular_order
from recsys_tasks.release_log import Entry, ReleaseLog
from recsys_tasks.releases import read_log
from recsys_tasks.steps.checks import exact_checks
from recsys_tasks.steps.matrix import matrix_of
from recsys_tasks.steps.train import holdout_of
from recsys_tasks.steps.workplace import Reference, Workplace

NEW_TRACK_DAYS = 7
NO_INCUMBENT = "there is no release to compare with"
NOT_COMPARABLE = "NOT COMPARABLE: every release that is still there has seen this day's hidden plays"
FIGURES, VERDICT = "figures", "verdict"


def evaluate(at: Workplace, day: Day, candidate: str) -> Reference:
    """Store the figures of a candidate against the incumbent of this moment, unless it has been judged already.

    Returns:
        The candidate, the incumbent's release number (null: none that can be compared), and the headline figures.

    Raises:
        CorruptArtefact: the candidate or the incumbent differs from what was stored.
    """
    incumbent = incumbent_of(at, read_log(at.store), day)
    path = at.store.evaluation_path(day, candidate, incumbent.candidate if incumbent else None)
    judged = at.store.evaluations_of(day, candidate)
    if judged and path not in judged:
        path = max(judged, key=lambda p: read_manifest(p / FIGURES)["key"]["incumbent_release"] or 0)
    if path in judged:
        at.progress(f"candidate {candidate[:12]} has been evaluated already")
    else:
        evaluate_against(at, day, candidate, incumbent)
    stored = open_artefact(path / FIGURES)
    figures = stored.figures
    sides = [who for who in ("candidate", "incumbent", "popularity") if f"{who}_precision" in figures]
    shown = {who: figures[f"{who}_precision"]["mean"] for who in sides}
    at.progress(f"{figures['users']:,} listeners scored, precision@k: {shown}")
    return {"day": day.isoformat(), "candidate": candidate, "judgement": path.name, "precision": shown}


def gate(at: Workplace, day: Day, judgement: str) -> Reference:
    """Store and return the verdict on stored figures.

    Args:
        at: store and configuration (the policy).
        day: of the candidate.
        judgement: name of the stored figures, ``<candidate>-<incumbent>``.

    Returns:
        Outcome, reasons, whether an exact check failed, the figures that decided, the candidate.
    """
    path = at.store.root / "evaluations" / day.isoformat() / judgement
    verdict = stored_verdict(path) if (path / VERDICT).is_dir() else decide(at, path)
    candidate = read_manifest(path / FIGURES)["key"]["candidate"]
    at.progress(f"{verdict.outcome}: {'; '.join(verdict.reasons)}")
    return {"day": day.isoformat(), "candidate": candidate, "judgement": judgement, **asdict(verdict)}


def incumbent_of(at: Workplace, log: ReleaseLog, day: Day) -> Entry | None:
    """The live release, or, where that has seen the day's hidden plays, the newest stored one that has not."""
    if log.live is None or log.live.day < day:
        return log.live
    return next((e for e in log.before(day) if at.store.bundle_path(e.candidate).is_dir()), None)


def evaluate_against(at: Workplace, day: Day, candidate: str, incumbent: Entry | None) -> Path:
    """Evaluate a candidate against one incumbent, and store the figures."""
    gated = open_gated(at.store.gated_part(candidate))
    key = gated.artefact.manifest["key"]
    matrix = matrix_of(at, key)
    factors, model = at.store.load_model(day, key["model"])
    holdout = holdout_of(at, model.manifest["key"], matrix)
    new_tracks = gated.tracks.first_days > (day - EPOCH).days - NEW_TRACK_DAYS
    own = np.arange(len(gated.tracks))
    popular = popular_order(listeners_of(holdout.training))
    side = Side(gated.search, factors.user_factors[holdout.user_rows], popular, own, len(own))
    against = _incumbent_side(at, incumbent, matrix, holdout.user_rows) if incumbent else None
    result = score(holdout, side, against, new_tracks, at.config.evaluation.k)
    path = at.store.evaluation_path(day, candidate, incumbent.candidate if incumbent else None)
    identity = {
        "day": day.isoformat(),
        "candidate": candidate,
        "model": key["model"],
        "incumbent": incumbent.candidate if incumbent else None,
        "incumbent_release": incumbent.release if incumbent else None,
        "no_incumbent": "" if incumbent else _no_incumbent(read_log(at.store)),
        "evaluation": at.config.evaluation.model_dump(),
    }
    checks = exact_checks(at, day, gated, matrix, factors, holdout.training)
    figures = result.figures | {"checks": [asdict(check) for check in checks]}
    files = {"per_user": pa.table(result.per_user)}
    save_artefact(at.store.root, path / FIGURES, digest_of("figures", identity), identity, files, figures)
    return path


def decide(at: Workplace, path: Path) -> Verdict:
    """Judge stored figures by the policy, and store the verdict."""
    figures = open_artefact(path / FIGURES)
    verdict = verdict_on(figures, at)
    key = {"figures": figures.digest, "policy": at.config.gate.model_dump()}
    save_artefact(at.store.root, path / VERDICT, digest_of("verdict", key), key, {}, asdict(verdict))
    return stored_verdict(path)


def verdict_on(figures: Artefact, at: Workplace) -> Verdict:
    """The verdict on stored figures, from these files and the policy alone."""
    columns = figures.table("per_user")
    per_user: dict[str, npt.NDArray[np.float64]] = {n: np.asarray(columns.column(n)) for n in columns.column_names}
    checks = [Check(**check) for check in figures.figures["checks"]]
    return judge(checks, per_user, figures.manifest["key"]["no_incumbent"], at.config.gate)


def stored_verdict(path: Path) -> Verdict:
    """The verdict of a judgement, as it was stored."""
    values: dict[str, Any] = open_artefact(path / VERDICT).figures
    return Verdict(values["outcome"], tuple(values["reasons"]), values["exact"], values["figures"])


def _no_incumbent(log: ReleaseLog) -> str:
    return NO_INCUMBENT if log.live is None else NOT_COMPARABLE


def _incumbent_side(at: Workplace, entry: Entry, matrix: PlayMatrix, rows: npt.NDArray[np.int64]) -> Side:
    """A published release, asked for the hidden users of another matrix."""
    parts = verify_bundle(at.store, entry)
    gated: GatedPart = open_gated(parts[GATED])
    users = open_users(parts[USERS])
    names = open_names(at.store, entry.candidate)
    found = pa.compute.index_in(matrix.users.ids.take(rows), value_set=users.ids)
    own_rows = np.asarray(pa.compute.fill_null(found, -1)).astype(np.int64)
    vectors = np.zeros((len(rows), users.vectors.shape[1]), dtype=np.float32)
    vectors[own_rows >= 0] = users.vectors[own_rows[own_rows >= 0]]
    return Side(gated.search, vectors, names.popular, gated.tracks.rows_of(matrix.tracks.ids), len(gated.tracks))
