"""The places of the real steps where a fault of integrity would happen, and how one is planted there.

The steps work through the repositories of their workplace. A fault is a repository that does what the fault would make
it do, handed to one step alone, or an artefact that lies in the store before the steps begin.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from scipy import sparse

from benchmarks.gate_calibration.scene import Scene
from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import Day, FloatArray, PlayCounts, PlayMatrix
from recsys_tasks.index.annoy_index import build_trees
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.play_matrix import canonical, empty_matrix, fold
from recsys_tasks.matrix.row_ranges import PlayRows, whole
from recsys_tasks.matrix.split import Holdout, Split, hold_out, training_of
from recsys_tasks.recommenders.base import Arrays, TrainingFigures
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.release.bundles import GATED, Bundles
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import Models
from recsys_tasks.steps.matrix import chain_of
from recsys_tasks.steps.opened_candidate import open_candidate
from recsys_tasks.steps.training_day import TrainingDay
from recsys_tasks.storage.artefacts import Content
from recsys_tasks.storage.store import ArtefactStore

Planting = Callable[[Scene], AbstractContextManager[Scene]]
"""Gives the scene with the fault in it; what has to be undone is undone at the end."""
Stored = tuple[Arrays, TrainingFigures]
Index = tuple[RankedTracks, FloatArray]
"""The ranking, and the vectors that the Annoy file is built over."""


class ReadWrongly(Matrices):
    """Matrices whose play counts are others by the time they are loaded."""

    def __init__(self, store: ArtefactStore, change: Callable[[PlayMatrix], sparse.csr_matrix]) -> None:
        super().__init__(store)
        self._change = change

    def load(self, day: Day, digest: str) -> PlayMatrix:
        """The stored matrix, changed."""
        matrix = super().load(day, digest)
        return replace(matrix, counts=self._change(matrix))


class StoredWrongly(Models):
    """Models of which something else is stored than was trained."""

    def __init__(self, store: ArtefactStore, change: Callable[[ModelKey, Arrays, TrainingFigures], Stored]) -> None:
        super().__init__(store)
        self._change = change

    def save(self, key: ModelKey, files: Arrays, figures: TrainingFigures) -> None:
        """Store the component, changed."""
        super().save(key, *self._change(key, files, figures))


class BuiltWrongly(Bundles):
    """Bundles whose index is another one than was built, searched by the parameters that were chosen for that one."""

    def __init__(self, store: ArtefactStore, change: Callable[[RankedTracks], Index]) -> None:
        super().__init__(store)
        self._change = change

    def save(
        self,
        candidate: str,
        part: str,
        digest: str,
        key: Mapping[str, Any],
        files: Mapping[str, Content],
        figures: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a part, the gated one changed."""
        changed = self._changed(files, IndexConfig(**key["index"])) if part == GATED else files
        super().save(candidate, part, digest, key, changed, figures)

    def _changed(self, files: Mapping[str, Any], config: IndexConfig) -> dict[str, Content]:
        names = ("rank_cols", "ranked_factors", "ranked_norms")
        ranked, vectors = self._change(RankedTracks(*(files[name] for name in names), len(files["tracks"])))
        build_trees(vectors, files["index.ann"].path, config.trees, config.seed)
        return {**files, **{name: getattr(ranked, name) for name in names}}


def on_the_way_in(change: Callable[[Scene, PlayMatrix], sparse.csr_matrix]) -> Planting:
    """The training is handed other plays than the matrix holds, (n_users, n_tracks)."""

    def planted(scene: Scene) -> AbstractContextManager[Scene]:
        matrices = ReadWrongly(scene.at.store, lambda matrix: change(scene, matrix))
        return nullcontext(scene.training_with(matrices=matrices))

    return planted


def on_the_way_out(change: Callable[[Scene, ModelKey, Arrays, TrainingFigures], Stored]) -> Planting:
    """Another model is stored than was trained."""

    def planted(scene: Scene) -> AbstractContextManager[Scene]:
        models = StoredWrongly(scene.at.store, lambda *trained: change(scene, *trained))
        return nullcontext(scene.training_with(models=models))

    return planted


def in_the_factors(change: Callable[[Scene, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]) -> Planting:
    """Other factors of users and items are stored than the solver returned; the losses are those that it recorded."""

    def changed(scene: Scene, _key: ModelKey, files: Arrays, figures: TrainingFigures) -> Stored:
        users, items = change(scene, files["user_factors"], files["item_factors"])
        return {"user_factors": users, "item_factors": items}, figures

    return on_the_way_out(changed)


def in_the_ranking(change: Callable[[Scene, RankedTracks], RankedTracks]) -> Planting:
    """The index is one over another ranking than the model's."""

    def changed(scene: Scene, ranked: RankedTracks) -> Index:
        other = change(scene, ranked)
        return other, other.ranked_factors

    return _in_the_index(changed)


def in_the_annoy_file(change: Callable[[Scene, FloatArray], FloatArray]) -> Planting:
    """The Annoy file alone is built over other vectors."""
    return _in_the_index(lambda scene, ranked: (ranked, change(scene, ranked.ranked_factors)))


def _in_the_index(change: Callable[[Scene, RankedTracks], Index]) -> Planting:
    def planted(scene: Scene) -> AbstractContextManager[Scene]:
        bundles = BuiltWrongly(scene.at.store, lambda ranked: change(scene, ranked))
        return nullcontext(scene.indexing_with(bundles=bundles))

    return planted


def in_the_fold(change: Callable[[Scene, PlayMatrix, PlayCounts], PlayMatrix]) -> Planting:
    """One drawn day was folded wrongly; the days after it are folded onto that matrix."""

    def planted(scene: Scene) -> AbstractContextManager[Scene]:
        at, days = scene.at, scene.at.partitions.days()
        chain = chain_of(at, days[scene.rng.integers(len(days))])
        matrix = empty_matrix(pa.int64(), pa.int64())
        for day, digest in chain:
            counts = at.partitions.load(day, digest)
            matrix = fold(matrix, day, counts, digest)
        at.matrices.save(change(scene, matrix, counts), chain_digests(chain)[-1])
        return nullcontext(scene)

    return planted


@dataclass(frozen=True)
class Leak:
    """The hidden plays of some hidden listeners, from one of those who hide any to all."""

    share: float  # of the listeners
    seed: int

    @classmethod
    def drawn(cls, scene: Scene) -> "Leak":
        """One of any size."""
        return cls(scene.rng.random(), int(scene.rng.integers(2**31)))

    def plays(self, holdout: Holdout) -> sparse.csr_matrix:
        """Those of a day. (n_users, n_tracks)."""
        rng = np.random.default_rng(self.seed)
        let_in = rng.random(len(holdout.user_rows)) < self.share
        let_in[rng.choice(np.flatnonzero(holdout.hidden.getnnz(axis=1)))] = True
        cells = holdout.hidden.multiply(let_in[:, None].astype(np.uint32)).tocoo()
        rows, shape = holdout.user_rows[cells.row], holdout.training.shape
        return canonical(sparse.csr_matrix((cells.data, (rows, cells.col)), shape=shape, dtype=np.uint32))


def leaked_into_a_training(scene: Scene, matrix: PlayMatrix) -> sparse.csr_matrix:
    """Plays that are added to the matrix, so that they remain when the hidden listeners' day is taken out of it."""
    return canonical(matrix.counts + Leak.drawn(scene).plays(hold_out(matrix, scene.split_of(matrix))))


@contextmanager
def leaked_for_everybody(scene: Scene) -> Iterator[Scene]:
    """The function that takes the hidden plays out leaves some of them in, whoever calls it."""
    leak = Leak.drawn(scene)

    def leaking(matrix: PlayMatrix, split: Split) -> Holdout:
        holdout = hold_out(matrix, split)
        return replace(holdout, training=canonical(whole(holdout.training) + leak.plays(holdout)))

    def leaked(matrix: PlayMatrix, split: Split) -> PlayRows:
        return leaking(matrix, split).training

    with ExitStack() as until_the_end:
        for of, takes_out, instead in ((TrainingDay, training_of, leaked), (open_candidate, hold_out, leaking)):
            until_the_end.enter_context(patch.object(sys.modules[of.__module__], takes_out.__name__, instead))
        yield scene
