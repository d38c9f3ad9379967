"""A stored candidate opened with everything that it is judged by, its recall, and the exact checks on it."""

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import numpy as np

from recsys_tasks.core.domain import PlayMatrix
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.exact_checks import (
    coverage_check,
    finite_check,
    index_checks,
    loss_check,
    measured_recall,
    neighbours_checks,
    recall_checks,
)
from recsys_tasks.gate.matrix_checks import Conservation, matrix_checks
from recsys_tasks.index.annoy_index import metric_of
from recsys_tasks.index.recall import Recall
from recsys_tasks.matrix.chain import Chain
from recsys_tasks.matrix.split import Holdout, Split, hold_out
from recsys_tasks.release.bundle import GatedPart, open_gated
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.steps.components import Extras, open_extras
from recsys_tasks.steps.stored_models import OpenedModel, open_model, split_of
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.artefacts import Artefact


@dataclass(frozen=True)
class Opened:
    """A candidate with everything that it is judged by."""

    gated: GatedPart
    model: OpenedModel
    matrix: PlayMatrix
    split: Split
    holdout: Holdout
    extras: Extras = field(default_factory=Extras)


def open_candidate(at: Workplace, part: Artefact, beside: Executor) -> Opened:
    """Everything that a candidate is judged by, each verified."""
    key = CandidateKey.from_json(part.key)
    opening = beside.submit(lambda: (open_gated(part), open_model(at, key.day, key.component), open_extras(at, key)))
    matrix = at.matrices.load(key.day, key.matrix)
    gated, model, extras = opening.result()
    split = split_of(at, model.key, matrix)
    return Opened(gated, model, matrix, split, hold_out(matrix, split), extras)


def recall_of(at: Workplace, opened: Opened) -> Recall:
    """Recall of the stored index on queries that it was not calibrated on."""
    key, training = opened.gated.key, opened.holdout.training
    queries = at.config.gate.recall_queries
    return measured_recall(key.day, opened.gated.search, opened.model.component, training, key.parameters, queries)


def checks_of(at: Workplace, opened: Opened, measuring: "Future[Recall]", beside: Executor) -> list[Check]:
    """Everything that must simply be so before a candidate is compared with anything.

    Args:
        at: store and policy.
        opened: the candidate as it was stored, and what it was made from.
        measuring: recall of the stored index, as it is measured beside.
        beside: where the loss is computed, while the rest is looked at here.
    """
    gated, model, matrix = opened.gated, opened.model, opened.matrix
    policy, factors, training = at.config.gate, model.component, opened.holdout.training
    computing = beside.submit(model.recommender.recorded_loss, factors, training)
    counts = at.partitions.load(*matrix.chain[-1])
    of_matrix = matrix_checks(matrix, counts, opened.split, opened.holdout, conservation_of(at, matrix.chain))
    metric = metric_of(gated.artefact.key)
    of_index = index_checks(gated.search, gated.held, metric, gated.tracks, factors, matrix)
    return [
        finite_check(factors.user_factors, factors.item_factors),
        *of_matrix,
        loss_check(computing.result(), model.figures.losses[-1]),
        *of_index,
        *neighbours_checks(gated.similar, opened.extras.similar),
        *recall_checks(measuring.result(), policy),
        coverage_check(factors.user_factors, training, policy.min_user_coverage),
    ]


def conservation_of(at: Workplace, chain: Chain) -> Conservation:
    """What became of the streams of all partitions of a chain.

    Of a version that was restated since, what was dropped is not asked: its plays count as read and kept.
    """
    read = kept = dropped = 0
    for day, digest in chain:
        newest = at.partitions.newest(day)
        if newest is not None and newest.digest == digest:
            read, kept = read + newest.figures.rows_read, kept + newest.figures.rows_kept
            dropped += sum(newest.figures.dropped.values())
        else:
            plays = int(at.partitions.load(day, digest).plays.sum(dtype=np.int64))
            read, kept = read + plays, kept + plays
    return Conservation(read, kept, dropped)
