"""The gate: every way to a verdict, and that noise alone does not decide."""

from datetime import date, timedelta

import numpy as np
import pytest

from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.estimates import paired_difference
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.past import Loss, PastDay
from recsys_tasks.gate.verdict import Beside, judge

POLICY = GateConfig()
SOUND = [Check("recall", True, "0.97", "at least 0.95")]


def figures(n=10_000, candidate=0.123, incumbent=0.123, popularity=0.05, spread=0.0465, seed=1):
    """Per-user figures with the spread that was measured between consecutive days."""
    rng = np.random.default_rng(seed)
    base = rng.normal(incumbent, 0.1, n)
    noise = rng.normal(0, spread, n)
    values = base + (candidate - incumbent) + noise - (noise.mean() if n else 0)
    return {
        "candidate_precision": values,
        "popularity_precision": np.full(n, popularity),
        "candidate_common_precision": values,
        "incumbent_common_precision": base,
    }


def verdict(checks=SOUND, no_incumbent="", policy=POLICY, **settings):
    """The gate on such figures."""
    return judge(checks, figures(**settings), Beside(no_incumbent), policy)


class TestOrder:
    def test_a_failed_exact_check_blocks_whatever_the_figures_say(self):
        """The best model with a broken index is blocked, for good."""
        found = verdict([Check("recall of user-track search", False, "0.4", "at least 0.95")], candidate=0.5)
        assert (found.outcome, found.exact) == ("BLOCK", True)
        assert "recall of user-track search: 0.4, asked: at least 0.95" in found.reasons

    def test_too_few_listeners_hold_even_without_an_incumbent(self):
        """A first run on a small service is held, never passed by luck."""
        found = verdict(n=999, no_incumbent="first run")
        assert (found.outcome, found.exact) == ("HOLD", False)
        assert "999" in found.reasons[0]

    def test_nobody_to_score_is_a_hold(self):
        """An empty evaluation is never a pass."""
        assert verdict(n=0, no_incumbent="first run").outcome == "HOLD"

    @pytest.mark.parametrize(
        ("settings", "said"), [({"popularity": 0.2}, "popular tracks"), ({"candidate": 0.01}, "floor")]
    )
    def test_absolute_failures_block(self, settings, said):
        """Below the floor, or not above the popular tracks: blocked, and a person may override it."""
        found = verdict(policy=GateConfig(floor=0.05), **settings)
        assert (found.outcome, found.exact) == ("BLOCK", False)
        assert said in " ".join(found.reasons)

    def test_the_first_release_says_that_it_had_no_incumbent(self):
        """Without an incumbent the comparison is skipped, and the verdict says so."""
        found = verdict(no_incumbent="there is no release to compare with")
        assert found.outcome == "PASS"
        assert "there is no release to compare with" in found.reasons


class TestPaired:
    @pytest.mark.parametrize(
        ("change", "outcome"), [(0.02, "PASS"), (0, "PASS"), (-0.01, "PASS"), (-0.02, "BLOCK"), (-0.10, "BLOCK")]
    )
    def test_the_bounds_at_ten_thousand_listeners(self, change, outcome):
        """With a standard error of 0.38 %: not worse by 2 % passes, surely worse blocks."""
        assert verdict(candidate=0.123 * (1 + change)).outcome == outcome

    @pytest.mark.parametrize(("change", "outcome"), [(-0.02, "PASS"), (-0.029, "HOLD"), (-0.04, "BLOCK")])
    def test_few_listeners_hold_only_what_chance_does_not_explain(self, change, outcome):
        """At a standard error of 1 % a loss of 2 % is within chance, of 2.9 % is not, and of 4 % is sure."""
        assert verdict(n=1500, candidate=0.123 * (1 + change)).outcome == outcome

    def test_the_lead_that_candidates_usually_have_is_expected(self):
        """Where candidates usually lead by 3 %, a loss of 2.5 % is held, and one within the margin is not."""
        past = [
            PastDay(date(2026, 1, 1) + timedelta(days=i), {}, Loss(0.03 + 0.001 * (i % 3 - 1), 0.01)) for i in range(28)
        ]
        for change, outcome in ((-0.025, "HOLD"), (-0.015, "PASS")):
            found = figures(n=1500, candidate=0.123 * (1 + change))
            assert judge(SOUND, found, Beside(past=past), POLICY).outcome == outcome
            assert judge(SOUND, found, Beside(), POLICY).outcome == "PASS"

    def test_a_verdict_names_its_rule_and_its_setting(self):
        """Whoever reads a reason finds the figure, the setting of the policy, and the rule by name."""
        for found, rule, setting in (
            (verdict(n=999), "users", "[gate] min_users"),
            (verdict(candidate=0.01, policy=GateConfig(floor=0.05)), "floor", "[gate] floor"),
            (verdict(candidate=0.1), "incumbent", "[gate] block_z"),
            (verdict(n=1500, candidate=0.123 * 0.971), "incumbent", "[gate] hold_z"),
        ):
            assert found.figures["rule"] == rule
            assert setting in " ".join(found.reasons)


class TestInfluence:
    def test_a_few_accounts_do_not_decide(self):
        """Seventy accounts with full lists that count as one leave the verdict what it is without them."""
        honest = figures(n=1400, seed=3)
        planted = {name: np.concatenate([values, np.zeros(70)]) for name, values in honest.items()}
        planted["popularity_precision"][1400:] = planted["incumbent_common_precision"][1400:] = 1.0
        assert judge(SOUND, planted, Beside(), POLICY).outcome == "BLOCK"
        weighed = planted | {
            "twins": np.r_[np.zeros(1400), np.full(70, 69)],
            "weight": np.r_[np.ones(1400), np.full(70, 1 / 70)],
        }
        found = judge(SOUND, weighed, Beside(), POLICY)
        assert found.outcome == judge(SOUND, honest, Beside(), POLICY).outcome == "PASS"
        assert any("largest group 70" in warning for warning in found.figures["warnings"])

    def test_an_incumbent_without_a_hit_is_held(self):
        """No share of nothing can be asked."""
        found = figures(incumbent=0.123)
        found["incumbent_common_precision"] = np.zeros(10_000)
        assert judge(SOUND, found, Beside(), POLICY).outcome == "HOLD"

    def test_listeners_that_only_one_side_was_asked_for_do_not_count(self):
        """Not a number means not asked, and enters neither the difference nor its error."""
        one = np.array([1.0, np.nan, 3.0, 5.0])
        other = np.array([0.0, 1.0, 1.0, np.nan])
        assert paired_difference(one, other) == {
            "users": 2,
            "difference": 1.5,
            "standard_error": pytest.approx(0.5),
            "incumbent": 0.5,
        }

    def test_an_unchanged_model_is_hardly_ever_blocked(self):
        """300 comparisons of a model with itself, noise between days: none blocked, nearly all passed."""
        rng = np.random.default_rng(5)
        outcomes = []
        for seed in range(300):
            drawn = figures(n=4000, seed=seed)
            drawn["candidate_common_precision"] = drawn["incumbent_common_precision"] + rng.normal(0, 0.0465, 4000)
            outcomes.append(judge(SOUND, drawn, Beside(), POLICY).outcome)
        assert outcomes.count("BLOCK") == 0
        assert outcomes.count("PASS") > 280
