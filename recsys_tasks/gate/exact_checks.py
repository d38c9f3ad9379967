"""The exact checks: no statistics, and nobody can override them.

Each compares a stored artefact with what it must follow from, so that a part of another day, a moved id, a lost cell or
a broken file is found however little it changes the figures; the loss alone is of 100,000 listeners. Together they cost
a fraction of one iteration of the training.
"""

from concurrent.futures import Executor, Future

import numpy as np
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import BoolArray, Day, Factors, FloatArray, IntArray, PlayMatrix
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.matrix_checks import matrix_checks
from recsys_tasks.gate.verdict import Check
from recsys_tasks.index.annoy_index import blocks_of, held_vectors, metric_of, stored_vectors
from recsys_tasks.index.calibration import Recall, measure
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.matrix.holdout import Holdout
from recsys_tasks.matrix.play_matrix import EPOCH
from recsys_tasks.recommenders.als import LOOKED_AT as LOSS_OF
from recsys_tasks.recommenders.als import training_loss
from recsys_tasks.recommenders.vectors import has_direction, row_norms
from recsys_tasks.release.bundle import GatedPart
from recsys_tasks.steps.index import calibrated_on, played_by
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.artefacts import Artefact

LOSS_TOLERANCE = 1e-6
"""Relative. Other processors' kernels moved the loss by 3e-8; ten cells lost of two million, by 3e-6."""


def exact_checks(
    at: Workplace,
    gated: GatedPart,
    matrix: PlayMatrix,
    factors: Factors,
    holdout: Holdout,
    model: Artefact,
    recall: Future[Recall],
    beside: Executor,
) -> list[Check]:
    """Everything that must simply be so before a candidate is compared with anything.

    Args:
        at: store and policy.
        gated: the candidate as it was stored.
        matrix: what it was folded from.
        factors: of the candidate's model.
        holdout: the split that the model was to be trained with.
        model: the stored model: its parameters and the losses that its training recorded.
        recall: of the stored index, as it is measured elsewhere.
        beside: where the loss is measured, while the rest is looked at here.

    Raises:
        BadData: the parts are of different sizes, so that nothing can be compared.
    """
    policy = at.config.gate
    check_sizes(gated, matrix, factors)
    loss = beside.submit(loss_check, factors, holdout.training, model)
    of_matrix = [finite_check(factors.user_factors, factors.item_factors), *matrix_checks(at, matrix, holdout)]
    of_index = index_checks(gated, matrix, factors.item_factors)
    coverage = coverage_check(factors.user_factors, holdout.training, policy.min_user_coverage)
    return [*of_matrix, loss.result(), *of_index, *recall_checks(recall.result(), policy), coverage]


def finite_check(*factors: FloatArray) -> Check:
    """Whether every number is finite."""
    bad = sum(int((~np.isfinite(values)).any(axis=1).sum()) for values in factors)
    return Check("finite factors", bad == 0, f"{bad:,} rows with an infinite or missing number", "none")


def coverage_check(vectors: FloatArray, plays: sparse.csr_matrix, least: float) -> Check:
    """Share of the users with plays who have a vector that is not zero."""
    known, has_vector = np.diff(plays.indptr) > 0, np.asarray(vectors.any(axis=1))
    share = float((has_vector & known).sum() / known.sum()) if known.any() else 0.0
    return _at_least("share of listeners with a vector", share, least)


def loss_check(factors: Factors, training: sparse.csr_matrix, model: Artefact) -> Check:
    """Whether these factors have the loss that their training recorded last, on the plays it was to be trained on.

    One number holds factors, ids, plays and weights together: other factors, the same ones under other ids, cells lost
    or doubled on the way into the solver, or hidden plays that got there, all have another loss. It is that of 100,000
    listeners, spread over all; of models of before ``training`` 3 it was that of everybody.
    """
    recorded = float(model.figures["losses"][-1])
    key = model.manifest["key"]
    looked_at = LOSS_OF if key.get("training", 1) >= 3 else training.shape[0]
    found = training_loss(training, factors, AlsConfig(**key["als"]), max(1, looked_at))
    return Check(
        "recorded loss",
        abs(found - recorded) <= LOSS_TOLERANCE * abs(recorded),
        f"{found:.8g} of the stored factors on the plays to train on",
        f"{recorded:.8g}, which the training recorded last",
    )


def index_checks(gated: GatedPart, matrix: PlayMatrix, item_factors: FloatArray) -> list[Check]:
    """Whether the index is the one that follows from the model: its tracks, its order, its vectors."""
    ranked, index, expected = gated.search.tracks, gated.search.index, rank_tracks(item_factors)
    metric = metric_of(gated.artefact.manifest["key"])
    stored = stored_vectors(gated.index_file, len(ranked), ranked.ranked_factors.shape[1], metric)
    own = foreign = 0
    for some in blocks_of(len(ranked)):
        factors = ranked.ranked_factors[some]
        own += int((factors != item_factors[ranked.rank_cols[some]]).any(axis=1).sum())
        foreign += int((stored[some] != held_vectors(factors, ranked.ranked_norms[some], metric)).any(axis=1).sum())
    in_order = len(ranked) == len(expected) and bool(
        (ranked.rank_cols == expected.rank_cols).all() and (ranked.ranked_norms == expected.ranked_norms).all()
    )
    return [
        Check(
            "track vocabulary",
            gated.tracks.ids.equals(matrix.tracks.ids),
            f"{len(gated.tracks):,} tracks in the index's vocabulary",
            f"the {len(matrix.tracks):,} of the matrix, in its order",
        ),
        Check(
            "index size",
            len(ranked) == len(expected) == index.get_n_items(),
            f"{index.get_n_items():,} tracks in the Annoy index",
            f"the {len(expected):,} with a factor",
        ),
        Check("index holds the model", own == 0, f"{own:,} tracks with another factor than the model's", "none"),
        Check(
            "norm order",
            in_order,
            "as the norms fall" if in_order else "another order, or other norms",
            "the model's tracks as their norms fall",
        ),
        Check(
            "Annoy file holds the tracks",
            foreign == 0,
            f"{foreign:,} of {len(stored):,} vectors differ from the track of their rank",
            "none",
        ),
    ]


def measured_recall(day: Day, gated: GatedPart, factors: Factors, training: sparse.csr_matrix, queries: int) -> Recall:
    """Recall of both ways of asking through the stored index.

    On users and tracks that the day draws from those that the effort was not chosen on.
    """
    rng, index = np.random.default_rng((day - EPOCH).days), gated.artefact.manifest["key"]["index"]
    fitted = calibrated_on(index, factors.user_factors, gated.search.tracks)
    users, tracks = (
        _drawn(rng, has_direction(row_norms(vectors)), but, queries)
        for vectors, but in zip((factors.user_factors, factors.item_factors), fitted, strict=True)
    )
    played = played_by(training, users)
    return measure(gated.search, factors.item_factors, factors.user_factors[users], played, tracks, int(index["k"]))


def recall_checks(recall: Recall, policy: GateConfig) -> list[Check]:
    """Whether the index finds what the model would recommend."""
    ways = (
        ("user-track", recall.user_recall, f"{recall.n_users:,} listeners"),
        ("track-track", recall.similar_recall, f"{recall.n_tracks:,} tracks"),
    )
    return [
        Check(
            f"recall of {way} search",
            found >= policy.min_recall,
            f"{found:.4f} on {drawn}",
            f"at least {policy.min_recall:.4f}",
        )
        for way, found, drawn in ways
    ]


def _drawn(rng: np.random.Generator, of: BoolArray, but: IntArray, n: int) -> IntArray:
    """At most n of the rows that are true, without some of them unless there are no others. Rising."""
    others = of.copy()
    others[but] = False
    return np.sort(rng.permutation(np.flatnonzero(others if others.any() else of))[:n])


def _at_least(name: str, found: float, least: float) -> Check:
    return Check(name, found >= least, f"{found:.4f}", f"at least {least:.4f}")


def check_sizes(gated: GatedPart, matrix: PlayMatrix, factors: Factors) -> None:
    """Refuse parts of different sizes: what follows would read beyond their ends.

    Raises:
        BadData: they are.
    """
    found = (len(factors.user_factors), len(factors.item_factors), len(gated.tracks))
    n_users, n_tracks = matrix.counts.shape
    if found != (n_users, n_tracks, n_tracks):
        raise BadData(
            f"The matrix has {n_users:,} listeners and {n_tracks:,} tracks, the model {found[0]:,} and {found[1]:,}, "
            f"the index {found[2]:,} tracks: these do not belong together. Remove the day's model and bundle; rerun it."
        )
