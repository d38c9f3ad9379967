"""The pipeline as one would first write it: all streams, everything anew, every day.

``read_sql`` of the whole history into pandas, a matrix from it, implicit from random factors for 20 iterations, a fresh
Annoy index with all cores, and implicit's own metrics on the day's plays of up to 10,000 listeners, as many as ours.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from annoy import AnnoyIndex
from implicit.cpu.als import AlternatingLeastSquares
from implicit.evaluation import ranking_metrics_at_k
from scipy import sparse
from sqlalchemy import create_engine

from benchmarks.harness import measured
from recsys_tasks.core.config import Config
from recsys_tasks.core.domain import Day
from recsys_tasks.recommenders.confidence import confidence

QUERY = """SELECT user_id, track_id, streamed_at >= '{day}' AS today FROM streams
    WHERE NOT private_session AND ms_played >= 30000 AND streamed_at < '{end}'"""
STEPS = ("read all streams", "count them", "train cold", "build Annoy", "evaluate")
LISTENERS, ITERATIONS = 10_000, 20
Works = dict[str, Callable[..., None]]  # by name, in order
Measured = list[tuple[str, float, float]]  # steps: name, seconds, megabytes held at most above what was held before


def naive_day(dsn: str, day: Day, config: Config, folder: Path) -> Measured:
    """Run it."""
    kept: dict[str, Any] = {}
    first: Works = {STEPS[0]: lambda: _read(kept, dsn, day), STEPS[1]: lambda: _count(kept)}
    return [(name, *measured(work)) for name, work in (first | _rest(kept, config, folder)).items()]


def _rest(kept: dict[str, Any], config: Config, folder: Path) -> Works:
    """The steps after reading and counting; the training takes a number of iterations."""
    index = folder / "naive.ann"
    works = (lambda n=ITERATIONS: _train(kept, config, n), lambda: _index(kept, index, config))
    return dict(zip(STEPS[2:], (*works, lambda: _evaluate(kept, config)), strict=True))


class NaiveRest:
    """The steps after reading and counting, one by one: each needs what those before it made."""

    def __init__(self, training: sparse.csr_matrix, test: sparse.csr_matrix, config: Config, folder: Path) -> None:
        self.works = _rest({"training": training, "test": test}, config, folder)

    def step(self, name: str) -> tuple[str, float, float]:
        """Do one of STEPS; the seconds of the training are reckoned from one iteration and from three."""
        work = self.works[name]
        if name != STEPS[2]:
            return name, *measured(work)
        (one, _), (three, megabytes) = (measured(lambda n=n: work(n)) for n in (1, 3))
        return name, one + (ITERATIONS - 1) * (three - one) / 2, megabytes


def chosen_of(listeners: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    """Whose day is the test: so many of the day's listeners."""
    return np.random.default_rng(1).permutation(listeners)[:LISTENERS]


def _read(kept: dict[str, Any], dsn: str, day: Day) -> None:
    engine = create_engine("postgresql+psycopg2://", creator=lambda: _connect(dsn))
    with engine.connect() as connection:
        kept["streams"] = pd.read_sql(QUERY.format(day=day, end=day + timedelta(days=1)), connection)


def _connect(dsn: str) -> Any:
    import psycopg2

    return psycopg2.connect(dsn)


def _count(kept: dict[str, Any]) -> None:
    """User x track counts without the chosen listeners' day, and that day as the test."""
    streams = kept.pop("streams")
    users, tracks = (streams[name].astype("category") for name in ("user_id", "track_id"))
    shape = (len(users.cat.categories), len(tracks.cat.categories))
    rows, cols, today = users.cat.codes.to_numpy(), tracks.cat.codes.to_numpy(), streams["today"].to_numpy()
    hidden = today & np.isin(rows, chosen_of(np.unique(rows[today])))
    for name, which in (("training", ~hidden), ("test", hidden)):
        ones = np.ones(int(which.sum()), np.uint32)
        kept[name] = sparse.csr_matrix((ones, (rows[which], cols[which])), shape=shape)


def _train(kept: dict[str, Any], config: Config, iterations: int) -> None:
    als = config.als
    kept["model"] = AlternatingLeastSquares(
        factors=als.factors, regularization=als.regularization, alpha=1.0, iterations=iterations, num_threads=0
    )
    kept["model"].fit(confidence(kept["training"], als), show_progress=False)


def _index(kept: dict[str, Any], path: Path, config: Config) -> None:
    index = AnnoyIndex(config.als.factors, "dot")
    for number, vector in enumerate(kept["model"].item_factors):
        index.add_item(number, vector)
    index.build(config.index.trees, n_jobs=-1)
    index.save(str(path))


def _evaluate(kept: dict[str, Any], config: Config) -> None:
    training, test = kept["training"], kept["test"]
    kept["metrics"] = ranking_metrics_at_k(kept["model"], training, test, K=config.evaluation.k, show_progress=False)
