"""A real Spark, inside the task and as a cluster: what it minimises, that it repeats itself, and how it breaks off."""

import os
import tempfile
from contextlib import contextmanager
from threading import Thread

import numpy as np
import pytest

pytest.importorskip("pyspark", reason="scripts/spark_check installs it")

from processes import wait_for
from row_weighted import RowWeighted, row_weighted
from scipy import sparse
from small_plays import random_plays

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import TrainerUnavailable
from recsys_tasks.core.spark import SparkConfig
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.backends.spark import Spark, reg_param
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.steps.trainers import spark_versions
from spark.cluster import running_cluster

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]
CONFIG = AlsConfig(factors=8, max_iterations=6, threads=1)
LONG = CONFIG.model_copy(update={"max_iterations": 22})
"""More iterations than the stack of a JVM allows without checkpoints."""
PLAYS = sparse.vstack([random_plays(400, 300), sparse.csr_matrix((1, 300), dtype=np.uint32)], format="csr")
"""The last listener has played nothing."""


def trained(spark, folder, config=CONFIG):
    """Factors by a Spark whose workspaces lie in a folder."""
    spark = Spark(spark, spark_versions(), lambda: tempfile.TemporaryDirectory(dir=folder))
    return spark.train(PLAYS, config)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Factors of a Spark inside this process."""
    return trained(SparkConfig(), tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """The same after many iterations."""
    return trained(SparkConfig(), tmp_path_factory.mktemp("settled"), LONG)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A master and two workers that no test breaks."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def assert_same_bytes(one, other):
    """Both sides of the factors, bit for bit."""
    assert one.user_factors.tobytes() == other.user_factors.tobytes()
    assert one.item_factors.tobytes() == other.item_factors.tobytes()


class TestFormula:
    def test_each_listener_solves_the_weighted_equation(self, settled):
        """regParam times the pairs of a row stands for lambda; with lambda itself, the equation does not hold."""
        weighted, reg = confidence(PLAYS, CONFIG), reg_param(PLAYS, CONFIG.regularization)
        expected = row_weighted(weighted, settled.item_factors, reg)
        assert np.abs(settled.user_factors - expected).max() < 1e-6
        assert np.abs(settled.user_factors - Als(CONFIG).user_vectors(PLAYS, settled.item_factors)).max() > 1e-3

    def test_who_has_played_nothing_is_zero(self, settled):
        """Spark leaves the row out, and nobody else."""
        assert np.flatnonzero(~settled.user_factors.any(axis=1)).tolist() == [400]
        assert settled.item_factors.any(axis=1).all()

    def test_its_loss_is_that_of_the_formula(self, settled):
        """Trained from other first factors, the same sum in float64 ends within a thousandth."""
        losses = [Als(CONFIG).recorded_loss(each, PLAYS) for each in (settled, RowWeighted().train(PLAYS, LONG))]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)


class TestBytes:
    def test_a_cluster_gives_those_of_one_process(self, local, cluster, tmp_path):
        """Two workers instead of two threads; nothing stays in the workspace, and no JVM of the training."""
        assert_same_bytes(local, trained(cluster.config(), tmp_path))
        assert list(tmp_path.iterdir()) == []
        assert wait_for(lambda: cluster.executors() == [], 60)

    def test_by_way_of_an_address(self, local, cluster, tmp_path):
        """Pairs and factors are copied by Hadoop's client where the workspace is not seen; both places are tidied."""
        (tmp_path / "here").mkdir()
        assert_same_bytes(local, trained(cluster.config(folder=f"file://{tmp_path}/shared"), tmp_path / "here"))
        assert [os.listdir(tmp_path / name) for name in ("here", "shared")] == [[], []]


@contextmanager
def killed_during(running, kill):
    """Kill something once both executors are there."""
    worker = Thread(target=lambda: wait_for(lambda: len(running.executors()) == 2, 120) and kill(running))
    worker.start()
    yield
    worker.join()


def everyone(running):
    """Kill the workers, then their executors."""
    executors = running.executors()
    for each in (*running.workers, *executors):
        each.kill()


class TestBreaking:
    def test_a_killed_executor_changes_nothing(self, local, cluster, tmp_path):
        """Spark makes anew what it held, and the factors are the same bytes."""
        with killed_during(cluster, lambda running: running.executors()[0].kill()):
            assert_same_bytes(local, trained(cluster.config(), tmp_path))

    def test_no_executor_is_left(self, tmp_path):
        """The training is given up after a time, in a sentence, and leaves nothing; then the master goes too."""
        (tmp_path / "cluster").mkdir()
        (tmp_path / "work").mkdir()
        with running_cluster(tmp_path / "cluster") as running:
            config = running.config(longest_wait_seconds=5)
            long = CONFIG.model_copy(update={"max_iterations": 500})
            with killed_during(running, everyone), pytest.raises(TrainerUnavailable, match="no executor for 5 s"):
                trained(config, tmp_path / "work", long)
            running.master.kill()
            with pytest.raises(TrainerUnavailable, match=rf"^Spark at {running.address} "):
                trained(config, tmp_path / "work")
        assert list((tmp_path / "work").iterdir()) == []
