"""The pages that look back: they show what is stored, say what is damaged or missing, and memory changes nothing."""

import json
import os
import re
import shutil
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path

import pytest
from settings import SIGNED, damage, reseal, run

from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.pages import remembered
from recsys_tasks.pages.candidates import LENGTH, Wanted, candidates, difference, part, wanted
from recsys_tasks.pages.history import history, minutes_of
from recsys_tasks.pages.remembered import Memory, Remembered, days_of, judgements_of, log_of
from recsys_tasks.pages.site import render
from recsys_tasks.release.lineage import lineage
from recsys_tasks.release.releases import log_path, read_log
from recsys_tasks.release.series import FIGURES, VERDICT, series
from recsys_tasks.steps import roll_back
from recsys_tasks.storage.artefacts import read_manifest, sealed_manifest
from recsys_tasks.storage.store import Store

LAST = date(2026, 1, 15)


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    """A memory of the test's own."""
    monkeypatch.setattr(remembered, "MEMORY", Memory())


def aged(path):
    """Give everything below a path a time long past, as it has in a store that nobody works on."""
    for found in [*path.rglob("*"), path]:
        os.utime(found, (1_700_000_000, 1_700_000_000))


def shown(template, **context):
    """A page, as text of HTML."""
    return render(template, template, home="/recsys/", airflow="/", **context)


def candidates_page(store, asked=Wanted()):  # noqa: B008 - a tuple
    """The page of candidates and releases."""
    return shown("candidates", **candidates(store, asked))


def refused(at, outcome="HOLD", exact=False):
    """Turn the last date's verdict into a refusal, and take its release back; its digest."""
    (path,) = at.store.evaluations_of(LAST)
    verdict = read_manifest(path / VERDICT)["figures"] | {"outcome": outcome, "exact": exact, "reasons": ["<b>why</b>"]}
    reseal(path / VERDICT, figures=verdict)
    (log_path(at.store) / "3.json").unlink()
    return read_manifest(path / FIGURES)["key"]["candidate"]


@pytest.fixture
def ask(finished, tmp_path, monkeypatch):
    """The routes of these pages without Airflow around them, over the finished store."""
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from recsys_tasks.core.errors import RecsysError

    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "plugins"))
    from recsys_ui import browse
    from recsys_ui.web import Sorry, sorry
    from settings import TOML

    (tmp_path / "recsys.toml").write_text(TOML)
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "recsys.toml"))
    monkeypatch.setenv("RECSYS_ROOT", str(finished.store.root))
    app = FastAPI()
    app.include_router(browse.router)
    for refusal in (Sorry, RecsysError, OSError):
        app.add_exception_handler(refusal, sorry)
    return TestClient(app).get


class TestMemory:
    def test_a_file_is_read_once_until_it_changes(self, tmp_path):
        """Read, remembered, and read again after a replacement of the same size and time, and after its removal."""
        file, reads = tmp_path / "file", []

        def ask(known=Memory()):  # noqa: B008 - one for all calls
            return known.of((file,), lambda: reads.append(1) or (file.read_text() if file.exists() else None))

        file.write_text("one")
        aged(tmp_path)
        assert [ask(), ask(), len(reads)] == ["one", "one", 1]
        (tmp_path / "new").write_text("two")
        (tmp_path / "new").rename(file)
        aged(tmp_path)
        assert [ask(), ask(), len(reads)] == ["two", "two", 2]
        file.unlink()
        assert ask() is None

    def test_what_has_just_been_written_is_read_again(self, tmp_path):
        """Within a tick of the file system's clock a second change could go unseen."""
        (tmp_path / "file").write_text("one")
        known, answers = Memory(), iter((1, 2))
        assert [known.of((tmp_path / "file",), lambda: next(answers)) for _ in range(2)] == [1, 2]

    def test_it_holds_no_more_than_its_bound(self, tmp_path):
        """Of three files of 40 bytes, two stay within 100: that which was asked for longest ago is read again."""
        known, reads = Memory(limit=100), []
        for name in "abc":
            (tmp_path / name).write_text("x" * 40)
        aged(tmp_path)
        for name in "ababca":
            known.of((tmp_path / name,), lambda name=name: reads.append(name))
        assert reads == ["a", "b", "c", "a"]

    def test_a_failure_is_not_remembered(self, tmp_path):
        """What could not be read is tried again by the next who asks."""

        def fail():
            raise CorruptArtefact("damaged")

        (tmp_path / "file").write_text("x")
        aged(tmp_path)
        known = Memory()
        with pytest.raises(CorruptArtefact):
            known.of((tmp_path / "file",), fail)
        assert known.of((tmp_path / "file",), lambda: "mended") == "mended"


class TestRemembered:
    def test_the_pages_see_every_change_at_once(self, copied):
        """A new judgement and entry, a release by a person, a removed judgement: as if nothing were remembered."""
        aged(copied.store.root)

        def check():
            log = log_of(copied.store)
            assert log == read_log(copied.store)
            assert days_of(copied.store, log) == series(copied.store)

        check()
        run(copied, date(2026, 1, 16))
        check()
        roll_back(copied, 1, SIGNED)
        check()
        assert log_of(copied.store).require_live().release == 1
        shutil.rmtree(copied.store.evaluations_of(date(2026, 1, 14))[0])
        check()
        assert len(days_of(copied.store, log_of(copied.store))) == 3

    def test_only_the_newest_entry_is_read_again(self, copied, monkeypatch):
        """The entries before it come from memory, it never does."""
        aged(copied.store.root)
        log_of(copied.store)
        reads, read = [], remembered.read_entry
        monkeypatch.setattr(remembered, "read_entry", lambda store, n: reads.append(n) or read(store, n))
        log_of(copied.store)
        assert reads == [3]

    def test_a_damaged_entry_or_judgement_is_refused(self, copied):
        """Damage of what was remembered before is seen, in an entry that is not the newest too."""
        aged(copied.store.root)
        log = log_of(copied.store)
        days_of(copied.store, log)
        damage(copied.store.evaluations_of(LAST)[0] / VERDICT / "manifest.json")
        with pytest.raises(CorruptArtefact):
            days_of(copied.store, log)
        damage(log_path(copied.store) / "1.json")
        with pytest.raises(CorruptArtefact):
            log_of(copied.store)

    def test_a_remembered_store_answers_as_a_store(self, copied):
        """Partitions, runs and a whole lineage are the same, also after a step of a run was done again."""
        aged(copied.store.root)
        for _ in range(2):
            assert lineage(Remembered(copied.store.root), "2") == lineage(copied.store, "2")
        copied.store.save_run("another", "gate", {"began": "2026-01-01"})
        record = copied.store.runs_of("publish")[0]
        copied.store.save_run(record["run_id"], "publish", record | {"seconds": 77.0})
        own = Remembered(copied.store.root)
        for step in ("extract_streams", "gate", "publish", "none"):
            assert own.runs_of(step) == copied.store.runs_of(step)


class TestHistory:
    def test_the_plots_hold_the_stored_figures(self, finished):
        """Each value of precision, the honest one of the next day, recall and loss is that of the series; gaps stay."""
        rows, data = series(finished.store), history(finished.store, GateConfig(floor=0.01), "all")["data"]
        plots = {plot["name"]: plot for plot in data["plots"]}
        lines = {line["name"]: line["values"] for line in plots["precision"]["lines"]}
        assert data["days"] == ["2026-01-13", "2026-01-14", "2026-01-15"]
        assert lines["candidate"] == [row["precision"] for row in rows]
        assert lines["release live that day"] == [None, *(row["honest"]["precision"] for row in rows[1:])]
        assert plots["precision"]["bounds"] == [{"name": "floor 0.01", "value": 0.01}]
        assert plots["loss"]["lines"][0]["values"] == [row["losses"][-1] for row in rows]
        low = plots["precision"]["lines"][0]["low"]
        assert low == pytest.approx([row["precision"] - 1.96 * row["precision_error"] for row in rows])

    def test_the_table_and_the_data_block_hold_the_same(self, finished):
        """The JSON block of the page is the data; each value stands in a table too."""
        context = history(finished.store, GateConfig(), "all")
        page = shown("history", **context)
        block = re.search(r'<script type="application/json" id="plots">(.*?)</script>', page, re.S).group(1)
        assert json.loads(block) == json.loads(json.dumps(context["data"]))
        for value in context["data"]["plots"][0]["lines"][0]["values"]:
            assert f">{value:.4f}</td>" in page

    def test_minutes_are_those_of_all_runs_of_a_date(self, copied):
        """Publishing names no date and counts for that of its run; a second run of the date is added."""
        before = minutes_of(copied.store)["2026-01-15"]
        result = {"day": "2026-01-15"}
        copied.store.save_run("second", "train_als", {"began": "", "seconds": 60.0, "result": result})
        copied.store.save_run("second", "publish", {"began": "", "seconds": 30.0, "result": {}})
        after = minutes_of(copied.store)["2026-01-15"]
        assert after["train_als"] - before["train_als"] == pytest.approx(1.0)
        assert after["publish"] - before["publish"] == pytest.approx(0.5)

    def test_without_a_date_it_says_so(self, tmp_path):
        """An empty store has a page: no plot, a sentence."""
        page = shown("history", **history(Store(tmp_path), GateConfig(), "90"))
        assert "No date has been judged yet" in page
        assert "<figure" not in page

    def test_one_date_is_enough(self, copied):
        """A single date is plotted and stands in the tables."""
        for n in (14, 15):
            shutil.rmtree(copied.store.root / "evaluations" / f"2026-01-{n}")
        page = shown("history", **history(copied.store, GateConfig(), "90"))
        assert "1 judged date," in page
        assert page.count("<figure") == 6

    def test_a_damaged_judgement_is_said_and_the_rest_shown(self, copied):
        """One manifest is damaged: a note, and the other dates."""
        damage(copied.store.evaluations_of(LAST)[0] / FIGURES / "manifest.json")
        context = history(copied.store, GateConfig(), "all")
        assert context["data"]["days"] == ["2026-01-13", "2026-01-14"]
        assert "1 of the judgements cannot be read" in shown("history", **context)


class TestCandidates:
    def test_every_judgement_is_reachable(self, copied):
        """A second judgement of a date has a row and a report of its own, after the one that counts."""
        (path,) = copied.store.evaluations_of(LAST)
        other = path.with_name(f"{path.name[:16]}-none")
        shutil.copytree(path, other)
        key = read_manifest(path / FIGURES)["key"] | {"incumbent": None, "incumbent_release": None}
        for name, changes in ((FIGURES, {"key": key}), (VERDICT, {})):
            moved = read_manifest(path / name) | changes
            manifest = other / name / "manifest.json"
            manifest.chmod(0o644)
            manifest.write_bytes(sealed_manifest(moved["digest"], moved["key"], moved["figures"], moved["files"]))
        page = candidates_page(copied.store)
        assert page.index(f"report/{LAST}/{path.name}") < page.index(f"report/{LAST}/{other.name}")
        assert page.index(f"report/{LAST}/{other.name}") < page.index("report/2026-01-14/")

    def test_releases_and_refused_candidates_have_a_place_to_act(self, copied):
        """A release names its number; a held candidate its digest and day; both cells are empty."""
        digest = refused(copied)
        page = candidates_page(copied.store)
        assert f'<td class="acts" data-candidate="{digest}" data-day="2026-01-15"></td>' in page
        assert '<td class="acts" data-release="2"></td>' in page
        assert 'data-release="3"' not in page

    def test_what_failed_an_exact_check_is_never_offered(self, copied):
        """Blocked by an exact check, or its files are gone: a sentence, and nothing to act upon."""
        refused(copied, "BLOCK", exact=True)
        page = candidates_page(copied.store)
        assert "nobody can release it" in page
        assert "data-candidate" not in page

    def test_a_candidate_whose_files_are_gone_is_not_offered(self, copied):
        """Held, and removed by retention since: said, not offered."""
        shutil.rmtree(copied.store.bundle_path(refused(copied)))
        page = candidates_page(copied.store)
        assert "its files are gone" in page
        assert "data-candidate" not in page

    def test_a_damaged_judgement_has_a_row_that_says_so(self, copied):
        """The table stays; the row of the date names the damage."""
        damage(copied.store.evaluations_of(LAST)[0] / VERDICT / "manifest.json")
        page = unescape(candidates_page(copied.store))
        assert "1 judgement cannot be" in page
        assert re.search(r"15 Jan 2026.*damaged.*verdict/manifest.json", page, re.S)
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
        assert part(rows, 1).rows == rows[:LENGTH]
        assert part(rows, 9)[:3] == ([LENGTH], 2, 2)
        assert part([], 3)[1:] == (1, 1, 0)
        assert wanted("HOLD", "2026-01-02", "", "2", "3").address(page=4) == "verdict=HOLD&from=2026-01-02&page=4&log=3"

    def test_a_difference_is_a_share_with_its_interval(self):
        """Nothing is divided by zero; without an error there is no interval."""
        pair = {"difference": 0.01, "standard_error": 0.005, "incumbent": 0.1}
        assert difference(pair) == pytest.approx((0.1, 0.002, 0.198))
        assert difference(pair | {"standard_error": None}) == (pytest.approx(0.1), None, None)
        assert difference(pair | {"incumbent": 0.0}) is None
        assert difference(None) is None

    def test_the_log_tells_what_persons_did(self, copied):
        """A rollback stands on top with who, why and its pin; escaped."""
        roll_back(copied, 1, replace(SIGNED, why="<b>bad</b>"))
        page = re.sub(r"\s+", " ", candidates_page(copied.store))
        (newest,) = re.findall(r"<tr><th scope=.row. class=.n.>4</th>(.*?)</tr>", page)
        for said in ("release 1 rolled back", ">pinned<", ">live<", "<td>olga</td>", "&lt;b&gt;bad&lt;/b&gt;"):
            assert said in newest

    def test_an_empty_store_says_so(self, tmp_path):
        """No candidate, no release: two sentences."""
        page = candidates_page(Store(tmp_path))
        assert "No candidate has been judged yet" in page
        assert "Nothing has been published yet" in page


class TestRoutes:
    def test_the_way_back_of_a_release_is_shown(self, ask, finished):
        """Every station's digest, every date, the run and the libraries stand on the page."""
        page, found = ask("/lineage/2").text, lineage(finished.store, "2")
        for digest in (found["candidate"], found["factors"]["digest"], found["matrix"]["digest"]):
            assert digest in page
        assert all(row["digest"][:16] in page for row in found["partitions"])
        assert found["runs"][0]["run_id"] in page
        assert "numpy" in page
        assert ask(f"/lineage/{found['candidate'][:8]}").text == page

    @pytest.mark.parametrize(
        "name", ["9", "0", "ffffffff", "x", "abc", "2%00", "..%2f2", "-1", "F" * 16, "1" * 13, "%D9%A2"]
    )
    def test_an_unknown_name_is_a_kind_404(self, ask, name):
        """No such release, no such candidate, and what is no name at all."""
        answer = ask(f"/lineage/{name}")
        assert answer.status_code == 404
        assert "store" not in answer.text

    def test_addresses_are_understood_or_left_out(self, ask):
        """The queries of both tables; nonsense is no error."""
        assert "14 Jan 2026" in ask("/candidates?verdict=PASS&from=2026-01-14&page=1&log=1").text
        assert "There is no verdict" in ask("/candidates?verdict=x&page=-1&log=zz").text
        assert ask("/history?dates=30").status_code == ask("/history?dates=x").status_code == 200
        assert "script-src 'self'" in ask("/history").headers["content-security-policy"]
        assert "style=" not in ask("/history").text + ask("/candidates").text + ask("/lineage/1").text

    def test_a_damaged_log_is_said(self, ask, copied, monkeypatch):
        """Without a sound log nothing is claimed: what is damaged is named."""
        damage(log_path(copied.store) / "2.json")
        monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
        for path in ("/history", "/candidates", "/lineage/1"):
            answer = ask(path)
            assert (answer.status_code, "not a sound log entry" in answer.text) == (503, True)


def test_judgements_come_with_their_exactness(copied):
    """Rows tell whether an exact check failed, which decides whether anybody may release the candidate."""
    refused(copied, "BLOCK", exact=True)
    rows, damaged = judgements_of(copied.store, log_of(copied.store))
    assert [row["exact"] for row in rows] == [False, False, True]
    assert damaged == []
