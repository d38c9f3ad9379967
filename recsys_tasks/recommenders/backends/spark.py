"""Spark MLlib's ALS, for matrices that the cores of one machine do not finish in time.

Spark minimises the same weighted sum with another regularisation (Zhou et al., "Large-scale parallel collaborative
filtering for the Netflix prize", AAIM 2008): in the equation of a row, ``regParam`` times the number of its pairs takes
the place of lambda. The confidence is the same: 1 + alpha * rating there, with a for alpha and w(plays) for the rating.

Its first factors are private (``initialize`` in ``org.apache.spark.ml.recommendation.ALS``), so that no training begins
with yesterday's. Rows without a pair are left out by Spark, and are zero here. Its row numbers have 32 bits.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import Json
from recsys_tasks.core.spark import SparkConfig
from recsys_tasks.matrix.row_ranges import BLOCK_PAIRS, PlayRows, by_blocks
from recsys_tasks.recommenders.backends.spark_folder import Elsewhere, Here, meeting
from recsys_tasks.recommenders.backends.spark_session import started
from recsys_tasks.recommenders.confidence import strength_of
from recsys_tasks.recommenders.factors import Factors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAIRS, USERS, TRACKS, CHECKPOINTS = "pairs.parquet", "users", "tracks", "checkpoints"
MOST_ROWS = 2**31
SCHEMA = pa.schema({"user": pa.int32(), "track": pa.int32(), "rating": pa.float32()})
Workspace = Callable[[], AbstractContextManager[str]]


class Spark:
    """MLlib's ALS on a master, or in threads of this task."""

    def __init__(self, config: SparkConfig, versions: Json, workspace: Workspace) -> None:
        """Nothing is started yet.

        Args:
            config: master, properties, blocks.
            versions: of PySpark and Java, as ``steps.trainers`` found them.
            workspace: gives a private folder that is removed at the end.
        """
        self._config, self._versions, self._workspace = config, versions, workspace

    def identity(self) -> Json:
        """As ``WholeTraining``: sums depend on the number of blocks."""
        return {"name": "spark", **self._versions, "blocks": self._config.blocks}

    def train(self, plays: PlayRows, config: AlsConfig) -> Factors:
        """As ``WholeTraining``; pairs go to Spark and factors come back as Parquet."""
        _refuse_too_many(plays.shape)
        with self._workspace() as folder:
            write_pairs(f"{folder}/{PAIRS}", plays, config)
            with started(self._config, folder) as session, meeting(session, self._config.folder, folder) as place:
                self._fit(session, place, reg_param(plays, config.regularization), config)
            sides = zip((USERS, TRACKS), plays.shape, strict=True)
            return Factors(*(read_factors(f"{folder}/{name}", n, config.factors) for name, n in sides))

    def _fit(self, session: "SparkSession", place: Here | Elsewhere, reg: float, config: AlsConfig) -> None:
        from pyspark.ml.recommendation import ALS

        session.sparkContext.setCheckpointDir(place.of(CHECKPOINTS))  # without it the stack overflows by iteration 20
        solver = ALS(
            rank=config.factors,
            maxIter=config.max_iterations,
            regParam=reg,
            implicitPrefs=True,
            alpha=config.a,
            numUserBlocks=self._config.blocks,
            numItemBlocks=self._config.blocks,
            userCol="user",
            itemCol="track",
            seed=config.seed,
        )
        place.send(PAIRS)
        model = solver.fit(session.read.parquet(place.of(PAIRS)))
        for name, factors in ((USERS, model.userFactors), (TRACKS, model.itemFactors)):
            factors.write.parquet(place.of(name))
            place.fetch(name)


def reg_param(plays: PlayRows, regularization: float) -> float:
    """lambda over the mean pairs of a listener who has any: Spark multiplies it by the pairs of each row."""
    heard = np.diff(plays.indptr) > 0
    return regularization * int(heard.sum()) / int(plays.nnz)


def write_pairs(path: str, plays: PlayRows, config: AlsConfig, at_once: int = BLOCK_PAIRS) -> None:
    """A Parquet file of (user, track, rating) by row numbers, so that 1 + a * rating is the confidence.

    Args:
        path: of the file.
        plays: (n_users, n_tracks) play counts.
        config: what a rating is.
        at_once: pairs that are written together.

    Raises:
        BadData: as ``strength_of``.
    """
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for rows, cells in by_blocks(plays, at_once):
            users = np.repeat(np.arange(rows.start, rows.stop), np.diff(cells.indptr))
            columns = (users, cells.indices, strength_of(cells.data, config))
            writer.write_table(pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA))


def read_factors(folder: str, n: int, n_factors: int) -> FloatArray:
    """Spark's factors by row number, zero where it has none. (n, n_factors)."""
    from pyarrow import dataset  # costs a start of the program, which seldom trains, a tenth of a second

    values = np.zeros((n, n_factors), np.float32)
    for batch in dataset.dataset(folder, format="parquet").to_batches():
        values[np.asarray(batch["id"])] = np.asarray(batch["features"].flatten()).reshape(-1, n_factors)
    return values


def _refuse_too_many(shape: tuple[int, int]) -> None:
    for kind, n in zip(("listeners", "tracks"), shape, strict=True):
        if n > MOST_ROWS:
            raise BadData(
                f"The matrix has {n:,} {kind}, and Spark's ALS can number {MOST_ROWS:,}. Let the history begin later "
                "(source.history_start)."
            )
