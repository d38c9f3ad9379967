"""The recorded loss: one number that holds factors, ids, plays and weights together."""

from dataclasses import replace

import numpy as np
import pytest
from opened_candidates import YESTERDAY, failing, indexed, opened_of, plays_of_others, rolled, thinned
from scipy import sparse

from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.matrix.row_ranges import whole
from recsys_tasks.recommenders.als import ALS_FORMAT, LOSS_LISTENERS, Als
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.steps.stored_models import ALL_LISTENERS, recommender_of

SOLVED = {
    "one cell in a hundred is lost": lambda opened: thinned(whole(opened.holdout.training), 0.01),
    "the hidden plays are there": lambda opened: opened.matrix.counts,
    "the day is there twice": lambda opened: canonical(
        (whole(opened.holdout.training) + plays_of_others(opened)).astype(np.uint32)
    ),
}


def yesterdays(at, opened):
    """Yesterday's factors in today's rows, new rows zero."""
    old, shapes = opened_of(at, YESTERDAY).model.component, opened.matrix.counts.shape
    padded = [
        np.concatenate([values, np.zeros((n - len(values), values.shape[1]), np.float32)])
        for values, n in zip((old.user_factors, old.item_factors), shapes, strict=True)
    ]
    return Factors(*padded)


@pytest.mark.parametrize("plays", SOLVED.values(), ids=SOLVED.keys())
def test_other_plays_in_the_solver_are_seen(finished, sound, tmp_path, plays):
    """A model of other plays than those to train on is sound in itself; only its loss gives it away."""
    fit = Als(finished.config.als).alternate(plays(sound), sound.model.component, warm=True)
    other = indexed(sound, tmp_path, fit.component)
    assert failing(finished, replace(other, model=replace(other.model, figures=fit.figures))) == {"recorded loss"}


@pytest.mark.parametrize(("listeners", "seen"), [(ALL_LISTENERS, set()), (50, {"recorded loss"})])
def test_a_loss_of_everybody_is_held_against_one_of_everybody(finished, sound, listeners, seen):
    """The small world's model recorded the loss of all its listeners, and that of fifty of them is another."""
    recommender = Als(sound.model.key.als, loss_listeners=listeners)
    assert failing(finished, replace(sound, model=replace(sound.model, recommender=recommender))) == seen


@pytest.mark.parametrize(
    ("version", "listeners"), [(2, ALL_LISTENERS), (3, LOSS_LISTENERS), (ALS_FORMAT, LOSS_LISTENERS)]
)
def test_a_model_is_held_against_as_many_listeners_as_its_training_looked_at(sound, version, listeners):
    """A model of before format 3 recorded the loss of everybody, and it is no fault that this is not that of some."""
    n_users, rng = 2 * LOSS_LISTENERS, np.random.default_rng(6)
    cols = rng.integers(2, size=n_users)
    plays = sparse.csr_matrix((np.ones(n_users, np.uint32), cols, np.arange(n_users + 1)), shape=(n_users, 2))
    factors = Factors(*(rng.normal(size=(n, 2)).astype(np.float32) for n in plays.shape))
    of_everybody, of_some = (
        Als(sound.model.key.als, loss_listeners=n).recorded_loss(factors, plays)
        for n in (ALL_LISTENERS, LOSS_LISTENERS)
    )
    assert abs(of_everybody - of_some) > 1e-4 * of_everybody
    found = recommender_of(replace(sound.model.key, training=version)).recorded_loss(factors, plays)
    assert found == {ALL_LISTENERS: of_everybody, LOSS_LISTENERS: of_some}[listeners]


@pytest.mark.parametrize("n", [2, 20])
def test_factors_under_other_ids_are_seen(finished, sound, tmp_path, n):
    """Two tracks that changed places, or one in a hundred."""
    other = indexed(sound, tmp_path, rolled(sound.model.component, n))
    assert failing(finished, other) == {"recorded loss"}


def test_factors_of_yesterday_are_seen(finished, sound, tmp_path):
    """They fit, they are finite, they recommend well, and they are not today's."""
    assert "recorded loss" in failing(finished, indexed(sound, tmp_path, yesterdays(finished, sound)))


def test_factors_of_another_size_are_refused(sound):
    """The loss would read beyond the ends of the shorter ones."""
    factors = sound.model.component
    short = Factors(factors.user_factors[:-1], factors.item_factors)
    with pytest.raises(BadData, match="do not fit plays"):
        sound.model.recommender.recorded_loss(short, sound.holdout.training)
