"""Which judgement of a date counts, and which is the gate's last word: by what came of them and by their time."""

from datetime import date

import pytest
from report_material import entry

from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.release.series import NOT_JUDGED, by_date, newest, past_days, that_made, with_release

PAIR, OTHER = {"difference": 0.001, "incumbent": 0.03}, {"difference": -0.002, "incumbent": 0.04}
A, B = "a" * 64, "b" * 64


def row(**changes):
    """A judgement as it is stored, without what came of it."""
    made = {"day": "2026-01-15", "candidate": A, "judgement": "a-1", "outcome": "PASS", "pair": PAIR}
    return made | {"incumbent_release": 1, "stored_at": "2026-01-16T03:00:00+00:00"} | changes


def of(log, *rows):
    """The rows with what came of them."""
    return [with_release(log, each) for each in rows]


RELEASED = ReleaseLog((entry(number=1, release=1, candidate=A, day=date(2026, 1, 15), figures={"pair": PAIR}),))


class TestThatCounts:
    def test_the_one_that_made_the_release_counts_however_new_the_other_incumbent_is(self):
        """Held beside release 9, passed beside release 1 after a rollback: the log keeps what it was published by."""
        held = row(outcome="HOLD", pair=OTHER, incumbent_release=9, judgement="a-9", stored_at="2026-01-18")
        rows = of(RELEASED, held, row())
        assert [each["outcome"] for each in by_date(rows)["2026-01-15"]] == ["PASS", "HOLD"]
        assert that_made(RELEASED.entries[0], rows)["outcome"] == "PASS"

    def test_of_two_releases_of_a_date_the_newer_counts(self):
        """A restated date was published once more."""
        log = ReleaseLog((*RELEASED.entries, entry(number=2, release=2, candidate=B, figures={"pair": OTHER})))
        first, second = of(log, row(stored_at="2026-01-19"), row(candidate=B, pair=OTHER, judgement="b-1"))
        assert by_date([first, second])["2026-01-15"] == [second, first]

    def test_a_word_by_hand_keeps_its_hold(self):
        """Held, and released by a person: the judgement that counts says HOLD, and who released it."""
        log = ReleaseLog((entry(number=1, release=1, candidate=A, verdict="HOLD", figures={"pair": PAIR}),))
        (found,) = of(log, row(outcome="HOLD"))
        assert (found["made_release"], found["signed_by"]) == (True, "olga")

    def test_what_is_gone_is_not_replaced_by_another_candidate(self):
        """No judgement of a release's candidate is there any more: none is shown for it."""
        assert that_made(RELEASED.entries[0], of(RELEASED, row(candidate=B))) is None


class TestNewest:
    @pytest.mark.parametrize("turned", [False, True])
    def test_it_goes_by_time_and_not_by_name(self, turned):
        """Blocked, then recovered on the same date: the recovery is the last word, whatever the digests are."""
        names = (B, A) if turned else (A, B)
        blocked = row(outcome="BLOCK", candidate=names[0], judgement=f"{names[0]}-1")
        passed = row(candidate=names[1], judgement=f"{names[1]}-1", stored_at="2026-01-17")
        assert newest([passed, blocked]) == newest([blocked, passed]) == passed

    def test_a_backfill_does_not_hide_a_newer_date(self):
        """An older date that was judged later is not the newest judged date."""
        older = row(day="2026-01-10", outcome="HOLD", stored_at="2026-02-01")
        assert newest([row(), older]) == row()

    def test_what_was_never_judged_is_no_word(self):
        """Evaluated, and killed before the gate; or damaged: neither is a verdict."""
        assert newest([row(), row(day="2026-01-16", outcome=NOT_JUDGED), row(day="2026-01-17", outcome="")]) == row()
        assert newest([]) is None


class TestPastDays:
    def test_a_lead_that_the_day_taught_is_no_measure_of_components(self):
        """Of joined components compared as they are alone, as all were once: that lead counts among its own kind."""
        errors = {"standard_error": 0.01, "incumbent": 1.0}
        live, own, long = ({"difference": share, **errors} for share in (0.02, 0.09, 0.03))
        known = {"rule": "none", "levels": {}, "against_earlier": long, "release": 1}
        now = row(pair=live, as_is=own, evidence=long, flattered=False, **known)
        once = row(pair=own, as_is=None, evidence=long, flattered=True, **known)
        alone = row(pair=live, as_is=None, evidence=None, flattered=False, **known)
        found = past_days([now, once, alone], 3)
        assert [each.against_live and each.against_live.share for each in found] == [0.03, None, 0.02]
        assert [each.as_is and each.as_is.share for each in found] == [0.09, 0.09, None]
        assert [each.against_earlier is None for each in found] == [False, True, False]
