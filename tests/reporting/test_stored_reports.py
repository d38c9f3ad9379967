"""Reports of stored judgements: one a judged day, unchanged by later days, without a listener's id."""

import json
from dataclasses import replace
from datetime import date

import pytest
from report_material import DAY, Page
from settings import SIGNED, TOML, config, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import NotStored
from recsys_tasks.steps import Workplace, release_candidate
from recsys_tasks.steps.report import write_report
from recsys_tasks.storage.posix import PosixStore


def report_of(at, day=DAY):
    """The page of the newest judgement of a date, as bytes."""
    written = write_report(at, day, at.judgements.of(day)[-1].name)
    return (at.store.root / written.report).read_bytes()


class TestStored:
    def test_every_judged_day_has_a_page_beside_its_figures(self, copied):
        """A first day without a live release, and a later one with everything; each run left its page."""
        first, last = (Page(report_of(copied, date(2026, 1, n)).decode()) for n in (13, 15))
        assert "published as release 1" in first.text
        assert "there was no release to compare with" in first.text
        assert "published as release 3" in last.text
        assert "Listener E" in last.text
        assert [last.text.count(f"2026-01-{n} PASS") for n in (13, 14, 15)] == [1, 1, 1], "one row a day"
        assert (first.elements.count("svg"), last.elements.count("svg")) == (3, 6)
        assert len(list(copied.store.root.glob("evaluations/*/*/report.html"))) == 3

    def test_a_later_day_changes_nothing_in_it(self, copied):
        """Written again after another day was judged and published, the page of the first day is what it was."""
        before = report_of(copied, date(2026, 1, 14))
        run(copied, date(2026, 1, 16))
        assert report_of(copied, date(2026, 1, 14)) == before

    def test_no_listener_is_named(self, finished):
        """What is shown of single listeners is a letter and tracks: the samples hold no id."""
        table = finished.judgements.load(finished.judgements.of(DAY)[0]).samples
        assert table.column_names == ["listener", "kind", "place", "title", "artist", "hit"]
        assert set(table.column("listener").to_pylist()) == set("ABCDE")

    def test_a_person_who_released_it_is_named(self, finished, world_dsn, tmp_path):
        """Held, then released by hand: written again, the page says so."""
        at = Workplace(PosixStore(tmp_path), config(gate={"min_users": 5000}), world_dsn)
        held = run(at, date(2026, 1, 13))
        before = Page(report_of(at, date(2026, 1, 13)).decode()).text
        release_candidate(at, held.candidate, replace(SIGNED, why="looked at the lists"))
        after = Page(report_of(at, date(2026, 1, 13)).decode()).text
        assert "held back" in before
        assert "no release has been published yet" in before
        assert "on the word of olga" in after
        assert "looked at the lists" in after

    def test_what_was_not_judged_has_no_page(self, finished):
        """A name that nobody judged is refused with its path."""
        with pytest.raises(NotStored, match="f-none"):
            write_report(finished, DAY, "f-none")

    def test_the_command_prints_the_path(self, copied, tmp_path, capsys):
        """report --date writes the page, --out a copy; a day that nobody judged is named."""
        (tmp_path / "config.toml").write_text(TOML)
        places = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml"), "USER": "o"}
        assert main(["report", "--date", "2026-01-15", "--json"], places) == 0
        written = json.loads(capsys.readouterr().out)
        page = (copied.store.root / written["report"]).read_bytes()
        assert main(["report", "--date", "2026-01-15", "--out", str(tmp_path / "copy.html")], places) == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / "copy.html")
        assert (tmp_path / "copy.html").read_bytes() == page
        assert main(["report", "--date", "2026-01-16"], places) == 1
        assert "Nothing was judged on 2026-01-16" in capsys.readouterr().err
