"""Judging again by the policy of now: beside the old verdict, signed, and what follows from it is what is said."""

from dataclasses import replace
from datetime import date

import pytest
from conftest import copy_of
from pages_store import refused
from settings import SIGNED, TOML, config, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import ConfigError, GateRefused, NotStored
from recsys_tasks.release.series import series
from recsys_tasks.steps import Workplace, judge_again
from recsys_tasks.steps.verdict import recomputed

D14, D15, D16 = (date(2026, 1, n) for n in (14, 15, 16))
STRICT = config(gate={"min_users": 5000})


def strict(at):
    """The same store by a policy that holds everything."""
    return Workplace(at.store, STRICT, at.dsn)


@pytest.fixture(scope="module")
def ever_held(finished, tmp_path_factory):
    """The finished store with a newest date that a strict policy held; copied by tests, changed by none."""
    at = copy_of(finished, tmp_path_factory.mktemp("held") / "store")
    assert run(strict(at), D16).verdict.outcome == "HOLD"
    return at


@pytest.fixture
def held(ever_held, tmp_path):
    """A copy of it."""
    return copy_of(ever_held, tmp_path / "store")


@pytest.fixture
def command(world_dsn, tmp_path, capsys):
    """Run a command by the usual policy on the test's store: exit code, and what it wrote to both outputs."""
    places = {"RECSYS_ROOT": str(tmp_path / "store"), "RECSYS_CONFIG": str(tmp_path / "config.toml")}
    places |= {"RECSYS_SOURCE_DSN": world_dsn, "USER": "o"}

    def ran(*words, toml=TOML):
        (tmp_path / "config.toml").write_text(toml)
        code = main(words, places)
        return code, capsys.readouterr()

    return ran


AGAIN = ("--judge-again", "--by", "olga", "--why", "we are a small service")


class TestTheAct:
    def test_the_command_that_it_names_publishes(self, held, command):
        """HOLD by the old policy, PASS by the new one; the command in the answer puts the candidate live."""
        code, said = command("gate", "--date", "2026-01-16", *AGAIN)
        assert (code, "2026-01-16 is PASS by the policy of now" in said.out) == (0, True)
        assert "It was HOLD, which stays beside it." in said.out
        assert held.releases.log().require_live().release == 3, "nothing is published by the act itself"
        assert ": recsys run --date 2026-01-16 or recsys release " in said.out
        assert command("run", "--date", "2026-01-16")[0] == 0
        live = held.releases.log().require_live()
        assert (live.day, live.verdict) == (D16, "PASS")

    def test_who_and_why_stand_with_the_verdict(self, held):
        """The series has the newest verdict, and the one before with the word on which it was replaced."""
        judge_again(held, D16, SIGNED)
        row = series(held.store)[-1]
        assert (row["outcome"], row["earlier"][0]["outcome"]) == ("PASS", "HOLD")
        assert (row["earlier"][0]["by"], row["earlier"][0]["why"]) == (SIGNED.by, SIGNED.why)
        assert "only" in row["earlier"][0]["reasons"][0]

    def test_a_verdict_that_was_given_again_comes_out_again(self, held, command):
        """`gate --date` compares with the policy of the newest verdict."""
        judge_again(held, D16, SIGNED)
        (judgement,) = held.judgements.of(D16)
        assert recomputed(held.judgements, judgement)[0] == recomputed(held.judgements, judgement)[1]
        code, said = command("gate", "--date", "2026-01-16")
        assert (code, "as it was stored" in said.out) == (0, True)

    def test_a_date_older_than_what_is_live_says_what_it_takes(self, copied, command):
        """A run alone keeps it; with the reason that the answer asks for it goes live, and is pinned."""
        refused(copied)
        assert run(copied, D16).live == 3
        code, said = command("gate", "--date", "2026-01-15", *AGAIN, toml=TOML.replace("margin = 0.5", "margin = 0.6"))
        assert (code, "went live since" in said.out) == (0, False), "what is live is newer, and never compared"
        assert ": recsys run --date 2026-01-15 --publish-older WHY or recsys release " in said.out
        assert "kept, not published" in command("run", "--date", "2026-01-15")[1].out
        assert copied.releases.log().require_live().day == D16
        assert command("run", "--date", "2026-01-15", "--publish-older", "the newer one is bad")[0] == 0
        live = copied.releases.log().require_live()
        assert (live.day, live.verdict, live.pinned) == (D15, "PASS", True)

    def test_a_later_candidate_of_a_published_date_is_the_one_that_is_meant(self, copied, command):
        """The newest judgement is judged again, not the one that made the release; its own command publishes it."""
        candidate = run(strict(copied), D14, cold_start=True).candidate
        code, said = command("gate", "--date", "2026-01-14", *AGAIN)
        assert (code, "was HOLD" in said.out) == (0, True)
        assert f"recsys release {candidate[:12]} --by YOU --why REASON --older" in said.out
        assert command(*f"release {candidate[:12]} --by olga --why better --older".split())[0] == 0
        assert copied.releases.log().require_live().candidate == candidate


class TestRefusals:
    def test_the_same_policy_changes_nothing(self, held, command):
        """By the policy that it was judged by there is nothing to decide, and nothing is stored."""
        with pytest.raises(ConfigError, match="nothing would change"):
            judge_again(strict(held), D16, SIGNED)
        assert len(held.judgements.verdicts(held.judgements.of(D16)[0])) == 1

    def test_nobody_judges_without_a_name_or_a_reason(self, held, command):
        """Both stand with the verdict for good."""
        for changes in ({"by": " "}, {"why": ""}):
            with pytest.raises(ConfigError, match=r"Say (who you are|the reason)"):
                judge_again(held, D16, replace(SIGNED, **changes))
        assert command("gate", "--date", "2026-01-16", "--judge-again")[0] == 2

    def test_what_is_published_or_was_never_judged_is_refused(self, finished):
        """A release is not undone by a policy, and a date without a judgement has nothing to judge again."""
        with pytest.raises(GateRefused, match="published as release 3"):
            judge_again(strict(finished), D15, SIGNED)
        with pytest.raises(NotStored, match="Nothing was judged on 2026-01-12"):
            judge_again(finished, date(2026, 1, 12), SIGNED)

    def test_an_exact_failure_stays_what_it_is(self, copied):
        """No policy makes a candidate sound."""
        assert run(Workplace(copied.store, config(gate={"min_recall": 1.0}), copied.dsn), D16).verdict.exact
        with pytest.raises(GateRefused, match="no policy changes"):
            judge_again(copied, D16, SIGNED)
