"""Score a candidate beside the incumbent, the reference and the popular tracks.

A judgement is a candidate against an incumbent; its figures are stored, and the first stored ones win: a rerun returns
them.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, Factors, Figures, PlayMatrix
from recsys_tasks.evaluation.evaluation import Evaluation, Side
from recsys_tasks.evaluation.evaluation import evaluate as score
from recsys_tasks.evaluation.samples import samples
from recsys_tasks.gate.exact_checks import check_sizes, exact_checks, measured_recall
from recsys_tasks.index.calibration import Recall
from recsys_tasks.matrix.holdout import Holdout
from recsys_tasks.matrix.play_matrix import EPOCH
from recsys_tasks.matrix.popularity import popular_order
from recsys_tasks.release.bundle import GatedPart, open_gated, open_names
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.releases import read_log
from recsys_tasks.release.series import FIGURES
from recsys_tasks.steps.matrix import matrix_of
from recsys_tasks.steps.quality import data_checks
from recsys_tasks.steps.sides import Parts, incumbent_of, incumbent_side, reference_of, reference_side, verified
from recsys_tasks.steps.train import holdout_of
from recsys_tasks.steps.workplace import Reference, Workplace
from recsys_tasks.storage.artefacts import open_artefact, read_manifest, save_artefact

NEW_TRACK_DAYS = 7
NO_INCUMBENT = "there is no release to compare with"
NOT_COMPARABLE = "NOT COMPARABLE: every release that is still there has seen this day's hidden plays"


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


def evaluate_against(at: Workplace, day: Day, candidate: str, incumbent: Entry | None) -> Path:
    """Evaluate a candidate against one incumbent, and store the figures."""
    log = read_log(at.store)
    part, reference = at.store.gated_part(candidate), reference_of(at, log, day)
    key = part.manifest["key"]
    # Scores, recall and loss beside, the other checks here: none needs anything of another. BLAS is bounded around all:
    # its threads are the process's, and whichever ended first would give the others more in the middle of their work.
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(3) as beside:
        opening = beside.submit(lambda: (open_gated(part), *at.store.load_model(day, key["model"])))
        verifying = beside.submit(verified, at, incumbent, reference)
        matrix = matrix_of(at, key)
        gated, factors, model = opening.result()
        holdout = holdout_of(at, model.manifest["key"], matrix)
        check_sizes(gated, matrix, factors)  # before either begins: scoring would read beyond the ends too
        scoring = beside.submit(_scored, at, day, (gated, *verifying.result()), matrix, factors, holdout)
        measuring = beside.submit(measured_recall, day, gated, factors, holdout.training, at.config.gate.recall_queries)
        checks = exact_checks(at, gated, matrix, factors, holdout, model, measuring, beside)
        result = scoring.result()
    path = at.store.evaluation_path(day, candidate, incumbent.candidate if incumbent else None)
    identity = {
        "day": day.isoformat(),
        "candidate": candidate,
        "model": key["model"],
        "incumbent": incumbent.candidate if incumbent else None,
        "incumbent_release": incumbent.release if incumbent else None,
        "no_incumbent": "" if incumbent else _no_incumbent(log),
        "reference": reference.candidate if reference else None,
        "reference_release": reference.release if reference else None,
        "evaluation": at.config.evaluation.model_dump(),
    }
    figures = result.figures | _of_the_day(day, matrix, measuring.result(), model.figures)
    figures |= {"checks": [asdict(check) for check in checks], "data_checks": data_checks(at, day)}
    names = open_names(at.store, candidate).table
    files = {"per_user": pa.table(result.per_user), "samples": samples(holdout, result, names, matrix.tracks.ids)}
    save_artefact(at.store.root, path / FIGURES, digest_of("figures", identity), identity, files, figures)
    return path


def _scored(
    at: Workplace,
    day: Day,
    against: tuple[GatedPart, Parts, Parts],
    matrix: PlayMatrix,
    factors: Factors,
    holdout: Holdout,
) -> Evaluation:
    """Candidate, incumbent and reference, each through its own built index."""
    gated, incumbent, reference = against
    own = np.arange(len(gated.tracks))
    popular = popular_order(holdout.listeners)
    side = Side(gated.search, factors.user_factors[holdout.user_rows], popular, own, len(own))
    today = (day - EPOCH).days
    return score(
        holdout,
        side,
        incumbent_side(incumbent, matrix, holdout.user_rows) if incumbent else None,
        gated.tracks.first_days > today - NEW_TRACK_DAYS,
        at.config.evaluation.k,
        (today - matrix.users.first_days[holdout.user_rows]).astype(np.float64),
        reference_side(at, reference, matrix, holdout) if reference else None,
    )


def _of_the_day(day: Day, matrix: PlayMatrix, recall: Recall, model: Figures) -> Figures:
    """What the report tells beside the scores: kept here, for matrix, model and index may be removed one day."""
    today = (day - EPOCH).days
    return {
        "listeners": len(matrix.users),
        "tracks": len(matrix.tracks),
        "new_listeners": int((matrix.users.first_days == today).sum()),
        "new_tracks": int((matrix.tracks.first_days == today).sum()),
        "recall": {name: round(value, 6) for name, value in asdict(recall).items()},
        "training": {name: model[name] for name in ("iterations", "losses", "warm")},
    }


def _no_incumbent(log: ReleaseLog) -> str:
    return NO_INCUMBENT if log.live is None else NOT_COMPARABLE
