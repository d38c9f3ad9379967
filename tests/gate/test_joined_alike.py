"""Joined components before the gate: what the day taught to join them must not hide what is wrong with them."""

from datetime import date, timedelta

import numpy as np
import pytest
from gate.test_gate import POLICY, SOUND, figures

from recsys_tasks.gate.past import Loss, PastDay
from recsys_tasks.gate.verdict import Beside, judge
from recsys_tasks.release.advice import cause


def joined(alike, as_is, n=20_000):
    """Figures of listeners, with what the candidate gains or loses joined as the live release joins, and as it is."""
    found = figures(n=n)
    live = found["incumbent_common_precision"] + 0.123 - found["incumbent_common_precision"].mean()
    noise = found["candidate_precision"] - found["incumbent_common_precision"]
    by_live, own = (live + noise - noise.mean() + 0.123 * change for change in (alike, as_is))
    return found | {
        "candidate_precision": own,
        "as_is_common_precision": own,
        "candidate_common_precision": by_live,
        "incumbent_common_precision": live,
    }


def verdict(alike, as_is, past=(), n=20_000):
    """The gate on such figures."""
    return judge(SOUND, joined(alike, as_is, n), Beside(past=past), POLICY)


class TestJoinedAlike:
    @pytest.mark.parametrize("loss", [0.02, 0.05, 0.3])
    def test_a_loss_of_the_components_stops_whatever_the_day_taught(self, loss):
        """As it is the candidate leads by 9 %, for its trees know the day; joined as the live release it loses."""
        found = verdict(-loss, 0.09)
        assert (found.outcome, found.figures["rule"]) == ("BLOCK", "incumbent")
        assert f"joined as the live release joins, against it -{100 * loss:.2f}%" in found.reasons[0]
        as_before = joined(0.09, 0.09)
        del as_before["as_is_common_precision"]
        assert judge(SOUND, as_before, Beside(), POLICY).outcome == "PASS"

    def test_what_joins_them_must_not_lose_either(self):
        """Broken weights or trees lose although they know the day; a subject line names that figure."""
        found = verdict(0.02, -0.1)
        assert (found.outcome, found.figures["stopped_by"]) == ("BLOCK", "as_is")
        assert found.reasons[0].startswith("as it is, against the live release -10.00%")
        assert "10.0% worse" in cause({"outcome": "BLOCK", "figures": found.figures, "reasons": found.reasons})

    def test_the_worst_of_both_counts_and_both_are_told(self):
        """Held by the one and blocked by the other: blocked, and that reason stands first."""
        found = verdict(-0.029, -0.1, n=1_500)
        assert found.outcome == "BLOCK"
        assert [reason.split(",")[0] for reason in found.reasons] == ["as it is", "joined as the live release joins"]

    def test_a_sound_one_passes_by_its_components(self):
        """The reason names their lead, not that of the day."""
        found = verdict(0.02, 0.09)
        assert found.outcome == "PASS"
        assert "joined as the live release joins, against it +2.00%" in found.reasons[1]

    def test_each_is_held_against_days_of_its_own_kind(self):
        """What days teach scatters by 6 %, so that a loss of 5 % as it is says nothing; of the components it does."""
        past = [
            PastDay(date(2026, 1, 1) + timedelta(days=i), {}, Loss(0.02, 0.004), None, Loss(0.06 * (i % 3), 0.004))
            for i in range(28)
        ]
        assert verdict(0.02, -0.05).outcome == "BLOCK"
        assert verdict(0.02, -0.05, past).outcome == "PASS"
        assert verdict(-0.05, 0.09, past).outcome == "BLOCK"

    def test_long_lists_that_nobody_would_get_are_not_held_against_popularity(self):
        """Joined as the live release, broken components are below the popular tracks; it is said that they lose."""
        n = 1_500
        evidence = figures(n=n, candidate=0.04, seed=2)
        found = joined(-0.6, 0.05, n) | {
            "candidate_evidence": evidence["candidate_precision"],
            "incumbent_evidence": evidence["incumbent_common_precision"],
            "popularity_evidence": np.full(n, 0.05),
        }
        said = judge(SOUND, found, Beside(), POLICY)
        assert (said.outcome, said.figures["rule"]) == ("BLOCK", "incumbent")
        assert "in long lists" in said.reasons[0]
        without = {name: values for name, values in found.items() if name != "as_is_common_precision"}
        assert judge(SOUND, without, Beside(), POLICY).figures["rule"] == "popular"


class TestStored:
    def test_a_day_without_joined_components_is_stored_as_before(self):
        """Its past has no word of what is not joined."""
        day = date(2026, 1, 13)
        assert "as_is" not in PastDay(day, {}, Loss(0.01, 0.01)).to_json()
        assert PastDay(day, {}, as_is=Loss(0.01, 0.02)).to_json()["as_is"] == {"share": 0.01, "error": 0.02}
