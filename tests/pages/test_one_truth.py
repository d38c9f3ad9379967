"""Live, status, Candidates, Over time and the report say the same of the newest judgement, whatever came in between."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from pages_store import candidates_page, shown
from settings import SIGNED, config, run

from recsys_tasks.core.policy import FreshnessConfig, GateConfig
from recsys_tasks.pages.history import history
from recsys_tasks.pages.live import live
from recsys_tasks.release.series import series
from recsys_tasks.reporting.overview import overview, status_text
from recsys_tasks.steps import Workplace, release_candidate, roll_back, set_pin

NOW = datetime(2026, 1, 17, 12, tzinfo=UTC)
D16 = date(2026, 1, 16)


def by(at, **policy):
    """The same store by another policy of the gate."""
    return Workplace(at.store, config(gate=policy), at.dsn)


def live_page(at):
    """The page of what is live, as text."""
    return re.sub(r"\s+", " ", shown("live", **live(at.store, FreshnessConfig(), NOW)))


def status(at):
    """What `status` prints."""
    return status_text(overview(at.store, NOW))


@pytest.fixture
def passed_beside_another(copied):
    """Held beside release 3; after a rollback to release 2 released by hand, when it passed beside that one."""
    held = run(by(copied, min_users=5000), D16).candidate
    roll_back(copied, 2, SIGNED)
    set_pin(copied, False, SIGNED)
    assert release_candidate(copied, held, SIGNED).published
    return copied


class TestNewestDate:
    def test_a_block_of_the_date_that_is_live_shows(self, copied):
        """Its first candidate is live, a later one was blocked: Live and status both say so, and what can be done."""
        run(copied, D16)
        run(by(copied, floor=0.9), D16, cold_start=True)
        said = "a later candidate of {} was blocked: precision"
        assert said.format("2026-01-16") in live_page(copied)
        assert said.format("2026-01-16").capitalize() in status(copied)
        for text in (live_page(copied), status(copied)):
            assert "recsys gate --date 2026-01-16 --judge-again" in text

    def test_a_block_is_not_repeated_after_recovery(self, copied):
        """Blocked, then another candidate of the same date published: neither page nor status speaks of the BLOCK."""
        run(by(copied, floor=0.9), D16)
        assert "was blocked" in status(copied)
        run(copied, D16, cold_start=True)
        assert "The candidate of 2026-01-16 went live as release 4" in status(copied)
        assert "was blocked" not in status(copied) + live_page(copied)
        assert overview(copied.store, NOW)["days"][-1]["outcome"] == "PASS"


class TestTwoIncumbents:
    def test_badge_and_reasons_are_of_one_judgement(self, passed_beside_another):
        """The log says PASS: so do the reasons beside it, the first row of the date, the series, and status."""
        at = passed_beside_another
        entry = at.releases.log().require_live()
        assert entry.verdict == "PASS"
        page = live_page(at)
        gate = page[page.index("<dt>The gate</dt>") :].partition("</dd>")[0]
        assert '<span class="badge PASS">PASS</span>' in gate
        assert "only" not in gate, "the reason of the HOLD beside release 3"
        assert "against release 2 " in gate
        rows = candidates_page(at.store)
        assert rows.index('<span class="badge PASS">') < rows.index('<span class="badge HOLD">')
        row = series(at.store)[-1]
        assert (row["outcome"], row["incumbent_release"], row["made_release"]) == ("PASS", 2, True)
        assert history(at.store, GateConfig(), "all")["data"]["outcomes"][-1] == "PASS"
        assert "went live as release" in status(at)
        assert "only" not in status(at).splitlines()[-1]

    def test_a_release_by_hand_keeps_its_hold_everywhere(self, copied):
        """Held and released: HOLD beside its own reason, and the person's name on Live, in status and in the table."""
        held = run(by(copied, min_users=5000), D16).candidate
        strict, word = by(copied, min_users=5000), replace(SIGNED, why="looked at the lists")
        assert release_candidate(strict, held, word).published
        said = f"held back, and went live as release 4 on the word of {SIGNED.by}"
        for text in (live_page(copied), status(copied)):
            assert said in text
            assert "What to do next" not in text
        gate = live_page(copied)
        gate = gate[gate.index("<dt>The gate</dt>") :].partition("</dd>")[0]
        assert '<span class="badge HOLD">HOLD</span> only' in gate
        assert series(copied.store)[-1]["signed_by"] == SIGNED.by
