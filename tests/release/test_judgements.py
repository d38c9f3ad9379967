"""The stored judgements, on the disk and in memory: their names; the first figures and the first verdict win."""

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from recsys_tasks.core.domain import Verdict
from recsys_tasks.core.errors import NotStored, PublishConflict
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.release.judgements import FIGURES, REPORT, Judgements, judgement_of
from recsys_tasks.release.keys import JudgementKey
from recsys_tasks.release.stored_verdicts import JudgedAgain

D14, D15 = date(2026, 1, 14), date(2026, 1, 15)
A, B, LIVE = "a" * 64, "b" * 64, "c" * 64
TABLES = {"per_user": pa.table({"candidate_precision": [0.1, None]}), "samples": pa.table({"listener": ["A"]})}
PASSED = Verdict("PASS", ("above the popular tracks",), False, {"users": 2})


def key(day, candidate, incumbent=None):
    """What was judged."""
    return JudgementKey(
        day=day,
        candidate=candidate,
        components=("m" * 64,),
        incumbent=incumbent,
        incumbent_release=1 if incumbent else None,
        no_incumbent="" if incumbent else "there is no release to compare with",
        reference=None,
        reference_release=None,
        evaluation={"k": 10},
    )


def evaluated(judgements, day, candidate, incumbent=None, users=2):
    """Store the figures of a judgement."""
    judgement = judgement_of(day, candidate, incumbent)
    judgements.save_figures(judgement, key(day, candidate, incumbent), TABLES, {"users": users})
    return judgement


@pytest.fixture
def judgements(store):
    """None yet, in a store of each kind."""
    return Judgements(store)


class TestNames:
    def test_a_judgement_is_named_by_candidate_and_incumbent(self):
        """By the first digits of both; without an incumbent, that is said."""
        assert judgement_of(D15, A, LIVE).place == f"evaluations/2026-01-15/{'a' * 16}-{'c' * 16}"
        assert judgement_of(D15, A, None).name == f"{'a' * 16}-none"

    def test_they_are_found_by_date_and_by_candidate(self, judgements):
        """All of them by date, those of one date, those of one candidate, or none."""
        first, other, later = (evaluated(judgements, *of) for of in ((D14, A), (D15, B, LIVE), (D15, A, LIVE)))
        assert judgements.of() == [first, later, other]
        assert judgements.of(D15) == [later, other]
        assert judgements.of(candidate=A) == [first, later]
        assert judgements.of(D14, B) == []

    def test_what_has_no_figures_is_none(self, judgements, store):
        """A page that lies alone, and a folder that is no date, are not taken for judgements."""
        store.replace(f"{judgement_of(D15, A, None).place}/{REPORT}", b"page")
        store.replace("evaluations/latest/notes", b"mine")
        assert judgements.of() == []
        assert judgements.of(D15) == []


class TestFigures:
    def test_what_was_stored_is_loaded(self, judgements):
        """Key, means and the figures of single listeners; the key and the means from the manifest alone too."""
        judgement = evaluated(judgements, D15, A, LIVE)
        judged = judgements.load(judgement)
        assert judged.key == judgements.key(judgement) == key(D15, A, LIVE)
        assert judged.figures == judgements.figures(judgement) == {"users": 2}
        assert judged.per_user["candidate_precision"][0] == 0.1
        assert judged.samples.to_pylist() == [{"listener": "A"}]

    def test_the_first_ones_win(self, judgements):
        """A second evaluation of the same judgement changes nothing."""
        judgement = evaluated(judgements, D15, A)
        assert evaluated(judgements, D15, A, users=3) == judgement
        assert judgements.figures(judgement) == {"users": 2}


class TestVerdicts:
    def test_before_the_gate_there_is_none(self, judgements):
        """Evaluated and not judged: said with what to run; a table shows nothing."""
        judgement = evaluated(judgements, D15, A)
        assert (judgements.is_judged(judgement), judgements.verdict_figures(judgement)) == (False, {})
        with pytest.raises(NotStored, match=r"never judged\. Run the gate's task again"):
            judgements.verdict(judgement)

    def test_the_first_one_wins_with_its_policy(self, judgements):
        """A later policy judges no candidate a second time."""
        judgement, policy = evaluated(judgements, D15, A), GateConfig(min_users=7)
        digest = judgements.load(judgement).artefact.digest
        judgements.save_verdict(judgement, digest, policy, PASSED)
        judgements.save_verdict(judgement, digest, policy, replace(PASSED, outcome="HOLD"))
        assert judgements.verdict(judgement) == PASSED
        assert judgements.policy(judgement) == policy
        assert judgements.verdict_figures(judgement)["outcome"] == "PASS"


class TestJudgedAgain:
    WORD = JudgedAgain("olga", "a small service", "2026-01-16T08:00:00+00:00")

    def judged(self, judgements):
        """A judgement with its verdict, and the digest of its figures."""
        judgement = evaluated(judgements, D15, A)
        digest = judgements.load(judgement).artefact.digest
        judgements.save_verdict(judgement, digest, GateConfig(), replace(PASSED, outcome="HOLD"))
        return judgement, digest

    def test_the_newest_answers_and_the_older_stay(self, judgements):
        """Verdict, policy and stored form are the newest; the first verdict can still be read, with nobody's word."""
        (judgement, digest), policy = self.judged(judgements), GateConfig(min_users=7)
        assert judgements.judged_again(judgement) is None
        judgements.save_verdict_again(judgement, digest, policy, PASSED, self.WORD)
        assert judgements.is_judged(judgement)
        assert judgements.verdict(judgement) == PASSED
        assert judgements.policy(judgement) == policy
        assert judgements.verdict_figures(judgement)["outcome"] == "PASS"
        assert judgements.judged_again(judgement) == self.WORD
        first, second = judgements.verdicts(judgement)
        assert (first.verdict.outcome, first.again) == ("HOLD", None)
        assert (second.verdict, second.again) == (PASSED, self.WORD)
        third = replace(PASSED, outcome="BLOCK")
        judgements.save_verdict_again(judgement, digest, GateConfig(min_users=8), third, self.WORD)
        assert judgements.verdict(judgement) == third
        assert judgements.newest_verdict(judgement) == "verdict-3"

    def test_who_comes_second_in_the_same_moment_is_told(self, judgements, monkeypatch):
        """A number is taken once: the later of two gets a conflict, and what the earlier one stored stays."""
        judgement, digest = self.judged(judgements)
        monkeypatch.setattr(Judgements, "_count", lambda *_: 1)  # both looked before either had written
        judgements.save_verdict_again(judgement, digest, GateConfig(min_users=7), PASSED, self.WORD)
        with pytest.raises(PublishConflict, match="somebody else"):
            judgements.save_verdict_again(
                judgement,
                digest,
                GateConfig(min_users=8),
                replace(PASSED, outcome="BLOCK"),
                replace(self.WORD, by="paul"),
            )
        monkeypatch.undo()
        assert judgements.verdict(judgement) == PASSED


class TestReports:
    def test_a_page_is_replaced(self, judgements):
        """What came of a candidate may be known only later; before it is written, there is none."""
        judgement = evaluated(judgements, D15, A)
        with pytest.raises(NotStored):
            judgements.report(judgement)
        for page in (b"judged", b"published"):
            assert judgements.save_report(judgement, page) == f"{judgement.place}/{REPORT}"
            assert judgements.report(judgement) == page
        assert judgements.of(D15) == [judgement], f"the page lies beside {FIGURES}, and hides nothing"
