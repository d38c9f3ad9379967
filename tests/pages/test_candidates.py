"""The page *Candidates and releases*: every judgement and entry is there, and only what may be released is offered."""

import re
from dataclasses import replace
from datetime import date
from html import unescape

import pytest
from pages_store import LAST, candidates_page, judged_file, refused
from settings import SIGNED, config, damage, reseal, run

from recsys_tasks.pages.candidates import LENGTH, candidates, page_of, wanted
from recsys_tasks.pages.remembered import RememberedJudgements, log_of
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.release.judgements import FIGURES, judgement_of
from recsys_tasks.release.stored_verdicts import VERDICT
from recsys_tasks.steps import Workplace, judge_again, roll_back, set_pin
from recsys_tasks.storage.artefacts import read_manifest
from recsys_tasks.storage.posix import PosixStore


class TestCandidates:
    def test_every_judgement_is_reachable(self, copied):
        """A second judgement of a date has a row and a report of its own, after the one that counts."""
        (judgement,) = copied.judgements.of(LAST)
        key = replace(copied.judgements.key(judgement), incumbent=None, incumbent_release=None)
        other = judgement_of(LAST, key.candidate, None)
        copied.judgements.save_figures(other, key, {}, copied.judgements.figures(judgement))
        page = candidates_page(copied.store)
        assert page.index(f"report/{LAST}/{judgement.name}") < page.index(f"report/{LAST}/{other.name}")
        assert page.index(f"report/{LAST}/{other.name}") < page.index("report/2026-01-14/")

    def test_each_component_of_a_blend_has_a_row(self, copied):
        """What the report says of each component stands with the candidate; of ALS alone there is nothing to say."""
        path = judged_file(copied, LAST, FIGURES).parent
        whole = {"lists": "all components", "weight": None, "precision": 0.04, "ndcg": 0.1}
        whole |= {"difference": 0.0, "low": 0.0, "high": 0.0}
        rows = [
            whole,
            whole | {"lists": "without <recent>", "weight": 0.6, "difference": -0.0071, "low": -0.009, "high": -0.005},
        ]
        assert "What each component is worth" not in candidates_page(copied.store)
        reseal(path, figures=read_manifest(path).figures | {"components": rows})
        page = candidates_page(copied.store)
        assert page.count("What each component is worth") == 1
        assert "without &lt;recent&gt;" in page
        assert "−0.0071" in page
        assert "−0.0090 to −0.0050" in page

    def test_releases_and_refused_candidates_have_a_place_to_act(self, copied):
        """A release names its number; a held candidate its digest and day; both cells are empty."""
        digest = refused(copied)
        page = candidates_page(copied.store)
        assert f'<div class="acts" data-candidate="{digest}" data-day="2026-01-15" data-newest="yes"></div>' in page
        assert '<div class="acts" data-release="2"></div>' in page
        assert 'data-release="3"' not in page

    def test_what_can_be_done_stands_beside_what_was_refused(self, copied):
        """The setting that decides and the commands, under the reasons; nothing of it beside what is published."""
        digest = refused(copied)
        page = candidates_page(copied.store)
        assert page.count("What can be done") == 1
        assert f"<code>recsys release {digest[:12]} --by YOU --why REASON</code>" in page

    def test_who_had_it_judged_again_stands_beside_the_reasons(self, copied):
        """Name, reason and the verdict before; the newest one is the badge, and all of it is text."""
        refused(copied)
        other = Workplace(copied.store, config(gate={"margin": 0.6}), copied.dsn)
        judge_again(other, LAST, replace(SIGNED, why="<i>small</i>"))
        page = candidates_page(copied.store)
        assert (
            f"judged again by <bdi>{SIGNED.by}</bdi>, 2026-01-14 00:00 UTC: <bdi>&lt;i&gt;small&lt;/i&gt;</bdi> (it was"
            in page
        )
        assert page.count('<span class="badge HOLD">') == 0

    def test_what_failed_an_exact_check_is_never_offered(self, copied):
        """Blocked by an exact check, or its files are gone: a sentence, and nothing to act upon."""
        refused(copied, "BLOCK", exact=True)
        page = candidates_page(copied.store)
        assert "nobody can release it" in page
        assert "data-candidate" not in page

    def test_a_candidate_whose_files_are_gone_is_not_offered(self, copied):
        """Held, and removed by retention since: said, not offered."""
        copied.store.remove(bundle_name(refused(copied)))
        page = candidates_page(copied.store)
        assert "its files are gone" in page
        assert "data-candidate" not in page

    def test_a_damaged_judgement_has_a_row_that_says_so(self, copied):
        """The table stays; the row of the date names the damage."""
        damage(judged_file(copied, LAST, VERDICT))
        page = unescape(candidates_page(copied.store))
        assert "1 judgement cannot be" in page
        assert re.search(r"2026-01-15.*damaged.*verdict/manifest.json", page, re.S)
        assert "report/2026-01-14/" in page

    def test_words_from_outside_are_text(self, copied):
        """Reasons, names and notes are escaped."""
        refused(copied)
        page = candidates_page(copied.store, wanted("<i>x", "<u>", "", "", ""))
        assert not [tag for tag in ("<b>why", "<i>x", "<u>") if tag in page]
        assert "&lt;b&gt;why" in page

    def test_verdict_and_dates_narrow_the_table(self, copied):
        """Only held ones, only some dates, neither: by what is stored."""
        refused(copied)

        def days(*asked):
            return [rows[0]["day"][-2:] for rows in candidates(copied.store, wanted(*asked, "", ""))["dates"].rows]

        assert days("", "", "") == ["15", "14", "13"]
        assert days("HOLD", "", "") == ["15"]
        assert days("PASS", "2026-01-14", "") == ["14"]
        assert days("", "", "2026-01-13") == ["13"]
        assert days("BLOCK", "", "") == []

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (("hold", "", ""), "no verdict “hold”"),
            (("", "2026-13-01", ""), "“2026-13-01” is no date"),
            (("", "", "20260113"), "“20260113” is no date"),
            (("", "2026-01-15", "2026-01-13"), "lies after the last"),
        ],
    )
    def test_what_is_not_understood_is_left_out_and_said(self, asked, said):
        """An unknown verdict, no date, dates the wrong way round: everything is shown, with a note."""
        found = wanted(*asked, "0", "x")
        assert found[:5] == ("", None, None, 1, 1)
        assert said in found.notes[0]

    def test_a_page_beyond_the_last_is_the_last(self):
        """Rows are cut into pages of one length; the address keeps what else was asked for."""
        rows = list(range(LENGTH + 1))
        assert page_of(rows, 1).rows == rows[:LENGTH]
        assert page_of(rows, 9)[:3] == ([LENGTH], 2, 2)
        assert page_of([], 3)[1:] == (1, 1, 0)
        assert wanted("HOLD", "2026-01-02", "", "2", "3").address(page=4) == "verdict=HOLD&from=2026-01-02&page=4&log=3"

    def test_the_log_tells_what_persons_did(self, copied):
        """A rollback stands on top with who, why and its pin; escaped."""
        roll_back(copied, 1, replace(SIGNED, why="<b>bad</b>"))
        page = re.sub(r"\s+", " ", candidates_page(copied.store))
        (newest,) = re.findall(r"<tr><th scope=.row. class=.n.>4</th>(.*?)</tr>", page)
        for said in (
            'release 1 rolled back <span class="badge warn">pinned<',
            ">live<",
            "<td><bdi>olga</bdi></td>",
            "<bdi>&lt;b&gt;bad&lt;/b&gt;</bdi>",
        ):
            assert said in newest

    def test_a_gap_between_release_numbers_is_explained_where_it_is(self, copied):
        """A rollback and the end of its pin took two numbers: the release after them says so, and no other."""
        assert "are no releases" not in candidates_page(copied.store)
        roll_back(copied, 2, SIGNED)
        set_pin(copied, False, SIGNED)
        run(copied, date(2026, 1, 16))
        page = candidates_page(copied.store)
        assert page.count("Numbers 4 and 5 are no releases but a rollback and a lifted pin.") == 1
        assert "A release has the number of the entry that published it." in page

    def test_an_empty_store_says_so(self, tmp_path):
        """No candidate, no release: two sentences."""
        page = candidates_page(PosixStore(tmp_path))
        assert "No candidate has been judged yet" in page
        assert "Nothing has been published yet" in page


def test_judgements_come_with_their_exactness(copied):
    """Rows tell whether an exact check failed, which decides whether anybody may release the candidate."""
    refused(copied, "BLOCK", exact=True)
    judgements = RememberedJudgements(Viewed(copied.store), log_of(copied.store))
    rows, damaged = judgements.readable(judgements.days())
    assert [row["exact"] for row in rows] == [False, False, True]
    assert damaged == []
