"""The identity of a model, the keys of earlier formats, and which model a training begins with."""

from dataclasses import replace
from datetime import date

import pytest

from recsys_tasks.recommenders.keys import ModelKey, StoredModel, model_to_begin_with, model_to_reuse

BEFORE_SPLITS = {
    "als": {
        "a": 3.0,
        "cap": 1000,
        "cold_start_every_days": 28,
        "factors": 40,
        "max_iterations": 20,
        "regularization": 1.0,
        "seed": 1,
        "tolerance": 0.001,
        "weight": "log",
    },
    "day": "2026-02-03",
    "hidden": {"max_users": 10000, "salt": "recsys", "wanted_users": 4000},
    "matrix": "5eedf1f3f4f61bdd55447e35f97abb9296095f2d7af6b7f9967e248653a39416",
    "parent": "a069121de0e1e292b874a225cf027a450d1c156ce04b3adfbc96ed1465097b99",
    "training": 3,
}
"""The key of a model as it was stored in format 3, and its digest."""
ITS_DIGEST = "ce61fe4295832bc54afa6c45e8590b64f036cdf8e9274466d0f468cf6d6f97f8"
KEY = ModelKey(date(2026, 2, 3), "m" * 64, "s" * 64, "als", {"a": 1.0}, 4, {"name": "implicit", "version": "0"}, None)


def stored(digest, **changes):
    """A stored model whose key differs from ``KEY``."""
    return StoredModel(digest, replace(KEY, **changes))


class TestKeys:
    def test_a_key_survives_its_stored_form(self):
        """What is written can be read, and is the same key of the same digest."""
        again = ModelKey.from_json(KEY.to_json())
        assert again == KEY
        assert again.digest == KEY.digest
        assert "hidden" not in KEY.to_json()

    def test_a_model_of_before_the_split_is_still_itself(self):
        """A stored key of format 3 is read with its parameters, and keeps its digest."""
        key = ModelKey.from_json(BEFORE_SPLITS)
        assert (key.split, key.backend, key.als.a, key.hidden["wanted_users"]) == (None, None, 3.0, 4000)
        assert key.to_json() == BEFORE_SPLITS
        assert key.digest == ITS_DIGEST

    def test_a_model_of_the_first_format_names_none(self):
        """A key without a format is of the first one, and stays as it was."""
        first = {name: value for name, value in BEFORE_SPLITS.items() if name != "training"}
        assert ModelKey.from_json(first).training == 1
        assert ModelKey.from_json(first).to_json() == first

    @pytest.mark.parametrize(
        "change",
        [{"split": "t" * 64}, {"parameters": {"a": 2.0}}, {"backend": {"name": "implicit", "version": "1"}}],
        ids=lambda change: next(iter(change)),
    )
    def test_everything_that_decides_the_bytes_is_part_of_it(self, change):
        """Another split, parameter or solver is another model."""
        assert replace(KEY, **change).digest != KEY.digest


class TestReuse:
    def test_a_rerun_finds_the_model_whatever_it_began_with(self):
        """The published one goes first, else the least digest, so that the choice is always the same."""
        models = [stored("b", parent="x"), stored("a"), stored("c", split="t" * 64)]
        assert model_to_reuse(KEY, models, []) == "a"
        assert model_to_reuse(KEY, models, ["z", "b"]) == "b"
        assert model_to_reuse(KEY, models[2:], ["c"]) is None


class TestParent:
    def begin(self, *models, blocked=(), published=()):
        """The parent among yesterday's models."""
        return model_to_begin_with(KEY, "p" * 64, models, blocked, published)

    def test_it_is_of_a_prefix_and_of_equal_parameters(self):
        """A model of another history or of other parameters is none."""
        assert self.begin(stored("a", matrix="p" * 64)) == "a"
        assert self.begin(stored("a", matrix="q" * 64)) is None
        assert self.begin(stored("a", matrix="p" * 64, parameters={"a": 9.0})) is None
        assert self.begin(stored("a", matrix="p" * 64, recommender="other")) is None

    def test_it_may_be_of_an_earlier_format(self):
        """Yesterday's factors are good whatever their key named."""
        older = StoredModel("a", replace(KEY, matrix="p" * 64, training=3, split=None, backend=None, hidden={}))
        assert self.begin(older) == "a"

    def test_a_blocked_model_is_no_parent(self):
        """What the gate blocked teaches nobody; the published one goes first among the others."""
        models = [stored(digest, matrix="p" * 64) for digest in ("a", "b", "c")]
        assert self.begin(*models, blocked={"a"}) == "b"
        assert self.begin(*models, blocked={"a"}, published=["x", "c"]) == "c"
        assert self.begin(*models, blocked={"a", "b", "c"}, published=["c"]) is None
