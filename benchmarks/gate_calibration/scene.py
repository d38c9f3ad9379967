"""A small store through the real steps: one sound day, published, and the next day's partition waiting."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks.gate_calibration.listening import world_counts
from recsys_tasks.core.config import Config, parse_config
from recsys_tasks.core.domain import Day, Factors, PlayCounts
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.demo.world import WorldParams, build_world
from recsys_tasks.steps import (
    Reference,
    Signature,
    Workplace,
    build_index,
    evaluate,
    gate,
    increment_matrix,
    publish,
    train_als,
)
from recsys_tasks.steps.extract import qualification_rule
from recsys_tasks.storage.store import Store

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

    @property
    def yesterday(self) -> Factors:
        """The factors of the day before, as they are stored."""
        before = self.day - timedelta(days=1)
        return self.at.store.load_model(before, self.at.store.models_of(before)[0]["digest"])[0]

    def counts_of(self, day: Day) -> PlayCounts:
        """The partition of a day."""
        return self.at.store.load_partition(day, str(self.at.store.partition_digest(day)))


class Stage:
    """A sound store that is set up once; each run gets its own copy and its own random numbers.

    Args:
        folder: an empty directory; a memory file system makes the runs several times faster.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.day = WORLD.last_day
        at = Workplace(Store(folder / "sound"), configuration(seed=0))
        world = build_world(WORLD)
        for offset in range(WORLD.days):
            save_day(
                at, WORLD.start + timedelta(days=offset), world_counts(world, WORLD.start + timedelta(days=offset))
            )
        yesterday = self.day - timedelta(days=1)
        verdict = judged(at, yesterday)
        assert verdict["outcome"] == "PASS", verdict["reasons"]  # noqa: S101 - nothing is planted yet
        publish(at, yesterday, verdict["candidate"], SIGNATURE)
        shutil.rmtree(folder / "sound" / "matrices")  # each run folds its own

    @contextmanager
    def scene(self, number: int) -> Iterator[Scene]:
        """A copy of the store, with a seed of training and random numbers of its own."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            root = Path(name) / "store"
            shutil.copytree(self.folder / "sound", root, copy_function=os.link)  # nothing is ever written in place
            at = Workplace(Store(root), configuration(seed=1 + number))
            yield Scene(at, self.day, np.random.default_rng([2026, number]))


def configuration(seed: int) -> Config:
    """Small samples, bounds that a small world keeps, and a seed of the cold start."""
    return parse_config(
        {
            "source": {"history_start": date(2026, 1, 5)},
            "als": {"weight": "log", "a": 1.0, "regularization": 10.0, "seed": seed, "factors": 16, "threads": 1},
            "index": {"trees": 10, "calibration_queries": 150},
            "gate": {"min_users": 20, "margin": 1.0, "recall_queries": 150},
            "drift": {"reference_release": 0},
        }
    )


def save_day(at: Workplace, day: Day, counts: PlayCounts) -> None:
    """Store a partition as the extraction would, of a source in which every row counts."""
    plays = int(counts.plays.sum(dtype=np.int64))
    figures = {"rows_read": plays, "rows_kept": plays, "dropped_duplicate": 0, "pairs": len(counts)}
    at.store.save_partition(day, counts, qualification_rule(at.config.source), figures)


def judged(at: Workplace, day: Day) -> Reference:
    """All steps of a day from its partition to the verdict."""
    model = train_als(at, day, increment_matrix(at, day)["matrix"])["model"]
    candidate = build_index(at, day, model)["candidate"]
    return gate(at, day, evaluate(at, day, candidate)["judgement"])


def caught(scene: Scene) -> Caught:
    """What becomes of the scene's day."""
    try:
        verdict = judged(scene.at, scene.day)
    except RecsysError as error:
        return Caught(REFUSED, (f"a step refuses it ({type(error).__name__})",))
    failed = tuple(reason.split(":")[0] for reason in verdict["reasons"]) if verdict["exact"] else ()
    return Caught(str(verdict["outcome"]), failed)
