"""A stored candidate opened with everything that it is judged by, its recall, and the exact checks on it."""

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np

from recsys_tasks.core.domain import FloatArray, PlayMatrix, Vocabulary, day_number
from recsys_tasks.evaluation.cold_tracks import NEW_DAYS
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.exact_checks import (
    cold_check,
    coverage_check,
    finite_check,
    index_checks,
    loss_check,
    measured_recall,
    ranker_checks,
    recall_checks,
    similar_checks,
)
from recsys_tasks.gate.matrix_checks import Conservation, matrix_checks
from recsys_tasks.index.annoy_index import metric_of
from recsys_tasks.index.recall import Recall
from recsys_tasks.matrix.chain import Chain
from recsys_tasks.matrix.items import items_of
from recsys_tasks.matrix.split import Holdout, Split, hold_out
from recsys_tasks.recommenders.cold_tracks import NO_COLD_TRACKS, content_means
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.neighbours import SimilarTracks
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
    items: Vocabulary  # the matrix's tracks, then those without plays where these have factors
    extras: Extras = field(default_factory=Extras)  # with a place for each item
    few_listeners: int = 0  # from which on a track has the factors of ALS alone

    @cached_property
    def factors(self) -> Factors:
        """What the index was made from: of each item, those of tracks without plays among them."""
        component = self.model.component
        return Factors(component.user_factors, self.extras.item_factors(component, len(self.items)))

    @cached_property
    def content_means(self) -> FloatArray:
        """Factors by content, where it is known, of the items with few listeners and of the week's; 0 for all others.
        (n_items, n_factors)."""
        learned = NO_COLD_TRACKS.put_into(self.model.component, len(self.items)).item_factors
        lately = self.items.first_days > day_number(self.gated.key.day) - NEW_DAYS
        wanted = (self.asked.listeners < self.few_listeners) | lately
        return content_means(learned, cast(SimilarTracks, self.extras.content), wanted)

    @cached_property
    def asked(self) -> Holdout:
        """The day as the listeners are asked about it, with a column for each item."""
        return self.holdout.widened(len(self.items))


def open_candidate(at: Workplace, part: Artefact, beside: Executor) -> Opened:
    """Everything that a candidate is judged by, each verified."""
    key = CandidateKey.from_json(part.key)
    opening = beside.submit(lambda: (open_gated(part), open_model(at, key.day, key.component), open_extras(at, key)))
    matrix = at.matrices.load(key.day, key.matrix)
    gated, model, extras = opening.result()
    split = split_of(at, model.key, matrix)
    items, few = matrix.tracks, 0
    if key.cold is not None:
        items = items_of(items, at.catalogues.load(key.day, str(key.catalogue)), key.day)
        few = at.models.key(key.day, key.cold).parameters["few_listeners"]
    return Opened(gated, model, matrix, split, hold_out(matrix, split), items, extras.widened(len(items)), few)


def recall_of(at: Workplace, opened: Opened) -> Recall:
    """Recall of the stored index on queries that it was not calibrated on."""
    key, training = opened.gated.key, opened.holdout.training
    queries = at.config.gate.recall_queries
    return measured_recall(key.day, opened.gated.search, opened.factors, training, key.parameters, queries)


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
    of_index = index_checks(gated.search, gated.held, metric, gated.tracks, opened.factors, opened.items)
    return [
        finite_check(factors.user_factors, factors.item_factors),
        *of_matrix,
        loss_check(computing.result(), model.figures.losses[-1]),
        *of_index,
        *similar_checks("neighbours", gated.similar, opened.extras.similar),
        *similar_checks("content", gated.content, opened.extras.content),
        *_cold_checks(opened),
        *ranker_checks(gated.ranker, opened.extras.ranker),
        *recall_checks(measuring.result(), policy),
        coverage_check(factors.user_factors, training, policy.min_user_coverage),
    ]


def _cold_checks(opened: Opened) -> list[Check]:
    """Whether the factors of tracks without plays follow from those with plays; nothing where there are none."""
    cold, few = opened.extras.cold, opened.few_listeners
    if cold is None or opened.extras.content is None:
        return []
    return [cold_check(cold, opened.model.component, opened.content_means, opened.asked.listeners, few)]


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
