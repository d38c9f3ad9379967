"""Stored models opened as they were trained: by the parameters and the split of their own key.

Today's configuration, or a partition that was restated since, would hide other listeners than those left out then.
"""

from dataclasses import dataclass

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.domain import Day, PlayMatrix
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.split import Split, split_day, without_salt
from recsys_tasks.recommenders.als import LOSS_LISTENERS, Als
from recsys_tasks.recommenders.base import TrainingFigures
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.workplace import Workplace


def own_partition(at: Workplace, key: CandidateKey) -> str | None:
    """Digest of the partition of a candidate's own day; None where its matrix is not stored any more."""
    return at.matrices.chain(key.day, key.matrix)[-1][1] if at.matrices.holds(key.day, key.matrix) else None


@dataclass(frozen=True)
class OpenedModel:
    """A stored model: what it was made from, its recommender, its component, and what its training recorded."""

    key: ModelKey
    recommender: Als
    component: Factors
    figures: TrainingFigures


def open_model(at: Workplace, day: Day, digest: str) -> OpenedModel:
    """A stored model, verified and mapped.

    Raises:
        CorruptArtefact: a file differs from its manifest.
        BadData: its files hold no sound factors.
    """
    artefact, key = at.models.load(day, digest), at.models.key(day, digest)
    recommender = recommender_of(key)
    with artefact.named():
        component = recommender.open(arrays_of(artefact))
    return OpenedModel(key, recommender, component, at.models.figures(day, digest))


def recommender_of(key: ModelKey) -> Als:
    """The recommender that trained a model. Before format 3 its last loss was of all listeners."""
    return Als(key.als, loss_listeners=LOSS_LISTENERS if key.training >= 3 else ALL_LISTENERS)


ALL_LISTENERS = 2**62
"""More than there are."""


def split_of(at: Workplace, key: ModelKey, matrix: PlayMatrix) -> Split:
    """The split that a model was trained with; one of a format before 4 named its settings only."""
    if key.split is not None:
        return at.splits.load(key.day, key.split)
    counts = at.partitions.load(*matrix.chain[-1])
    return split_day(matrix, counts, key.day, EvaluationConfig(**{"min_history": 1, **(key.hidden or {})}))


def split_settings_of(at: Workplace, key: ModelKey) -> Json:
    """The settings of the split that a model was trained with, the salt by its digest."""
    return at.splits.key(key.day, key.split).settings if key.split is not None else without_salt(key.hidden or {})
