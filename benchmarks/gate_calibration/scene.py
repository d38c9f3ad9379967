"""A small store through the real steps: one sound day, published, and the next day's partition waiting."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks.gate_calibration.listening import world_counts
from benchmarks.synthetic import save_day
from recsys_tasks.core.config import Config, parse_config
from recsys_tasks.core.domain import Day, PlayCounts, PlayMatrix
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.demo.world import WorldParams, build_world
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.split import Split, split_key
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.repositories.matrices import FOLDER as MATRICES
from recsys_tasks.steps import (
    Signature,
    Workplace,
    build_index,
    check_data,
    evaluate,
    gate,
    increment_matrix,
    publish,
    train_als,
)
from recsys_tasks.steps.extract import qualification_rule
from recsys_tasks.steps.results import Judged
from recsys_tasks.steps.stored_models import open_model
from recsys_tasks.storage.posix import PosixStore

WORLD = WorldParams(users=400, tracks=600, days=6)
SIGNATURE = Signature("calibration", "a sound day", "2026-01-11T00:00:00+00:00", "calibration")
REFUSED = "refused before the gate"


@dataclass(frozen=True)
class Caught:
    """How one run with a planted fault ended."""

    outcome: str  # PASS, HOLD, BLOCK, or REFUSED: a step ended the run, and nothing was judged
    by: tuple[str, ...]  # the exact checks that failed, or the kind of error that a step refused with

    @property
    def exactly(self) -> bool:
        """Whether something that nobody can override stopped it."""
        return bool(self.by)


@dataclass(frozen=True)
class Scene:
    """A store in which a fault may be planted, and what the fault may draw on."""

    at: Workplace
    day: Day
    rng: np.random.Generator
    training: Workplace  # of the step that trains
    indexing: Workplace  # of the step that builds the index

    def training_with(self, **repositories: object) -> "Scene":
        """The scene in which the training works with these repositories."""
        return replace(self, training=_with(self.at, repositories))

    def indexing_with(self, **repositories: object) -> "Scene":
        """The scene in which the index is built with these repositories."""
        return replace(self, indexing=_with(self.at, repositories))

    @property
    def yesterday(self) -> Factors:
        """The factors of the day before, as they are stored."""
        before = self.day - timedelta(days=1)
        return open_model(self.at, before, self.at.models.of(before)[0].digest).component

    def counts_of(self, day: Day) -> PlayCounts:
        """The partition of a day."""
        return self.at.partitions.load(day, str(self.at.partitions.digest(day)))

    def split_of(self, matrix: PlayMatrix) -> Split:
        """The stored split of the newest day of a matrix."""
        key = split_key(self.day, chain_digests(matrix.chain)[-1], self.at.config.evaluation)
        return self.at.splits.load(self.day, key.digest)


def _with(at: Workplace, repositories: Mapping[str, object]) -> Workplace:
    """A workplace of these repositories, in the place of those that it would make when they are first asked for."""
    other = replace(at)
    vars(other).update(repositories)
    return other


class Stage:
    """A sound store that is set up once; each run gets its own copy and its own random numbers.

    Args:
        folder: an empty directory; a memory file system makes the runs several times faster.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.day = WORLD.last_day
        at = Workplace(PosixStore(folder / "sound"), configuration(seed=0))
        world, rule = build_world(WORLD), qualification_rule(at.config.source)
        for offset in range(WORLD.days):
            day = WORLD.start + timedelta(days=offset)
            save_day(at.store, day, world_counts(world, day), rule)
        yesterday = self.day - timedelta(days=1)
        verdict = judged(at, yesterday)
        assert verdict.outcome == "PASS", verdict.reasons  # noqa: S101 - nothing is planted yet
        publish(at, yesterday, verdict.candidate, SIGNATURE)
        shutil.rmtree(folder / "sound" / MATRICES)  # each run folds its own

    @contextmanager
    def scene(self, number: int) -> Iterator[Scene]:
        """A copy of the store, with a seed of training and random numbers of its own."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            root = Path(name) / "store"
            shutil.copytree(self.folder / "sound", root, copy_function=os.link)  # nothing is ever written in place
            at = Workplace(PosixStore(root), configuration(seed=1 + number))
            yield Scene(at, self.day, np.random.default_rng([2026, number]), training=at, indexing=at)


def configuration(seed: int) -> Config:
    """Small samples, bounds that a small world keeps, and a seed of the cold start."""
    return parse_config(
        {
            "source": {"history_start": date(2026, 1, 5)},
            "als": {"weight": "log", "a": 1.0, "regularization": 10.0, "seed": seed, "factors": 16, "threads": 1},
            "index": {"trees": 10, "calibration_queries": 150},
            "evaluation": {"salt": "recsys"},
            "gate": {"min_users": 20, "margin": 1.0, "recall_queries": 150},
            "drift": {"reference_release": 0},
        }
    )


def judged(at: Workplace, day: Day, training: Workplace | None = None, indexing: Workplace | None = None) -> Judged:
    """All steps of a day from its partition to the verdict.

    Args:
        at: where the steps work.
        day: newest date.
        training: where the training works; None: as the others.
        indexing: where the index is built; None: as the others.
    """
    check_data(at, day, SIGNATURE)
    model = train_als(training or at, day, increment_matrix(at, day).split).model
    candidate = build_index(indexing or at, day, model).candidate
    return gate(at, day, evaluate(at, day, candidate).judgement)


def caught(scene: Scene) -> Caught:
    """What becomes of the scene's day."""
    try:
        verdict = judged(scene.at, scene.day, scene.training, scene.indexing)
    except RecsysError as error:
        return Caught(REFUSED, (f"a step refuses it ({type(error).__name__})",))
    failed = tuple(reason.split(":")[0] for reason in verdict.reasons) if verdict.exact else ()
    return Caught(verdict.outcome, failed)
