"""The identities of candidates and judgements, and those of earlier formats."""

from dataclasses import replace
from datetime import date

import pytest

from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.release.keys import CandidateKey, JudgementKey

ONE_MODEL = {
    "day": "2026-02-02",
    "growing": 3,
    "index": {"calibration_queries": 500, "k": 10, "recall_target": 0.95, "seed": 1, "trees": 10},
    "matrix": "330e63f3d818c088393758b5ca92ff2b1843f91d5931c5a367e0c6cd96923ec0",
    "model": "a069121de0e1e292b874a225cf027a450d1c156ce04b3adfbc96ed1465097b99",
}
"""The key of a candidate as it was stored when it named one model, and its digest."""
ITS_DIGEST = "30b2aae9011efa2c5ff98c197a9b31a6f82023c853586aa993a66d92de410ec5"
JUDGED = {
    "candidate": "83044902c18c0941b2836dc978c9cd2d1a7a9b22f6666662411bb0a2b59a30fc",
    "day": "2026-02-03",
    "evaluation": {"k": 10, "max_users": 10000, "salt": "recsys", "wanted_users": 4000},
    "incumbent": ITS_DIGEST,
    "incumbent_release": 1,
    "model": "ce61fe4295832bc54afa6c45e8590b64f036cdf8e9274466d0f468cf6d6f97f8",
    "no_incumbent": "",
    "reference": None,
    "reference_release": None,
}
KEY = CandidateKey(
    day=date(2026, 2, 2),
    matrix="m" * 64,
    components=("a" * 64,),
    blend=Blend(),
    catalogue="c" * 64,
    index=ONE_MODEL["index"],
    growing=3,
)


class TestCandidates:
    def test_a_key_survives_its_stored_form(self):
        """What is written can be read, and is the same key of the same digest."""
        again = CandidateKey.from_json(KEY.to_json())
        assert again == KEY
        assert again.digest == KEY.digest

    def test_a_candidate_that_named_one_model_is_still_itself(self):
        """A release of before components keeps its digest, and is a blend of one."""
        key = CandidateKey.from_json(ONE_MODEL)
        assert (key.component, key.blend, key.catalogue) == (ONE_MODEL["model"], Blend((1.0,)), None)
        assert key.to_json() == ONE_MODEL
        assert key.digest == ITS_DIGEST

    def test_an_index_of_the_first_format_names_none(self):
        """A key without a format of the index is of the first one, and stays as it was."""
        first = {name: value for name, value in ONE_MODEL.items() if name != "growing"}
        assert CandidateKey.from_json(first).growing == 1
        assert CandidateKey.from_json(first).to_json() == first

    @pytest.mark.parametrize(
        "change",
        [{"components": ("b" * 64,)}, {"catalogue": None}, {"blend": Blend((0.5,))}],
        ids=lambda change: next(iter(change)),
    )
    def test_everything_that_decides_what_is_published_is_part_of_it(self, change):
        """Another model, catalogue or weight is another candidate."""
        assert replace(KEY, **change).digest != KEY.digest


class TestJudgements:
    def test_a_judgement_of_one_model_is_read(self):
        """A judgement of before components names its one model as the only one."""
        key = JudgementKey.from_json(JUDGED)
        assert (key.components, key.k) == ((JUDGED["model"],), 10)
        assert JudgementKey.from_json(key.to_json()) == key
