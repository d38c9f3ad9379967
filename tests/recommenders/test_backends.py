"""Trainer backends: what goes to Spark and comes back, and what a training elsewhere is to the rest of the program."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from row_weighted import RowWeighted
from scipy import sparse
from small_plays import random_plays, vocabulary

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.spark import SparkConfig
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.backends.implicit_cpu import ImplicitCpu
from recsys_tasks.recommenders.backends.spark import Spark, read_factors, reg_param, write_pairs
from recsys_tasks.recommenders.base import Parent, TrainingData
from recsys_tasks.recommenders.confidence import confidence

CONFIG = AlsConfig(factors=5, weight="log", a=2.0, regularization=3.0, max_iterations=30, tolerance=1e-6)


def nowhere():
    """The workspace of a training that never comes so far."""
    raise NotImplementedError


class TestPairs:
    @pytest.mark.parametrize("weight", ["linear", "log"])
    @pytest.mark.parametrize("at_once", [7, 10_000])
    def test_the_confidence_is_the_same(self, tmp_path, weight, at_once):
        """1 + a * rating of each pair is our confidence to the bit, in one part or in many, with the cap in force."""
        config, plays = CONFIG.model_copy(update={"weight": weight, "cap": 20, "a": 0.01}), random_plays()
        plays = sparse.vstack([plays[:5], plays[:1] * 0, plays[5:]], format="csr")  # somebody who has none
        plays.eliminate_zeros()
        write_pairs(f"{tmp_path}/pairs", plays, config, at_once)
        found, ours = pq.read_table(f"{tmp_path}/pairs"), confidence(plays, config).tocoo()
        assert found.schema.types == [pa.int32(), pa.int32(), pa.float32()]
        user, track, rating = (np.asarray(found[name]) for name in ("user", "track", "rating"))
        assert np.array_equal(user, ours.row)
        assert np.array_equal(track, ours.col)
        assert np.array_equal(1 + np.float32(config.a) * rating, ours.data)

    def test_a_listener_of_average_length_has_our_lambda(self):
        """regParam times the mean pairs of those who have any is lambda; listeners without a pair do not count."""
        plays = sparse.csr_matrix(np.array([[1, 1, 0], [0, 0, 0], [1, 1, 1], [1, 0, 0]], np.uint32))
        assert reg_param(plays, 10.0) * 2 == pytest.approx(10.0)


class TestFactors:
    def test_rows_that_spark_leaves_out_are_zero(self, tmp_path):
        """Factors come back under their row numbers, from any number of files in any order."""
        for number, ids in enumerate([[3, 0], [], [2]]):
            features = pa.array([[float(each), 1.0] for each in ids], pa.list_(pa.float32()))
            pq.write_table(pa.table({"id": pa.array(ids, pa.int32()), "features": features}), tmp_path / f"{number}.pq")
        (tmp_path / "_SUCCESS").touch()
        assert read_factors(str(tmp_path), 5, 2).tolist() == [[0, 1], [0, 0], [2, 1], [3, 1], [0, 0]]


class TestSpark:
    def test_more_rows_than_it_can_number(self):
        """Row numbers beyond 31 bits are refused in a sentence before anything is written or started."""
        plays = sparse.csr_matrix((np.ones(1, np.uint32), ([0], [2**31])), shape=(1, 2**31 + 1))
        with pytest.raises(BadData, match=r"2,147,483,649 tracks, and Spark's ALS can number 2,147,483,648"):
            Spark(SparkConfig(), {}, nowhere).train(plays, CONFIG)

    def test_its_blocks_are_part_of_a_model(self):
        """Sums depend on them as on the versions, so a model of other blocks is another one; the master is not."""
        first, second, third = (
            Spark(SparkConfig(**given), {"version": "4", "java": "17"}, nowhere).identity()
            for given in ({}, {"blocks": 3}, {"master": "spark://one:7077"})
        )
        assert first == third == {"name": "spark", "version": "4", "java": "17", "blocks": 2}
        assert second["blocks"] == 3


class TestWholeTraining:
    PLAYS = random_plays()

    def fit(self, parent=None):
        """A training elsewhere, and what was heard of it."""
        heard = []
        data = TrainingData(self.PLAYS, vocabulary(60), vocabulary(40))
        return Als(CONFIG, RowWeighted()).fit(data, parent, lambda *said: heard.append(said)), heard

    def test_it_is_recorded_as_others_are(self):
        """One loss, by our formula and of its last iteration, which anybody can compute anew."""
        fit, heard = self.fit()
        assert (fit.figures.iterations, fit.figures.warm) == (CONFIG.max_iterations, False)
        assert fit.figures.losses == (pytest.approx(Als(CONFIG).recorded_loss(fit.component, self.PLAYS), rel=1e-7),)
        assert heard == [(CONFIG.max_iterations, pytest.approx(fit.figures.losses[0]))]
        ours = Als(CONFIG).fit(TrainingData(self.PLAYS, vocabulary(60), vocabulary(40)))
        assert (fit.figures.pairs, fit.figures.weight) == (ours.figures.pairs, ours.figures.weight)
        assert ours.figures.losses[-1] < fit.figures.losses[0] < 1.1 * ours.figures.losses[-1]

    def test_it_always_starts_cold(self):
        """A parent changes nothing, and the step that trains looks for none."""
        first, _ = self.fit()
        second, _ = self.fit(Parent(first.component, vocabulary(60), vocabulary(40)))
        assert np.array_equal(first.component.user_factors, second.component.user_factors)
        assert (Als(CONFIG, RowWeighted()).starts_warm, Als(CONFIG).starts_warm) == (False, True)

    def test_the_backend_is_part_of_a_model(self):
        """Two backends never share a stored model, and the parameters name none of them."""
        own, other = Als(CONFIG).identity(), Als(CONFIG, RowWeighted()).identity()
        assert own["backend"] == ImplicitCpu().identity()
        assert other["backend"] == RowWeighted().identity()
        assert own["parameters"] == other["parameters"]

    def test_listeners_are_folded_in_by_our_formula(self):
        """Whoever trained the tracks, a listener's vector solves the equation with lambda itself."""
        tracks = self.fit()[0].component.item_factors
        ours, theirs = (als.user_vectors(self.PLAYS, tracks) for als in (Als(CONFIG), Als(CONFIG, RowWeighted())))
        assert np.array_equal(ours, theirs)
