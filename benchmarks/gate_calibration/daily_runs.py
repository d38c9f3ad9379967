"""The daily run of a world in memory: folded, split, trained from yesterday's factors, published."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.gate_calibration.recorded_worlds import DatedWorld
from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.domain import Day, FloatArray, PlayCounts, PlayMatrix, day_number
from recsys_tasks.matrix.play_matrix import canonical, empty_matrix, fold
from recsys_tasks.matrix.split import Holdout, hold_out, split_day
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Parent, TrainingData
from recsys_tasks.recommenders.factors import Factors

EVERYBODY = 1 << 30
HALF = EvaluationConfig(max_users=EVERYBODY, wanted_users=EVERYBODY, salt="recsys", min_history=1)
"""Half of the day's known listeners are hidden."""
WEEK = 7


@dataclass(frozen=True)
class Release:
    """A candidate of some day as it was published, with what its successor is trained from."""

    matrix: PlayMatrix
    trained: Factors
    vectors: FloatArray  # (n_users, n_factors) with the hidden listeners' day folded in
    iterations: int
    warm: bool


@dataclass(frozen=True)
class Morning:
    """A day of a chain before it is run."""

    number: int  # in the world, from 0
    recorded: int  # among the recorded ones, from 1
    counts: PlayCounts
    incumbent: Release  # what is live
    references: dict[str, Release]  # older ones to compare with as well


@dataclass(frozen=True)
class Evening:
    """What came of a day."""

    candidate: Release
    holdout: Holdout


def trained(
    world: DatedWorld, matrix: PlayMatrix, counts: PlayCounts, day: Day, parent: Release | None
) -> tuple[Release, Holdout]:
    """The candidate of a day, cold on the calendar's days, and what was hidden from it."""
    split = split_day(matrix, counts, day, HALF)
    holdout, als = hold_out(matrix, split), Als(world.als)
    cold = day_number(day) % world.als.cold_start_every_days == 0
    start = None if parent is None or cold else Parent(parent.trained, parent.matrix.users, parent.matrix.tracks)
    fit = als.fit(TrainingData(holdout.training, matrix.users, matrix.tracks), start)
    hidden = split.hidden_rows
    published = als.fold_in(fit.component, canonical(matrix.counts[hidden]), hidden)
    figures = fit.figures
    return Release(matrix, fit.component, published.user_factors, figures.iterations, figures.warm), holdout


def run(world: DatedWorld, morning: Morning) -> Evening:
    """Fold one more day onto the matrix of what is live, and train on it."""
    day, counts = world.day(morning.number), morning.counts
    matrix = fold(morning.incumbent.matrix, day, counts, str(morning.number))
    return Evening(*trained(world, matrix, counts, day, morning.incumbent))


def folded(world: DatedWorld, last: int) -> PlayMatrix:
    """All plays of the days 0 to ``last``."""
    first = world.counts(0)
    matrix = empty_matrix(first.user_ids.type, first.track_ids.type)
    for number in range(last + 1):
        matrix = fold(matrix, world.day(number), world.counts(number), str(number))
    return matrix


def chain(world: DatedWorld, days: int) -> Iterator[tuple[Morning, Evening]]:
    """The recorded days one after the other, each candidate published."""
    number = world.history - 1
    first, _ = trained(world, folded(world, number), world.counts(number), world.day(number), None)
    releases = [first]
    for recorded in range(1, min(days, world.days) + 1):
        number = world.history - 1 + recorded
        references = {"ref": first, "week": releases[0]}
        morning = Morning(number, recorded, world.counts(number), releases[-1], references)
        evening = run(world, morning)
        yield morning, evening
        releases = [*releases, evening.candidate][-WEEK:]
