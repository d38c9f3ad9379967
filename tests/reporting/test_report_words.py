"""The sentences of a report: the verdict first, what came of it, and only what can be done."""

from dataclasses import replace

import pytest
from report_material import (
    BLOCKED,
    CANDIDATE,
    FIGURES,
    FIRST,
    FORBIDDEN,
    HELD,
    KEY,
    PASSED,
    entry,
    material,
    page_of,
)

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.release.log import PUBLISH_OLDER, ReleaseLog
from recsys_tasks.reporting.words import advice, headline, meaning, stage_of

STAGES = {
    "published": (PASSED, ReleaseLog((FIRST, entry())), "were published as release 2: on 3,208 test listeners"),
    "first": (
        replace(PASSED, figures={n: v for n, v in FIGURES.items() if n != "pair"}),
        ReleaseLog((entry(number=1, release=1),)),
        "better than a list of the most popular tracks; there was no release to compare with",
    ),
    "overridden": (
        HELD,
        ReleaseLog((FIRST, entry(verdict="HOLD", why="small town"))),
        "published as release 2 on the word of olga, although the gate had held them back",
    ),
    "blocked and overridden": (
        BLOCKED,
        ReleaseLog((FIRST, entry(verdict="BLOCK"))),
        "on the word of olga, although the gate had blocked them",
    ),
    "older": (
        PASSED,
        ReleaseLog((FIRST, entry(kind=PUBLISH_OLDER))),
        "on the word of olga, although newer ones had been live",
    ),
    "later": (HELD, ReleaseLog((FIRST, entry())), "this comparison did not pass them, another one"),
    "passed": (PASSED, ReleaseLog((FIRST,)), "passed the test: on 3,208 test listeners"),
    "kept": (
        PASSED,
        ReleaseLog((replace(FIRST, pinned=True, why="a campaign"),)),
        "passed the test, but were not published: release 1 is pinned by olga (a campaign)",
    ),
    "held": (HELD, ReleaseLog((FIRST,)), "were held back: the test could not show that they are good enough"),
    "blocked": (BLOCKED, ReleaseLog((FIRST,)), "were blocked: on 3,208 test listeners they fell short"),
    "forbidden": (FORBIDDEN, ReleaseLog((FIRST,)), "were blocked: a check that nobody can override failed"),
}


class TestSentence:
    @pytest.mark.parametrize(("verdict", "log", "said"), STAGES.values(), ids=STAGES.keys())
    def test_whatever_came_of_a_candidate_is_one_sentence(self, verdict, log, said):
        """Published, kept, held, blocked, released by a person: in words, with numbers or the reason."""
        sentence = headline(stage_of(verdict, log, KEY), verdict, KEY, 0.02)
        assert said in sentence
        assert sentence.startswith("The recommendations made from the listening of 2026-01-15 ")
        assert sentence.count(". ") == 0

    def test_the_verdict_stands_first(self):
        """The page begins with the gate's word, the sentence, and what listeners notice of it."""
        text = page_of(verdict=HELD, log=ReleaseLog((FIRST,))).text.replace("\u2011", "-")
        begin = (
            "HOLD 2026-01-15: recommendations HOLD The recommendations made from the listening of 2026-01-15 were held"
        )
        assert text.startswith(begin)
        assert "Nothing changed for listeners" in text[: len(begin) + 150]

    def test_what_is_live_is_said_where_nothing_changed(self):
        """Held or blocked: what listeners have instead, or that nothing has been published yet."""
        held = stage_of(HELD, ReleaseLog((FIRST,)), KEY)
        assert "release 1 (listening up to 2026-01-14) was live" in meaning(held, ReleaseLog((FIRST,)))
        assert "no release has been published yet" in meaning(held, ReleaseLog())

    def test_only_what_may_be_overridden_is_offered(self):
        """The command to release stands on a held page, never where an exact check failed."""
        log = ReleaseLog((FIRST,))
        decided, found = advice(stage_of(HELD, log, KEY), HELD, KEY, log)
        assert "[gate]" in decided
        assert f"recsys release {CANDIDATE[:12]} --by YOU --why REASON" in str(found[-1])
        assert "--by" not in page_of(verdict=FORBIDDEN, log=log).text
        _, abroad = advice(stage_of(HELD, log, KEY), HELD, KEY, log, BusinessDays("Asia/Tokyo"))
        assert "-s 2026-01-14T15:00:00+00:00" in str(abroad[0])
        _, forbidden = advice(stage_of(FORBIDDEN, log, KEY), FORBIDDEN, KEY, log)
        assert forbidden[0].words.startswith("Mend what the failed check names")

    def test_the_release_that_was_compared_has_its_number(self):
        """The live release of the reader's day is another one: reasons, figures and lists name the one that it was."""
        reason = "against the live release -1.90% (standard error 2 %)"
        page = page_of(verdict=replace(HELD, reasons=(reason,)), log=ReleaseLog((FIRST,)))
        assert "against release 1 -1.90%" in page.text
        assert "against release 1, the one before +1.00%" in page.text, "the figure that decided"
        assert "From release 1" in page.text
        assert "against the live release" not in page.text

    def test_who_had_it_judged_again_stands_with_what_it_was(self):
        """Name, instant and reason, and the verdict before; what they wrote is text."""
        word = {"by": "olga", "why": "<b>small</b>", "at": "2026-01-16T08:00:00+00:00"}
        rows = material().rows
        old = {"outcome": "HOLD", "reasons": ["only 7 listeners"], **word}
        page = page_of(rows=[*rows[:-1], rows[-1] | {"earlier": [old]}])
        assert "Judged again by olga at 2026-01-16 08:00 UTC: <b>small</b>" in page.text
        assert "Before that it was HOLD: only 7" in page.text
        assert "b" not in page.elements

    def test_a_persons_word_stands_with_its_reason(self):
        """Who, why and when, from the release log; what they wrote is text."""
        log = ReleaseLog((FIRST, entry(verdict="HOLD", why="<b>a small town</b>")))
        page = page_of(verdict=HELD, log=log)
        assert "olga published it at 2026-01-16 03:00 UTC: <b>a small town</b>" in page.text
        assert "b" not in page.elements

    def test_a_word_on_the_data_stands_too(self):
        """Who let a day's streams pass that a check would have stopped, and why."""
        found = ["volume: 90,000 streams, asked: 0.5 to 2 times"]
        word = {"by": "paul", "why": "<i>a festival</i>", "at": "2026-01-16T01:30:00+00:00", "found": found}
        text = page_of(accepted=[word]).text
        assert (
            f"paul let the data be used at 2026-01-16 01:30 UTC although something was wrong with them ({found[0]})"
            in text
        )
        assert "<i>a festival</i>" in text
