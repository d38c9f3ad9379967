"""A candidate of several components beside the live release: joined as that joins its own, and as it is."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
from settings import config, run
from steps.test_ranked import RANKED

from recsys_tasks.gate.verdict import Beside, judge
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.steps import Workplace, train_components
from recsys_tasks.steps.joined_alike import lacking
from recsys_tasks.steps.verdict import verdict_on
from recsys_tasks.storage.posix import PosixStore

pytest.importorskip("lightgbm")
D13, D14, D15, D16 = (date(2026, 1, n) for n in (13, 14, 15, 16))
COLUMN = "as_is_common_precision"


def judged(at, day):
    """The stored figures of a date."""
    return at.judgements.load(at.judgements.of(day)[0])


def permuted(trained):
    """The training of components, with neighbours that stand at other tracks."""

    def broken(of, each, training):
        files = trained(of, each, training)
        if each.label != "neighbours":
            return files
        similar = SimilarTracks.of(files).matrix
        similar.indices = np.random.default_rng(1).permutation(similar.shape[0])[similar.indices]
        return files | SimilarTracks(similar).files()

    return broken


@pytest.fixture(scope="module")
def days(world_dsn, tmp_path_factory):
    """ALS alone; the day after, trees over three components; a third day whose neighbours are broken; a fourth without
    recent plays. The last day's workplace, and the results by date."""
    store = PosixStore(tmp_path_factory.mktemp("alike"))
    alone, ranked = (Workplace(store, config(**tables), world_dsn) for tables in ({}, RANKED))
    found = {D13: run(alone, D13), D14: run(ranked, D14)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train_components, "_trained", permuted(train_components._trained))
        found[D15] = run(ranked, D15)
    fewer = RANKED | {"blend": RANKED["blend"] | {"components": ["als", "neighbours"]}}
    without = Workplace(store, config(**fewer), world_dsn)
    found[D16] = run(without, D16)
    return without, found


class TestJoinedAlike:
    def test_where_als_stood_alone_the_day_before_als_is_compared_alone(self, days):
        """What trees over more components are worth stands beside, as it would be published."""
        at, found = days
        assert found[D14].verdict.outcome == "PASS"
        figures, per_user = found[D14].verdict.figures, judged(at, D14).per_user
        assert not lacking(at, *(at.bundles.key(entry.candidate) for entry in at.releases.log().entries[1::-1]))
        assert (per_user[COLUMN] != per_user["candidate_common_precision"]).any()
        assert abs(figures["pair"]["difference"]) < abs(figures["as_is"]["difference"])

    def test_broken_neighbours_are_stopped_although_the_trees_know_the_day(self, days):
        """The trees of that day learned to look elsewhere, and by their lists alone the candidate would have passed."""
        at, _ = days
        stored, strict = judged(at, D15), at.config.gate.model_copy(update={"margin": 0.05})
        verdict = verdict_on(stored, strict)
        assert (verdict.outcome, verdict.figures["rule"]) == ("BLOCK", "incumbent")
        assert verdict.reasons[0].startswith("joined as the live release joins, against it -")
        assert verdict.figures["as_is"]["difference"] > 0.5 * verdict.figures["pair"]["difference"]
        as_before = {name: values for name, values in stored.per_user.items() if name != COLUMN}
        as_before["candidate_common_precision"] = stored.per_user[COLUMN]
        assert judge((), as_before, Beside(), strict).outcome == "PASS"

    def test_what_cannot_be_joined_alike_is_told(self, days):
        """The live release joins recent plays, which the candidate has none of: compared as it is, and a warning."""
        at, found = days
        assert judged(at, D16).figures["flattered"] == ["recent"]
        assert COLUMN not in judged(at, D16).per_user
        assert any(
            "joins recent, which the candidate does not have" in each for each in found[D16].verdict.figures["warnings"]
        )


class Models:
    """Stored models, each with its parameters; a digest without any is stored no more."""

    def __init__(self, parameters):
        self.parameters = parameters

    def holds(self, day, digest):
        """Whether it is stored."""
        return digest in self.parameters

    def key(self, day, digest):
        """What it was made from."""
        return SimpleNamespace(parameters=self.parameters[digest])


def key(digests, weights=None, trees=""):
    """A candidate of components whose digests begin with their names."""
    names = tuple(digest.rstrip("0123456789") for digest in digests)
    blend = Blend(tuple(weights or (1.0,) * len(names)), names, trees=trees)
    return CandidateKey(D13, "m", tuple(digests), blend, None, {}, 1)


class TestLacking:
    AT = SimpleNamespace(
        models=Models(
            {
                "als1": {"factors": 8},
                "als2": {"factors": 16},
                "recent1": {"half_life_days": 1.0},
                "recent7": {"half_life_days": 7.0},
                "recent30": {"half_life_days": 30.0},
                "recent60": {"half_life_days": 60.0},
                "neighbours1": {"similarity": "cosine", "renewed": "2026-01-11"},
                "neighbours2": {"similarity": "cosine", "renewed": "2026-01-13"},
                "neighbours3": {"similarity": "ease"},
            }
        )
    )
    OWN = key(["als1", "recent1", "recent7", "neighbours2"])

    @pytest.mark.parametrize(
        ("release", "lacks"),
        [
            (key(["als1", "recent1", "recent7", "neighbours1"], trees="t"), []),  # renewed on another date
            (key(["als1", "neighbours1", "recent7"]), []),  # some of them, in another order
            (key(["als2"]), []),  # alone, whatever its settings
            (key(["als2", "neighbours3"], (1.0, 0.0)), []),  # alone by its weights
            (key(["als1", "neighbours3"]), ["neighbours"]),  # made otherwise
            (key(["als2", "neighbours3"], (1.0, 0.0), "t"), ["als", "neighbours"]),  # which trees look at
            (key(["als1", "recent1", "recent9"]), []),  # stored no more: its name has to do
            (key(["als1", "recent1", "recent1"]), ["recent"]),  # two of what the candidate has once
            (key(["als1", "recent30", "recent60"]), ["recent"]),  # both otherwise, and one name is said once
            (key(["als1", "content1"]), ["content"]),
        ],
    )
    def test_a_component_is_the_same_by_its_kind_and_settings(self, release, lacks):
        """Of one that the candidate lacks its name is said."""
        assert lacking(self.AT, self.OWN, release) == lacks

    def test_a_candidate_that_joins_nothing_lacks_nothing(self):
        """It is compared as it is, which no day flatters."""
        assert lacking(self.AT, key(["als1"]), self.OWN) == []
