"""ALS of Spark MLlib beside ``implicit``: how far apart the two are by our formula, by hits and by lists.

    python -m benchmarks.spark_als --data DIR --only "demo world" lastfm-2k

Both sides train in one process on the same plays with the same parameters, Spark through the program's own backend in
a local Spark of two threads. Its lambda is another one (docs/backends.md), so a difference is to be expected; a second
training of ``implicit`` from other first factors says how much of it is chance. Lists are exact, for listeners who are
learned anew from their plays, as a release has them; *as trained* has the listeners' vectors that Spark itself made.
Differences are paired over listeners, with intervals of 95%. CPU seconds hold the start of the JVM.
"""

import argparse
import resource
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.als_defaults import SETS, present, table
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.formatting import signed_fraction
from recsys_tasks.core.spark import SparkConfig
from recsys_tasks.evaluation.estimates import Z_95
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.metrics import Values, precision
from recsys_tasks.evaluation.tuning_scores import interval
from recsys_tasks.evaluation.tuning_split import TuningSplit
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.backends.spark import Spark
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.steps.trainers import spark_versions

K, CONFIG = 10, AlsConfig(threads=2)
COLUMNS = ["data", "trained by", "CPU s", "loss", "precision@10", "less implicit", "top 10 shared with implicit"]
Lists = npt.NDArray[np.int64]


def local_spark(threads: int) -> Spark:
    """The program's backend, in a Spark of so many threads inside this process's task."""
    config = SparkConfig(master=f"local[{threads}]", properties={"spark.driver.memory": "4g"})
    return Spark(config, spark_versions(), tempfile.TemporaryDirectory)


@dataclass(frozen=True)
class Side:
    """What one training made of a data set."""

    name: str
    seconds: float  # of CPU, children's included
    loss: float
    lists: Lists  # (n_users, K)
    hits: Values  # (n_users,) precision@K


def main(words: Sequence[str] | None = None) -> None:
    """Print a row for each side of each data set. words: of the command line; None: those of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in SETS], metavar="SET", help="some of them")
    args = parser.parse_args(words)
    with threadpool_limits(1):
        for of, split in present([each for each in SETS if not args.only or each.name in args.only], args.data):
            print(table(COLUMNS, [[of.name, *row] for row in compared(split)]), flush=True)


def compared(split: TuningSplit) -> list[list[str]]:
    """A row for each side, ``implicit`` first."""
    other, spark = CONFIG.model_copy(update={"seed": CONFIG.seed + 1}), local_spark(CONFIG.threads)
    ours = _side(split, "implicit", Als(CONFIG))[0]
    sides = [ours, *_side(split, "implicit, another seed", Als(other))[:1], *_side(split, "spark", Als(CONFIG, spark))]
    return [_row(each, ours) for each in sides]


def _side(split: TuningSplit, name: str, als: Als) -> list[Side]:
    """With listeners learned anew, and as trained."""
    before = _cpu_seconds()
    factors = als.fit(TrainingData(split.training, split.users, split.tracks)).component
    seconds, loss = _cpu_seconds() - before, als.recorded_loss(factors, split.training)
    rows = np.sort(np.concatenate([split.choosing, split.reporting]))
    anew = als.user_vectors(split.training[rows], factors.item_factors)
    vectors = {name: anew, f"{name}, as trained": factors.user_factors[rows]}
    lists, hidden = {each: _lists(split, factors, rows, of) for each, of in vectors.items()}, split.hidden[rows]
    return [Side(each, seconds, loss, found, precision(is_hit(found, hidden))) for each, found in lists.items()]


def _lists(split: TuningSplit, factors: Factors, rows: Lists, vectors: npt.NDArray[np.float32]) -> Lists:
    played = split.training[rows]
    return exact_top(factors.item_factors, vectors, Played(played.indptr, played.indices), K).cols.astype(np.int64)


def _row(side: Side, ours: Side) -> list[str]:
    gain, shared = interval(side.hits, ours.hits), _shared(side.lists, ours.lists)
    half = Z_95 * shared.std(ddof=1) / np.sqrt(len(shared))
    found = [signed_fraction(each) for each in gain]
    return [
        side.name,
        f"{side.seconds:.0f}",
        f"{side.loss:.6g} ({side.loss / ours.loss - 1:+.2%})",
        f"{side.hits.mean():.4f}",
        "" if side is ours else f"{found[0]} [{found[1]}, {found[2]}]",
        "" if side is ours else f"{shared.mean():.3f} ± {half:.3f}",
    ]


def _shared(one: Lists, other: Lists) -> Values:
    """Share of each listener's list that stands on the other one too. (n_users,)."""
    return np.asarray((one[:, :, None] == other[:, None, :]).any(axis=2).mean(axis=1))


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    of = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in of)


if __name__ == "__main__":
    main()
