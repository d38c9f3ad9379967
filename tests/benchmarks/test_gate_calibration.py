"""The calibration of the gate, its fixed small part: chance does not block, and each planted fault is seen."""

import numpy as np
import pytest
from scipy import sparse

from benchmarks.gate_calibration.comparisons import Noise, Pool, Rate, compare, every_pair, true_change
from benchmarks.gate_calibration.faults import FAULTS, NOT_OF_INTEGRITY, NOTHING
from benchmarks.gate_calibration.integrity import run
from benchmarks.gate_calibration.listening import from_counts, thinned
from benchmarks.gate_calibration.models import shifted
from benchmarks.gate_calibration.scene import Stage
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.policy import GateConfig

LISTENERS, K = 6_000, 10
SEEN_BY = {
    ("3 % of cells lost", "into the solver"): "recorded loss",
    ("10 % of cells lost", "into the solver"): "recorded loss",
    ("id shift on 1 % of tracks", "factors as stored"): "recorded loss",
    ("id shift on 1 % of tracks", "matrix's vocabulary"): "order of ids",
    ("id shift on 1 % of tracks", "ranks of the index"): "index holds the model",
    ("yesterday's factors", "factors as stored"): "recorded loss",
    ("stale index", "ranking and Annoy file"): "index holds the model",
    ("stale index", "Annoy file alone"): "Annoy file holds the tracks",
    ("NaN factor", "factors as stored"): "a step refuses it (BadData)",
    ("NaN factor", "into the Annoy file"): "a step refuses it (BadData)",
    ("one day double-counted", "fold of the matrix"): "streams conserved",
    ("one day double-counted", "into the solver"): "recorded loss",
    ("popularity instead of ALS", "factors as stored"): "recorded loss",
    ("hidden plays leak", "into one training"): "recorded loss",
    ("hidden plays leak", "into the split itself"): "hidden plays absent",
    ("norm order broken", "ranking"): "norm order",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One sound day, published, and another one waiting."""
    return Stage(tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="module")
def pool():
    """Listeners of a service with precision 0.12, popularity at half of it."""
    rng = np.random.default_rng(1)
    return Pool(rng.integers(1, 100, LISTENERS).astype(float), rng.binomial(K, 0.06, LISTENERS) / K)


@pytest.fixture(scope="module")
def scores():
    """Six trainings of one model: each finds of a listener's plays the same ones, but for a few."""
    rng = np.random.default_rng(2)
    found = rng.binomial(K, rng.beta(2, 14, LISTENERS))
    lost, won = (rng.binomial(n, 0.03, (6, LISTENERS)) for n in (found, found))
    return list(np.clip(found - lost + won, 0, K) / K)


class TestStatistics:
    def test_a_model_compared_with_itself_is_not_blocked(self, pool, scores):
        """300 comparisons of two trainings on drawn listeners: none is blocked, nearly all pass."""
        found = compare(pool, every_pair(scores, scores), GateConfig(), 4_000, 300)
        assert found.counts["BLOCK"] == 0
        assert found.counts["PASS"] > 285

    def test_a_model_that_lost_a_tenth_is_not_passed(self, pool, scores):
        """Every tenth hit gone: 100 of 100 comparisons are held or blocked."""
        rng = np.random.default_rng(3)
        worse = [rng.binomial(np.round(K * each).astype(int), 0.9) / K for each in scores]
        pairs = every_pair(worse, scores)
        assert true_change(pairs) == pytest.approx(-0.1, abs=0.01)
        assert compare(pool, pairs, GateConfig(), 4_000, 100).rate("HOLD", "BLOCK").share == 1

    def test_no_event_still_has_an_upper_bound(self):
        """Clopper and Pearson: none of 3,000 bounds the rate by 0.0012, that is one run in two years."""
        assert (Rate(0, 3000).low, Rate(0, 3000).high) == (0, pytest.approx(1 - 0.025 ** (1 / 3000)))
        assert Rate(5, 100).low == pytest.approx(0.0164, abs=1e-4)
        assert Rate(3, 3).high == 1

    def test_the_common_noise_is_told_from_that_of_the_listeners(self):
        """Six trainings that move all listeners by 5 % together, and each listener on its own by far more."""
        rng = np.random.default_rng(4)
        shifts = np.array([-0.05, 0.05, -0.05, 0.05, -0.05, 0.05])
        noise = Noise.of(list(0.1 * (1 + shifts[:, None] + rng.normal(0, 1, (6, LISTENERS)))))
        assert noise.common == pytest.approx(0.0548, rel=0.25)
        assert noise.expected == pytest.approx(1 / np.sqrt(LISTENERS), rel=0.05)
        assert noise.common < noise.common_high


class TestIntegrity:
    def test_a_sound_day_passes(self, stage):
        """Nothing is seen where nothing was planted."""
        assert [(each.outcome, each.by) for each in run(stage, NOTHING, 2)] == [("PASS", ())] * 2

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.name}, {fault.where}")
    def test_every_fault_of_integrity_is_seen(self, stage, fault):
        """Planted once in the real steps: never published, and stopped by the check that is there for it."""
        (found,) = run(stage, fault, 1)
        assert found.outcome in {"BLOCK", "refused before the gate"}
        assert SEEN_BY[fault.name, fault.where] in found.by

    @pytest.mark.parametrize("fault", NOT_OF_INTEGRITY, ids=lambda fault: fault.name)
    def test_what_fits_together_is_left_to_the_statistics(self, stage, fault):
        """Nothing exact can tell what the source never delivered, nor a worse model that is what it says."""
        (found,) = run(stage, fault, 1)
        assert not found.exactly
        expected = (
            {"PASS"} if fault.name == "3 % of the day lost" else {"HOLD", "BLOCK"}
        )  # as popular, within its error
        assert found.outcome in expected


class TestDamage:
    def test_damage_is_of_the_size_it_says(self):
        """A tenth of the cells, and one track in a hundred."""
        plays = sparse.random(100, 200, 0.5, format="csr", rng=np.random.default_rng(5))
        assert thinned(plays, 0.1, np.random.default_rng(6)).nnz == pytest.approx(0.9 * plays.nnz, rel=0.02)
        moved = shifted(np.arange(1000), 0.01, np.random.default_rng(7))
        assert (moved != np.arange(1000)).sum() == 10

    def test_real_counts_are_split_and_lose_nothing(self, tmp_path):
        """Training and hidden plays together are the file."""
        rows = [f"u{u}\ti{i}\t{1 + u * i % 7}" for u in range(40) for i in range(u % 5, 40, 3)]
        (tmp_path / "plays.tsv").write_text("\n".join(["user\titem\tplays", *rows]))
        split = from_counts("counts", tmp_path / "plays.tsv", AlsConfig()).split
        assert split.training.nnz + split.hidden.nnz == len(rows)
        assert split.training.multiply(split.hidden).nnz == 0
