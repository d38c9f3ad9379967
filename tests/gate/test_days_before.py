"""A day against the days before it: collapses, pooled evidence, and what the gate can see."""

from datetime import date, timedelta

import numpy as np
import pytest

from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.collapse import falls
from recsys_tasks.gate.past import Loss, PastDay
from recsys_tasks.gate.plan import plan
from recsys_tasks.gate.pooled import ordinary, pooled

POLICY = GateConfig()
FIRST = date(2026, 1, 1)


def days(n=28, lead=0.0, error=0.02, seed=1, level=0.05):
    """Ordinary days, which scatter as their errors say."""
    rng = np.random.default_rng(seed)
    return [
        PastDay(
            FIRST + timedelta(days=i),
            {"candidate": level, "live": level * np.exp(rng.normal(0, 0.05)), "popular": level / 2},
            Loss(lead + rng.normal(0, error), error),
            Loss(rng.normal(0.1, 2 * error), 2 * error),
        )
        for i in range(n)
    ]


def figures(live=0.05, popular=0.025, candidate=0.05):
    """What a day's models scored."""
    return {"precision": candidate, "honest": {"precision": live}, "popularity": popular}


class TestCollapse:
    @pytest.mark.parametrize(("changed", "who"), [({"live": 0.01}, "live"), ({"popular": 0.005}, "popular")])
    def test_a_fall_of_what_was_made_before_the_day_is_the_day_s(self, changed, who):
        """Live release and popular tracks cannot have been spoilt by the candidate; the fall names its days."""
        (fall,) = falls(figures(**changed), days(), POLICY)
        assert (fall.who, fall.of_the_day, fall.days) == (who, True, 28)
        assert (fall.first, fall.last) == ("2026-01-01", "2026-01-28")

    def test_the_candidate_s_own_fall_speaks_of_the_candidate(self):
        """A broken model does not put its day in quarantine."""
        assert [fall.of_the_day for fall in falls(figures(candidate=0.01), days(), POLICY)] == [False]

    def test_an_ordinary_day_and_a_short_history_are_no_collapse(self):
        """A quarter less is within the bound, and six days are no history."""
        assert falls(figures(live=0.04, popular=0.019), days(), POLICY) == []
        assert falls(figures(live=0.001), days(6), POLICY) == []


class TestPooled:
    def test_a_loss_that_no_day_shows_is_shown_by_several(self):
        """Five days that lost 9 % each, at an error of 4 % a day: the window of days says it, no day of them does."""
        past = days(28) + [
            PastDay(FIRST + timedelta(days=28 + i), {}, Loss(0, 0.02), Loss(0.0, 0.04)) for i in range(6)
        ]
        fall = pooled(Loss(0.0, 0.04), past, POLICY)
        assert fall.days == 7
        assert fall.share / fall.error < -POLICY.pooled_z
        assert fall.today / 0.04 > -POLICY.pooled_z

    def test_a_week_is_no_level_to_fall_from(self):
        """With six days before there is nothing to say, however large the loss."""
        assert pooled(Loss(-0.5, 0.04), days(6), POLICY) is None

    def test_ordinary_days_give_lead_and_scatter(self):
        """Candidates that usually lead by 3 % and scatter as their errors say: so it is found, never below 0."""
        found = ordinary(days(28, lead=0.03), 28)
        assert found.lead == pytest.approx(0.03, abs=0.01)
        assert 0 <= found.scatter < 0.02
        assert ordinary(days(28, lead=-0.5), 28).lead == 0
        assert ordinary(days(3), 28).scatter == 0


class TestPlan:
    def test_more_error_finds_larger_losses_only(self):
        """At four times the error of a day, the smallest loss that is found is about four times as large."""
        small, large = plan(days(40, error=0.01), POLICY), plan(days(40, error=0.04), POLICY)
        assert all(2 < large.found_in[n] / small.found_in[n] < 6 for n in (1, 3, 7))
        assert small.holds_of_a_day + small.holds_of_several < 2

    def test_nothing_judged_is_no_plan(self):
        """Without a comparison there is nothing to plan by."""
        assert plan([], POLICY) is None
