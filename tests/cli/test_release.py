"""The command ``release``: a held candidate goes live on a person's word, and its report says so."""

from datetime import date

import pytest
from settings import TOML, config, damage, run

from recsys_tasks.cli.main import main
from recsys_tasks.release.judgements import FIGURES
from recsys_tasks.steps import Workplace

D16 = date(2026, 1, 16)


@pytest.fixture
def held(copied):
    """A candidate that the gate held, with its report."""
    strict = Workplace(copied.store, config(gate={"min_users": 5000}), copied.dsn)
    judged = run(strict, D16)
    assert judged.verdict.outcome == "HOLD"
    return judged.candidate


@pytest.fixture
def release(copied, tmp_path, capsys):
    """Run the command on a candidate: its exit code, and what it wrote to both outputs."""
    (tmp_path / "config.toml").write_text(TOML)
    places = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml"), "USER": "o"}

    def released(candidate, by="olga", why="looked at the lists"):
        code = main(["release", candidate, "--by", by, "--why", why], places)
        return code, capsys.readouterr()

    return released


class TestRelease:
    def test_its_report_names_who_and_why(self, copied, held, release):
        """By how its digest begins; the page that said held back now has the person's word."""
        (judgement,) = copied.judgements.of(D16)
        assert b"looked at the lists" not in copied.judgements.report(judgement)
        code, said = release(held[:12])
        assert (code, said.out.split(":")[0]) == (0, "Published")
        live = copied.releases.log().require_live()
        assert (live.candidate, live.by, live.verdict) == (held, "olga", "HOLD")
        page = copied.judgements.report(judgement)
        assert b"on the word of olga" in page
        assert b"looked at the lists" in page

    def test_a_page_that_cannot_be_written_hides_no_release(self, copied, held, release):
        """What is live is live: the command says so, and which report is still the old one."""
        (judgement,) = copied.judgements.of(D16)
        damage(copied.store.root / judgement.place / FIGURES / "samples.parquet")
        code, said = release(held)
        assert (code, said.out.split(":")[0]) == (0, "Published")
        assert "the report of 2026-01-16 is still the old one" in said.err
        assert copied.releases.log().require_live().candidate == held

    def test_nobody_releases_without_a_name_or_a_reason(self, copied, held, release):
        """Both stand in the log for good."""
        assert [release(held, by=" ")[0], release(held, why="")[0]] == [2, 2]
        assert copied.releases.log().require_live().release == 3
