"""Slow decline: each alarm at its bound, what enters it, and that a good year stays quiet."""

from datetime import date, timedelta

import numpy as np
import pytest

from recsys_tasks.core.policy import DriftConfig
from recsys_tasks.gate.drift import drift

POLICY = DriftConfig()
START = date(2026, 1, 1)


def row(n, z, share=None, outcome="PASS", release=True, reference=None):
    """A judged date with a paired difference of z standard errors (0.4 % of the incumbent's mean each)."""
    error = 0.004 * 0.1
    difference = z * error if share is None else share * 0.1
    return {
        "day": (START + timedelta(days=n)).isoformat(),
        "outcome": outcome,
        "release": n + 1 if release else None,
        "pair": {"difference": difference, "standard_error": error, "incumbent": 0.1, "users": 10_000},
        "reference": reference,
    }


def against_reference(difference, release=1):
    """Figures of a comparison with the reference."""
    return {"release": release, "users": 5000, "difference": difference, "standard_error": 0.001, "incumbent": 0.1}


def keys(rows, policy=POLICY):
    """The keys of the alarms that hold on the last day."""
    return [alarm.key for alarm in drift(rows, policy).alarms]


class TestCusum:
    def test_it_adds_losses_beyond_the_slack_and_forgets_them_when_they_are_made_good(self):
        """S_t = max(0, S - z - k), by hand; the alarm is named by the day on which the sum left zero."""
        found = drift([row(n, z) for n, z in enumerate([1, -1.25, -2, 5, -4.25, -4.75])], POLICY)
        assert found.cusum == pytest.approx((0, 1, 2.75, 0, 4, 8.5))
        assert [alarm.key for alarm in found.alarms] == ["cusum-2026-01-05"]
        assert "8.5 standard errors" in found.alarms[0].text

    def test_at_the_bound_it_is_quiet(self):
        """The sum must exceed the bound."""
        assert keys([row(0, -8.25)]) == []
        assert keys([row(0, -8.26)]) == ["cusum-2026-01-01"]

    def test_a_decline_keeps_its_name_until_it_is_over(self):
        """Every day of one decline tells the same key, so that it is told once; the next decline has another."""
        rows = [row(n, -2) for n in range(6)]
        assert {key for n in range(5, 7) for key in keys(rows[:n])} == {"cusum-2026-01-01"}
        assert keys([*rows, row(6, 20), *(row(n, -9) for n in (7, 8))]) == ["cusum-2026-01-08"]

    def test_a_blocked_candidate_does_not_count(self):
        """What never became live is no part of the chain; what a person released is."""
        blocked = [row(n, -9, outcome="BLOCK", release=False) for n in range(5)]
        assert keys(blocked) == []
        assert keys([row(n, -9, outcome="HOLD", release=True) for n in range(5)]) != []

    def test_years_without_decline_have_about_the_false_alarms_of_the_literature(self):
        """k = 0.25, h = 8 on independent days of no change: a false alarm every 727 days or so."""
        rng = np.random.default_rng(3)
        found = drift([row(n, z, outcome="PASS") for n, z in enumerate(rng.normal(size=4000))], POLICY)
        above = np.array(found.cusum) > POLICY.cusum_bound
        excursions = int((np.diff(above.astype(int)) == 1).sum())
        assert 1 <= excursions <= 60, "excursions come in clusters: the sum is not reset"

    def test_half_a_standard_error_a_day_is_found_within_two_months(self):
        """The drift that no single day shows (0.2 % a day at an error of 0.4 %) is told, usually within a month."""
        rng = np.random.default_rng(4)
        delays = []
        for _ in range(40):
            found = drift([row(n, z - 0.5) for n, z in enumerate(rng.normal(size=90))], POLICY)
            delays.append(next((n for n, s in enumerate(found.cusum) if s > POLICY.cusum_bound), 90))
        assert np.median(delays) < 45
        assert max(delays) < 90


class TestMedian:
    def test_it_needs_half_of_its_days(self):
        """Fourteen days of loss alert, thirteen do not."""
        rows = [row(n, 0, share=-0.002) for n in range(14)]
        policy = DriftConfig(cusum_bound=1000)
        assert keys(rows[:13], policy) == []
        assert keys(rows, policy) == ["median-2026-01-14"]

    def test_one_bad_day_is_not_a_drift(self):
        """A median does not move with one day."""
        rows = [row(n, 0, share=0.001) for n in range(27)]
        assert keys([*rows, row(27, 0, share=-0.5)], DriftConfig(cusum_bound=1000)) == []


class TestReference:
    def test_surely_worse_than_the_reference_is_told(self):
        """Three standard errors below zero; the alarm names the release and the day since when."""
        rows = [row(0, 1, reference=against_reference(0.01)), row(1, 1, reference=against_reference(-0.0031))]
        (alarm,) = drift(rows, POLICY).alarms
        assert alarm.key == "reference-1-2026-01-02"
        assert "-3.1%" in alarm.text
        assert keys([row(0, 1, reference=against_reference(-0.0029))]) == []

    def test_a_new_reference_forgets_the_old_one(self):
        """Figures against a release that is the reference no more raise no alarm."""
        assert keys([row(0, 1, reference=against_reference(-0.05, release=2))]) == []


def test_days_without_a_comparison_are_passed_over():
    """The first release, or a day that is NOT COMPARABLE, has no difference; nothing breaks."""
    assert drift([row(0, 0) | {"pair": None}], POLICY).days == ()
    assert drift([], POLICY).alarms == ()


class TestLead:
    """Days of few listeners: the lead over a release of a week before, 0.8 % of error a day."""

    @staticmethod
    def days(n, falls_from=10_000, seed=3):
        """Judged dates with such a lead, which loses 1.4 % once each day is 0.2 % worse than the one before."""
        noise = np.random.default_rng(seed).normal(0.045, 0.008, n)
        found = []
        for i, lead in enumerate(noise):
            lost = 0.002 * min(7, max(0, i - falls_from))
            pair = {"difference": 0.1 * (lead - lost), "standard_error": 0.0008, "incumbent": 0.1, "users": 1_400}
            found.append(row(i, 1.0) | {"against_earlier": pair})
        return found

    def test_a_decline_of_a_fifth_of_a_per_cent_a_day_is_told_within_forty_days(self):
        """The lead falls by 1.4 % and stays there: an alarm that is named by the day since when."""
        found = [key for key in keys(self.days(110, falls_from=70)) if key.startswith("lead-")]
        assert len(found) == 1
        assert found[0] > "lead-2026-03-0"

    def test_a_steady_lead_is_quiet(self):
        """A hundred days that scatter as their errors say: no alarm on the last one, in any of ten draws."""
        assert not [key for seed in range(10) for key in keys(self.days(100, seed=seed)) if key.startswith("lead-")]

    def test_the_first_weeks_say_nothing(self):
        """Without days far enough before there is no level to fall from."""
        assert not [key for key in keys(self.days(34, falls_from=5)) if key.startswith("lead-")]
