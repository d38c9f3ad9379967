"""Means, paired differences and slices, against plain definitions."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.estimates import LEAST_USERS, listener_slices, mean_and_error, paired_difference, slices

POLICY = GateConfig(training_noise=0.0)


def test_mean_and_error_leave_out_who_was_not_asked():
    """Not a number enters neither; of one user there is a mean and no error, of nobody neither."""
    assert mean_and_error(np.array([1, np.nan, 3.0])) == (2.0, pytest.approx(math.sqrt(2) / math.sqrt(2)))
    assert mean_and_error(np.array([2.0, np.nan])) == (2.0, None)
    assert mean_and_error(np.array([np.nan])) == (None, None)


def test_training_noise_widens_the_error():
    """Two models were trained: the variance of the start enters twice."""
    one, other = np.array([1.0, 3, 5, 7]), np.array([1.0, 2, 6, 7])
    plain = paired_difference(one, other)
    noisy = paired_difference(one, other, 0.1)
    assert noisy["standard_error"] == pytest.approx(math.hypot(plain["standard_error"], 0.1 * 4 * math.sqrt(2)))
    assert noisy["difference"] == plain["difference"]


def figures(n=3000, lost=(), seed=1):
    """Columns of an evaluation; the named slices of tracks lose a fifth, for every listener."""
    rng = np.random.default_rng(seed)
    columns = {"activity": rng.integers(1, 100, n).astype(float), "age_days": rng.integers(0, 60, n).astype(float)}
    for name in ("", "_new", "_established", "_head", "_tail"):
        incumbent = rng.normal(0.1, 0.1, n)
        columns[f"incumbent_common{name}_precision"] = incumbent
        columns[f"candidate_common{name}_precision"] = (
            incumbent + rng.normal(0, 0.04, n) - (0.02 if name[1:] in lost else 0)
        )
    return columns


class TestSlices:
    def test_listeners_fall_into_thirds_by_what_they_know(self):
        """Every listener is in one third; the heavy ones know no less than the light ones."""
        columns = figures()
        chosen = listener_slices(columns)
        thirds = [chosen[f"{name} listeners"] for name in ("light", "middling", "heavy")]
        assert (np.sum(thirds, axis=0) == 1).all()
        assert columns["activity"][thirds[0]].max() <= columns["activity"][thirds[2]].min()
        assert listener_slices({"age_days": np.array([7.0, 8])})["new listeners"].tolist() == [True, False]

    def test_each_rejection_leaves_fewer_slices_to_correct_for(self):
        """Holm's step-down: the second smallest p is held against alpha over the number of those that are left."""
        columns = figures(n=400, lost=("tail", "head"))
        tested = [found["p"] for found in slices(columns, POLICY) if found["p"] is not None]
        first, second, *others = sorted(tested)
        n = 2 + len(others)
        assert first < second * (n - 0.5) / n
        policy = POLICY.model_copy(update={"slice_alpha": second * (n - 0.5)})
        assert sum(found["warned"] for found in slices(columns, policy)) == 2

    def test_a_planted_loss_is_warned_of_and_nothing_else(self):
        """The slice that lost a fifth is named, with its number and interval; the sound ones are not."""
        rows = {found["slice"]: found for found in slices(figures(lost=("tail",)), POLICY)}
        assert [name for name, found in rows.items() if found["warned"]] == ["tail tracks"]
        tail = rows["tail tracks"]
        assert tail["users"] == 3000
        assert tail["low"] < -0.02 < tail["high"] < 0
        assert set(rows) == {
            *(f"{name} listeners" for name in ("light", "middling", "heavy", "new")),
            *(f"{name} tracks" for name in ("new", "established", "head", "tail")),
        }

    def test_p_is_one_sided_and_small_slices_are_not_tested(self):
        """A gain is no reason to warn; too few listeners are shown without a p."""
        columns = figures()
        for found in slices(columns, POLICY):
            error = (found["high"] - found["low"]) / 2 / 1.96
            assert found["p"] == pytest.approx(norm.cdf(found["difference"] / error))
        few = {name: values[: LEAST_USERS - 1] for name, values in columns.items()}
        assert all(found["p"] is None and not found["warned"] for found in slices(few, POLICY))

    def test_holm_is_stricter_than_a_single_test(self):
        """Of 300 sound days, hardly more than alpha warn of anything, where single tests would on a third."""
        warned = single = 0
        for seed in range(300):
            rows = slices(figures(n=600, seed=seed), POLICY)
            warned += any(found["warned"] for found in rows)
            single += any(found["p"] < 0.05 for found in rows if found["p"] is not None)
        assert warned <= 25
        assert single > 60
