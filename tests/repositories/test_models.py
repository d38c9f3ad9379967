"""Stored models: the arrays of a component, what it was made from, and what its training recorded."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from stored_objects import flip

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingFigures
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey, StoredModel
from recsys_tasks.repositories.models import Models, arrays_of, model_name

DAY = date(2026, 1, 15)
ALS = Als(AlsConfig(factors=4))
KEY = ModelKey(DAY, digest_of("matrix"), digest_of("split"), ALS.name, parent=None, **ALS.identity())
FIGURES = TrainingFigures(2, (0.75, 0.5), warm=True)
RNG = np.random.default_rng(1)
FACTORS = Factors(*(RNG.standard_normal((n, 4), np.float32) for n in (3, 5)))


@pytest.fixture
def models(store):
    """The models of a store that has this one."""
    models = Models(store)
    models.save(KEY, FACTORS.files(), FIGURES)
    return models


class TestRoundTrip:
    def test_the_component_comes_back(self, models):
        """Byte for byte, through the recommender that opens it."""
        found = ALS.open(arrays_of(models.load(DAY, KEY.digest)))
        assert found.user_factors.tobytes() == FACTORS.user_factors.tobytes()
        assert found.item_factors.tobytes() == FACTORS.item_factors.tobytes()

    def test_key_and_figures_come_back(self, models):
        """What it was made from and what its training recorded, from the manifest alone."""
        assert models.holds(DAY, KEY.digest)
        assert (models.key(DAY, KEY.digest), models.figures(DAY, KEY.digest)) == (KEY, FIGURES)
        assert models.find(DAY, KEY.digest) == (KEY, FIGURES)
        assert models.key(DAY, KEY.digest).digest == KEY.digest

    def test_one_array_is_asked_for_alone(self, models, store):
        """The tracks' factors open although those of the listeners are damaged."""
        flip(store, f"{model_name(DAY, KEY.digest)}/user_factors.npy")
        items = models.load(DAY, KEY.digest, only=("item_factors",))
        assert items.array("item_factors").tolist() == FACTORS.item_factors.tolist()
        with pytest.raises(CorruptArtefact, match="not among the files"):
            items.array("user_factors")

    def test_the_models_of_a_date_are_listed(self, models):
        """Each of them with its key, those of other dates left out."""
        child = replace(KEY, parent=digest_of("a parent"))
        tomorrow = replace(KEY, day=DAY + timedelta(days=1))
        for key in (child, tomorrow):
            models.save(key, FACTORS.files(), FIGURES)
        expected = [StoredModel(key.digest, key) for key in (KEY, child)]
        assert sorted(models.of(DAY), key=lambda each: each.digest) == sorted(expected, key=lambda each: each.digest)

    def test_the_first_model_of_a_key_stays(self, models):
        """A rerun is a no-op: readers may have it mapped."""
        other = Factors(FACTORS.user_factors + 1, FACTORS.item_factors)
        models.save(KEY, other.files(), FIGURES)
        found = arrays_of(models.load(DAY, KEY.digest))
        assert np.asarray(found["user_factors"]).tolist() == FACTORS.user_factors.tolist()


class TestRefused:
    def test_what_is_gone_is_said(self, models):
        """Whoever looks for a parent gets None, and whoever needs a model an error."""
        assert models.find(DAY, digest_of("no model")) is None
        with pytest.raises(NotStored):
            models.load(DAY, digest_of("no model"))

    @pytest.mark.parametrize("file", ["user_factors.npy", "item_factors.npy"])
    def test_a_flipped_byte_is_refused(self, models, store, file):
        """A damaged factor would only show as worse lists."""
        flip(store, f"{model_name(DAY, KEY.digest)}/{file}")
        with pytest.raises(CorruptArtefact, match=file):
            models.load(DAY, KEY.digest)
