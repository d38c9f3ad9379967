"""ALS of Spark MLlib on a play matrix, in a local Spark of a few threads."""

import shutil
import tempfile
import time

import numpy as np
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.factors import Factors


def fit(plays: sparse.csr_matrix, config: AlsConfig, iterations: int) -> tuple[float, Factors]:
    """Seconds of the fit alone, on pairs that lie in Spark's cache, and the factors; rows that it leaves out are zero.

    Args:
        plays: (n_users, n_tracks) play counts.
        config: factors, weight, a, lambda and threads.
        iterations: alternations.
    """
    session = (
        SparkSession.builder.master(f"local[{config.threads}]")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    checkpoints = tempfile.mkdtemp(prefix="recsys-spark-")
    session.sparkContext.setCheckpointDir(checkpoints)  # else the lineage of 20 iterations overflows the JVM's stack
    try:
        ratings = _ratings(session, plays, config)
        degrees = np.concatenate([np.diff(plays.indptr), np.bincount(plays.indices, minlength=plays.shape[1])])
        solver = ALS(
            rank=config.factors,
            maxIter=iterations,
            regParam=config.regularization / float(degrees[degrees > 0].mean()),
            implicitPrefs=True,
            alpha=config.a,
            numUserBlocks=config.threads,
            numItemBlocks=config.threads,
            seed=config.seed,
        )
        begun = time.perf_counter()
        model = solver.fit(ratings)
        taken = time.perf_counter() - begun
        users, tracks = (
            _dense(frame, n, config.factors)
            for frame, n in ((model.userFactors, plays.shape[0]), (model.itemFactors, plays.shape[1]))
        )
        return taken, Factors(users, tracks)
    finally:
        session.stop()
        shutil.rmtree(checkpoints, ignore_errors=True)


def _ratings(session: SparkSession, plays: sparse.csr_matrix, config: AlsConfig) -> DataFrame:
    """r of each pair, so that 1 + alpha * r is our confidence; cached and counted."""
    import pandas as pd

    rows = np.repeat(np.arange(plays.shape[0], dtype=np.int32), np.diff(plays.indptr))
    strength = (confidence(plays, config).data - 1) / config.a
    frame = session.createDataFrame(pd.DataFrame({"user": rows, "item": plays.indices, "rating": strength})).cache()
    frame.count()
    return frame


def _dense(frame: DataFrame, n: int, n_factors: int) -> FloatArray:
    """Factors by row number. (n, n_factors)."""
    values = np.zeros((n, n_factors), np.float32)
    found = frame.toPandas()
    values[found["id"].to_numpy()] = np.array(found["features"].tolist(), np.float32)
    return values
