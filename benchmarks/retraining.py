"""Retraining over 30 consecutive days: warm starts against cold runs of 20 iterations, and against Spark MLlib once.

    python -m benchmarks.retraining [--size small|full]

Each day is folded in, and both sides train on the same plays with the same parameters: ours from its own factors of the
day before, as the pipeline does without ever starting cold again, ``implicit`` from random ones. On the day before the
first, both have the same cold run. What counts is the seconds until ours has the loss that the cold run ends with.
Beside it stands precision@10 on the next day's plays of tracks that a listener had not played, by exact scoring, the
same listeners for both.

Spark's ALS solves the same weighted problem (c = 1 + alpha * r, given log(1 + plays) as r), but multiplies lambda by
the number of pairs of each listener and track; its lambda is ours divided by the mean pairs of a listener, which
punishes heavy listeners more and light ones less. So its own optimum is another one, and its loss by our formula is
shown, not raced for. Its JVM is another process: its memory is not in the table, its start is in the seconds.

The physical limit is one iteration: factors that know the day's new plays at all need one pass over all pairs.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.harness import FULL, SMALL, Line, Table, keep, line, measured
from benchmarks.spark_als import local_spark
from benchmarks.synthetic import Service
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import PlayCounts, PlayMatrix
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.matrix.play_matrix import empty_matrix, fold
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Fit, Parent, Progress, TrainingData, unheard
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.factors import Factors

K, LISTENERS, COLD_ITERATIONS, Z = 10, 2_000, 20, 1.96
SIZES = {SMALL: (Service(6_000, 6_000, 12_000, 39), 8), FULL: (Service(20_000, 20_000, 40_000, 61), 30)}
OURS, SETTLED, COLD, ONE = "warm, to the cold run's loss", "warm, until it settles", "implicit, cold", "one iteration"
Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass
class Days:
    """What was measured, day by day."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in (OURS, SETTLED, COLD, ONE)})
    megabytes: dict[str, float] = field(default_factory=lambda: dict.fromkeys((OURS, SETTLED, COLD, ONE), 0.0))
    rows: list[dict[str, Any]] = field(default_factory=list)

    def note(self, side: str, work: Callable[[], Any]) -> None:
        """Measure one turn of a side."""
        seconds, peak = measured(work)
        self.seconds[side].append(seconds)
        self.megabytes[side] = max(self.megabytes[side], peak)


def main() -> None:
    """Run the days, then Spark, and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    service, n_days = SIZES[size]
    config = service.config().als
    days, matrix, cold = run(service, n_days, config)
    notes = {
        OURS: "",
        SETTLED: f"as the pipeline trains: tolerance {config.tolerance:g}",
        COLD: f"{COLD_ITERATIONS} iterations, {config.threads} threads, no loss computed",
        ONE: "",
    }
    lines = [
        line(name, days.seconds[name], days.seconds[OURS], days.megabytes[name], note, limit=name == ONE)
        for name, note in notes.items()
    ]
    lines += spark(matrix, service, config, cold, lines[0])
    about = (
        f"{n_days} days after the first {service.days - 1 - n_days}, at the end {matrix.counts.nnz:,} pairs of "
        f"{matrix.counts.shape[0]:,} listeners and {matrix.counts.shape[1]:,} tracks; {config.factors} factors."
    )
    keep(Table("retraining", "Retraining day by day", size, about, lines, goal(days, lines), days.rows))


def run(service: Service, n_days: int, config: AlsConfig) -> tuple[Days, PlayMatrix, Factors]:
    """All days; the last matrix, and the last cold factors."""
    matrix, days = empty_matrix(pa.int64(), pa.int64()), Days()
    first = service.days - 1 - n_days
    for number in range(first):
        matrix = fold(matrix, service.day(number), service.counts(number), str(number))
    own = cold_run(matrix, config)  # both sides have it on the day before the first
    for number in range(first, first + n_days):
        before, matrix = matrix, fold(matrix, service.day(number), service.counts(number), str(number))
        own, cold = one_day(days, matrix, before, own, config, service.counts(number + 1))
    return days, matrix, cold


def one_day(
    days: Days, matrix: PlayMatrix, before: PlayMatrix, own: Factors, config: AlsConfig, tomorrow: PlayCounts
) -> tuple[Factors, Factors]:
    """All sides on one day; the settled factors of ours, and the cold ones."""
    made: dict[str, Any] = {}
    data, parent = TrainingData(matrix.counts, matrix.users, matrix.tracks), Parent(own, before.users, before.tracks)

    def warm(progress: Progress = unheard, **changes: Any) -> Fit[Factors]:
        return Als(config.model_copy(update=changes)).fit(data, parent, progress)

    def race() -> None:
        made["reached"] = iterations_to(goal_loss, partial(warm, tolerance=1e-12))

    days.note(COLD, lambda: made.update(cold=cold_run(matrix, config)))
    goal_loss = Als(config).recorded_loss(made["cold"], matrix.counts)
    days.note(OURS, race)
    days.note(SETTLED, lambda: made.update(own=warm()))
    days.note(ONE, lambda: warm(max_iterations=1))
    settled, cold = made["own"], made["cold"]
    asked = Asked.of(matrix, tomorrow)
    mine, theirs = asked.precision(settled.component), asked.precision(cold)
    difference, error = float((mine - theirs).mean()), float((mine - theirs).std(ddof=1) / math.sqrt(len(mine)))
    days.rows.append(
        {
            "day": len(days.rows) + 1,
            "pairs": f"{matrix.counts.nnz:,}",
            "cold loss": f"{goal_loss:.6f}",
            "our loss": f"{settled.figures.losses[-1]:.6f}",
            "our iterations": settled.figures.iterations,
            "to the cold loss": made["reached"] or "not reached",
            "our precision": f"{mine.mean():.4f}",
            "cold precision": f"{theirs.mean():.4f}",
            "difference": f"{difference:+.4f} ± {Z * error:.4f}",
        }
    )
    return settled.component, cold


class _Reached(Exception):
    """Ends a training that has the loss it was to reach, after so many iterations."""


def iterations_to(loss: float, train: Callable[[Progress], Any]) -> int | None:
    """Train until the loss is no more than this; after how many iterations, None if it never was."""

    def look(done: int, found: float) -> None:
        if found <= loss:
            raise _Reached(done)

    try:
        train(look)
    except _Reached as reached:
        return int(reached.args[0])
    return None


def cold_run(matrix: PlayMatrix, config: AlsConfig) -> Factors:
    """The library from random factors, for a fixed number of iterations, as one would use it every day."""
    model = AlternatingLeastSquares(
        factors=config.factors,
        regularization=config.regularization,
        alpha=1.0,
        iterations=COLD_ITERATIONS,
        num_threads=config.threads,
        random_state=1,
    )
    with threadpool_limits(1, user_api="blas"):
        model.fit(confidence(matrix.counts, config), show_progress=False)
    return Factors(model.user_factors, model.item_factors)


@dataclass(frozen=True)
class Asked:
    """Some listeners of the next day, what they knew, and what they played for the first time."""

    rows: Rows  # (n_asked,) in the matrix
    played: Any  # (n_asked, n_tracks) CSR
    wanted: Any  # (n_asked, n_tracks) CSR of ones

    @classmethod
    def of(cls, matrix: PlayMatrix, tomorrow: PlayCounts) -> "Asked":
        """Those who find at least one known track on the day that they had not played."""
        rows, cols = matrix.users.rows_of(tomorrow.user_ids), matrix.tracks.rows_of(tomorrow.track_ids)
        known = (rows >= 0) & (cols >= 0)
        rows, cols = rows[known], cols[known]
        fresh = np.asarray(matrix.counts[rows, cols]).ravel() == 0
        rows, cols = rows[fresh], cols[fresh]
        asked = np.random.default_rng(len(matrix.chain)).permutation(np.unique(rows))[:LISTENERS]
        wanted = matrix.counts[asked].astype(bool).tolil()
        wanted[:] = False
        place = np.full(len(matrix.users), -1)
        place[asked] = np.arange(len(asked))
        chosen = place[rows] >= 0
        wanted[place[rows[chosen]], cols[chosen]] = True
        return cls(asked, matrix.counts[asked], wanted.tocsr())

    def precision(self, factors: Factors) -> Values:
        """precision@10 of each. (n_asked,)."""
        scores = factors.user_factors[self.rows] @ factors.item_factors.T
        scores[self.played.nonzero()] = -np.inf
        best = np.argpartition(-scores, K, axis=1)[:, :K]
        hits = np.asarray(self.wanted[np.arange(len(best))[:, None], best].todense())
        return hits.mean(axis=1, dtype=np.float64)


def goal(days: Days, lines: Sequence[Line]) -> str:
    """Whether what was asked for was met: speed, precision on every day, and no drift of the difference."""
    found = [[float(part) for part in row["difference"].split(" ± ")] for row in days.rows]
    differences = np.array([difference for difference, _ in found])
    worse = sum(difference + bound < 0 for difference, bound in found)
    better = sum(difference - bound > 0 for difference, bound in found)
    place = np.arange(len(differences)) - (len(differences) - 1) / 2
    slope = float(place @ differences / (place @ place))
    rest = differences - differences.mean() - slope * place
    error = math.sqrt(float(rest @ rest) / (len(rest) - 2) / float(place @ place))
    return (
        f"asked for: at least 10x faster than cold ({lines[2].ratio:.1f}x to its loss, "
        f"{lines[2].seconds / lines[1].seconds:.1f}x until ours settles), precision within noise on every day "
        f"(beyond 95 % on {worse} days for the cold run and {better} for ours; {len(found) / 20:.1f} to be expected by "
        f"chance; mean difference {differences.mean():+.5f}), no drift (slope {slope:+.6f} ± {Z * error:.6f} a day)."
    )


def spark(matrix: PlayMatrix, service: Service, config: AlsConfig, cold: Factors, ours: Line) -> list[Line]:
    """Spark MLlib's ALS on the last day's matrix; nothing where it is not installed."""
    try:
        backend = local_spark(config.threads)
    except ConfigError as error:
        print(f"Spark is left out: {error}")
        return []
    asked = Asked.of(matrix, service.counts(service.days - 1))
    als, made = Als(config.model_copy(update={"max_iterations": COLD_ITERATIONS}), backend), {}
    data = TrainingData(matrix.counts, matrix.users, matrix.tracks)
    seconds, _ = measured(lambda: made.update(spark=als.fit(data).component))
    fitted: Mapping[str, Factors] = {"Spark": made["spark"], "cold": cold}
    losses = {who: Als(config).recorded_loss(each, matrix.counts) for who, each in fitted.items()}
    precisions = {who: asked.precision(each).mean() for who, each in fitted.items()}
    note = (
        f"the last day once, {COLD_ITERATIONS} iterations, local[{config.threads}]; by our formula loss "
        f"{losses['Spark']:.4f} ({losses['cold']:.4f} cold), precision {precisions['Spark']:.4f} "
        f"({precisions['cold']:.4f} cold); memory of the JVM not counted"
    )
    return [Line("Spark MLlib ALS", seconds, (seconds, seconds), seconds / ours.seconds, 0.0, note)]


if __name__ == "__main__":
    main()
