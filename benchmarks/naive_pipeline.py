"""The pipeline as one would first write it: all streams, everything anew, every day.

``read_sql`` of the whole history into pandas, a matrix from it, implicit from random factors for 20 iterations, a fresh
Annoy index with all cores, and implicit's own metrics on the day's plays of up to 10,000 listeners, as many as ours.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from annoy import AnnoyIndex
from implicit.cpu.als import AlternatingLeastSquares
from implicit.evaluation import ranking_metrics_at_k
from scipy import sparse
from sqlalchemy import create_engine

from benchmarks.harness import measured
from recsys_tasks.als import confidence
from recsys_tasks.config import AlsConfig, Config
from recsys_tasks.domain import Day

QUERY = """SELECT user_id, track_id, streamed_at >= '{day}' AS today FROM streams
    WHERE NOT private_session AND ms_played >= 30000 AND streamed_at < '{end}'"""
TRAIN_COLD = "train cold"
STEPS = ("read all streams", "count them", TRAIN_COLD, "build Annoy", "evaluate")
LISTENERS, ITERATIONS = 10_000, 20


def naive_day(dsn: str, day: Day, config: Config, folder: Path) -> list[tuple[str, float, float]]:
    """Run it: of each step its seconds, and the megabytes held at most above what was held before."""
    kept: dict[str, Any] = {}
    steps: list[Callable[[], None]] = [
        lambda: _read(kept, dsn, day),
        lambda: _count(kept),
        lambda: _train(kept, config),
        lambda: _index(kept, folder / "naive.ann", config),
        lambda: _evaluate(kept, config),
    ]
    return [(name, *measured(step)) for name, step in zip(STEPS, steps, strict=True)]


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
    chosen = np.random.default_rng(1).permutation(np.unique(rows[today]))[:LISTENERS]
    hidden = today & np.isin(rows, chosen)
    for name, which in (("training", ~hidden), ("test", hidden)):
        ones = np.ones(int(which.sum()), np.uint32)
        kept[name] = sparse.csr_matrix((ones, (rows[which], cols[which])), shape=shape)


def _train(kept: dict[str, Any], config: Config) -> None:
    kept["model"] = train_cold(kept["training"], config.als, ITERATIONS)


def train_cold(plays: sparse.csr_matrix, als: AlsConfig, iterations: int) -> AlternatingLeastSquares:
    """Train from random factors on play counts."""
    model = AlternatingLeastSquares(
        factors=als.factors, regularization=als.regularization, alpha=1.0, iterations=iterations, num_threads=0
    )
    model.fit(confidence(plays, als), show_progress=False)
    return model


def _index(kept: dict[str, Any], path: Path, config: Config) -> None:
    index = AnnoyIndex(config.als.factors, "dot")
    for number, vector in enumerate(kept["model"].item_factors):
        index.add_item(number, vector)
    index.build(config.index.trees, n_jobs=-1)
    index.save(str(path))


def _evaluate(kept: dict[str, Any], config: Config) -> None:
    training, test = kept["training"], kept["test"]
    kept["metrics"] = ranking_metrics_at_k(kept["model"], training, test, K=config.evaluation.k, show_progress=False)
