"""The recorded days of the calibration: their ranks say what the gate would measure, damaged days are damaged."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.gate_calibration.daily_runs import chain
from benchmarks.gate_calibration.damaged_days import KINDS, damage, record_ring
from benchmarks.gate_calibration.hidden_ranks import HiddenPlays, reference_listing
from benchmarks.gate_calibration.recorded_days import precision, record
from benchmarks.gate_calibration.recorded_worlds import dated
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.demo.world import PRESETS, build_world
from recsys_tasks.evaluation.evaluated_models import evaluate_models
from recsys_tasks.evaluation.lists import EvaluatedModel
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.popular import PopularTracks

K = 10
GATE_AND_FILE = (
    ("candidate_precision", "rank_cand_all"),
    ("popularity_precision", "rank_pop"),
    ("candidate_common_precision", "rank_cand_inc"),
    ("incumbent_common_precision", "rank_inc"),
    ("candidate_reference_precision", "rank_cand_ref"),
    ("reference_precision", "rank_ref"),
)


@pytest.fixture(scope="module")
def world():
    """A small world of six days of history and three recorded ones."""
    als = AlsConfig(weight="log", a=3.0, regularization=1.0, factors=8, threads=1)
    return dated(build_world(replace(PRESETS["small"], days=9)), als, 6)


@pytest.fixture(scope="module")
def days(world):
    """The recorded days of it."""
    return list(chain(world, 3))


@pytest.fixture(scope="module")
def damaged(world, days, tmp_path_factory):
    """The arrays of the last day after each kind of damage."""
    folder = tmp_path_factory.mktemp("damaged")
    morning = days[-1][0]
    for kind in KINDS:
        damage(world, morning, kind, folder)
    return {kind: np.load(folder / f"day-003-{kind}.npz") for kind in KINDS}


def evaluated(world, morning, evening):
    """What the gate measures of a day, by exact search."""
    holdout, n_tracks = evening.holdout, len(evening.holdout.listeners)
    rows = holdout.user_rows
    reference = morning.references["ref"]
    folded_in = reference_listing(world, reference, HiddenPlays(rows, holdout.history, rows, rows)).vectors

    def model(vectors, items, listeners):
        own = np.where(np.arange(n_tracks) < len(items), np.arange(n_tracks), -1)
        return EvaluatedModel(Factors(vectors, items), PopularTracks(listeners, len(rows)), own, len(items))

    candidate, live = evening.candidate.trained, morning.incumbent
    return evaluate_models(
        holdout,
        model(candidate.user_factors[rows], candidate.item_factors, holdout.listeners),
        model(live.vectors[rows], live.trained.item_factors, listeners_of(live.matrix.counts)),
        np.zeros(n_tracks, dtype=bool),
        K,
        reference=model(folded_in, reference.trained.item_factors, listeners_of(reference.matrix.counts)),
    ).per_user


def test_the_recorded_ranks_give_the_precision_that_the_gate_measures(world, days):
    """Each listener's precision from the file is that of the library's own evaluation, of all four models."""
    morning, evening = days[-1]
    recorded, own = record(world, morning, evening), evaluated(world, morning, evening)
    for figure, ranks in GATE_AND_FILE:
        np.testing.assert_array_equal(precision(recorded, ranks), own[figure], err_msg=ranks)


def mean(recorded, who):
    """Mean precision of a model over the day's listeners."""
    return precision(recorded, f"rank_{who}").mean()


def test_nobody_finds_anything_on_a_permuted_day(world, days, damaged):
    """With every track under another's id the candidate finds less than half of what it found."""
    assert mean(damaged["permuted"], "cand_all") < mean(record(world, *days[-1]), "cand_all") / 2


def test_the_model_knows_no_more_than_the_charts_of_a_shuffled_day(world, days, damaged):
    """Popular tracks stay popular and there is more to discover; what the candidate knows beyond them is of no use."""
    sound, shuffled = record(world, *days[-1]), damaged["shuffled"]
    assert mean(shuffled, "cand_all") < 1.2 * mean(shuffled, "pop")
    assert mean(sound, "cand_all") > 1.2 * mean(sound, "pop")


def test_a_replayed_day_leaves_nothing_to_discover(damaged):
    """Yesterday's plays are known to the live release, so that nobody is scored."""
    assert len(damaged["replayed"]["user_row"]) == 0


def test_chosen_accounts_are_all_among_the_hidden(damaged):
    """Whoever knows the hash gets a seat for nearly every account; who does not, for half of them."""
    assert damaged["chosen"]["planted"].sum() > 1.5 * damaged["farm"]["planted"].sum() > 0


def test_accounts_that_follow_the_live_release_flatter_it(damaged):
    """Accounts that play what is recommended to them find all of it in the list of the incumbent."""
    mirror = damaged["mirror"]
    assert precision(mirror, "rank_inc_all")[mirror["planted"]].min() == 1.0


def test_a_ring_is_told_from_the_honest(world, tmp_path):
    """The members of the ring are called planted, and each plays the twenty tracks of the day's list."""
    record_ring(world, 1, tmp_path)
    ring = np.load(tmp_path / "day-001-ring.npz")
    assert 0 < ring["planted"].sum() < len(ring["planted"]) / 5
    assert ring["n_hidden"][ring["planted"]].min() > 10
