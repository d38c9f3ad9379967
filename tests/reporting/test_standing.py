"""Where the service stands in one sentence: what is live and the gate's last word, whatever happened in which order."""

from dataclasses import replace
from datetime import date, time

import pytest
from report_material import FIRST, entry

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.release.log import PUBLISH_OLDER, ReleaseLog
from recsys_tasks.release.series import with_release
from recsys_tasks.reporting.standing import in_lines, next_steps, sentence

LIVE, OTHER = FIRST.candidate, "b" * 64
LOG = ReleaseLog((replace(FIRST, day=date(2026, 1, 15), figures={"pair": None}),))
WORD = {"outcome": "HOLD", "reasons": ["too few"], "by": "olga", "why": "small", "at": "2026-01-16T08:00:00+00:00"}


def row(day, outcome="PASS", candidate=OTHER, at="2026-01-16", **changes):
    """A judgement, without what came of it."""
    made = {"day": day, "outcome": outcome, "candidate": candidate, "judgement": candidate, "pair": None, "earlier": []}
    made |= {"incumbent_release": None, "stored_at": at, "exact": False, "rule": "incumbent", "reasons": ["why"]}
    return made | changes


LIVES = row("2026-01-15", candidate=LIVE)
SAID = {
    "it is live": (LOG, [LIVES], ""),
    "a BLOCK of the newest date": (
        LOG,
        [LIVES, row("2026-01-16", "BLOCK")],
        "the candidate of 2026-01-16 was blocked: why",
    ),
    "a BLOCK of the date that is live": (
        LOG,
        [LIVES, row("2026-01-15", "BLOCK", at="2026-01-17")],
        "a later candidate of 2026-01-15 was blocked: why",
    ),
    "a BLOCK, and the date recovered": (LOG, [row("2026-01-15", "BLOCK", at="2026-01-14"), LIVES], ""),
    "a BLOCK, and a later date went live": (LOG, [row("2026-01-14", "BLOCK"), LIVES], ""),
    "a backfill was held": (LOG, [LIVES, row("2026-01-10", "HOLD", at="2026-02-01")], ""),
    "only older dates are judged": (
        LOG,
        [row("2026-01-10", "HOLD")],
        "the candidate of 2026-01-10, older than what is live, was held back: why",
    ),
    "released by hand": (
        ReleaseLog((*LOG.entries, entry(candidate=OTHER, verdict="HOLD", day=date(2026, 1, 16)))),
        [LIVES, row("2026-01-16", "HOLD")],
        "the candidate of 2026-01-16 was held back, and went live as release 2 on the word of olga",
    ),
    "passed before a run could publish it": (
        LOG,
        [LIVES, row("2026-01-16", earlier=[WORD])],
        "the candidate of 2026-01-16 passed the gate but is not published yet "
        "(judged again by olga: small; it was HOLD)",
    ),
    "kept by a pin": (
        ReleaseLog((replace(LOG.entries[0], pinned=True),)),
        [LIVES, row("2026-01-16")],
        "the candidate of 2026-01-16 passed the gate but was kept, because release 1 is pinned by olga",
    ),
    "older data passed": (
        LOG,
        [row("2026-01-14")],
        "the candidate of 2026-01-14, older than what is live, passed the gate but was kept, "
        "because newer data are live",
    ),
    "nothing judged": (LOG, [], "no day has been judged"),
}


class TestSentence:
    @pytest.mark.parametrize(("log", "rows", "said"), SAID.values(), ids=SAID)
    def test_the_last_word_is_told_and_nothing_that_was_overtaken(self, log, rows, said):
        """What is live, and what came of the newest judgement, in whatever order the rows stand."""
        rows = [with_release(log, each) for each in rows]
        whole = sentence(log, rows)
        assert whole == sentence(log, rows[::-1])
        assert whole.startswith(f"Release {log.live.release} (data of {log.live.day}) is live")
        assert whole.partition(" is live")[2] == (f"; {said}." if said else ".")

    def test_a_date_that_was_stopped_before_it_could_be_judged_is_told(self):
        """Quarantined dates after the newest judged one; those before it were overtaken."""
        rows = [with_release(LOG, LIVES)]
        said = sentence(LOG, rows, ["2026-01-16", "2026-01-14"])
        assert said.endswith("is live; 2026-01-16 is quarantined.")


class TestNextSteps:
    def test_they_are_about_the_last_word(self):
        """Nothing to do about what went live; a held candidate can be released, one that passed be published."""
        assert next_steps(LOG, [with_release(LOG, LIVES)]) == []
        held = in_lines(next_steps(LOG, [with_release(LOG, row("2026-01-16", "HOLD"))]))
        assert any("recsys release bbbbbbbbbbbb" in line and "--older" not in line for line in held)
        passed = in_lines(next_steps(LOG, [with_release(LOG, row("2026-01-16"))]))
        assert passed[0].startswith("1. ")
        assert "recsys run --date 2026-01-16" in passed[0]

    def test_the_run_that_is_cleared_begins_with_the_business_day(self):
        """Airflow knows a run of a zone by the instant with which its day begins, 4 o'clock of Berlin."""
        rows = [with_release(LOG, row("2026-01-16", "HOLD"))]
        assert "-s 2026-01-16 -e 2026-01-16" in in_lines(next_steps(LOG, rows))[0]
        found = in_lines(next_steps(LOG, rows, BusinessDays("Europe/Berlin", time(4))))[0]
        assert "-s 2026-01-16T03:00:00+00:00 -e 2026-01-16T03:00:00+00:00" in found

    def test_what_a_person_published_needs_nothing(self):
        """Older data went live on a word: there is nothing left to decide."""
        log = ReleaseLog((*LOG.entries, entry(candidate=OTHER, kind=PUBLISH_OLDER, day=date(2026, 1, 14))))
        assert next_steps(log, [with_release(log, row("2026-01-14"))]) == []
