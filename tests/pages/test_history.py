"""The page *Over time*: plots and tables hold the stored figures, and say what is damaged or missing."""

import json
import re
import shutil
from datetime import UTC, date, datetime, timedelta

import pytest
from pages_store import LAST, judged_file, shown
from settings import config, damage, reseal, run

from recsys_tasks.alerting.alerts import Alert
from recsys_tasks.alerting.outbox import Outbox
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.pages.history import history, minutes_of
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.partitions.checked import Word
from recsys_tasks.partitions.data_quality import DataCheck
from recsys_tasks.release.judgements import FIGURES
from recsys_tasks.release.series import series
from recsys_tasks.steps import Workplace
from recsys_tasks.storage.artefacts import read_manifest
from recsys_tasks.storage.posix import PosixStore


class TestHistory:
    def test_the_plots_hold_the_stored_figures(self, finished):
        """Each value of precision, and the honest one of the next day, is that of the series; gaps stay."""
        rows, data = series(finished.store), history(finished.store, GateConfig(floor=0.01), "all")["data"]
        plots = {plot["name"]: plot for plot in data["plots"]}
        lines = {line["name"]: line["values"] for line in plots["precision"]["lines"]}
        assert data["days"] == ["2026-01-13", "2026-01-14", "2026-01-15"]
        assert lines["candidate"] == [row["precision"] for row in rows]
        assert lines["release live that day"] == [None, *(row["honest"]["precision"] for row in rows[1:])]
        assert plots["precision"]["bounds"] == [{"name": "floor 0.01", "value": 0.01}]
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

    def test_recall_of_tracks_without_plays_has_a_line(self, copied):
        """Where a judgement knows such tracks, their recall is plotted over the dates; elsewhere there is no plot."""
        before = history(copied.store, GateConfig(), "all")["data"]["plots"]
        assert "cold_tracks" not in {plot["name"] for plot in before}
        path = judged_file(copied, LAST, FIGURES).parent
        rows = [{"recall": recall} for recall in (0.31, 0.2, 0.1, 0.05)]
        reseal(path, figures=read_manifest(path).figures | {"cold_tracks": rows})
        plots = {plot["name"]: plot for plot in history(copied.store, GateConfig(), "all")["data"]["plots"]}
        values = {line["name"]: line["values"] for line in plots["cold_tracks"]["lines"]}
        assert values["by content"] == [None, None, 0.31]
        assert values["by the popularity of the artist"] == [None, None, 0.05]

    def test_minutes_are_those_of_all_runs_of_a_date(self, copied):
        """Publishing names no date and counts for that of its run; a second run of the date is added."""
        before = minutes_of(Viewed(copied.store))["2026-01-15"]
        result = {"day": "2026-01-15"}
        copied.runs.save("second", "train_als", {"began": "", "seconds": 60.0, "result": result})
        copied.runs.save("second", "publish", {"began": "", "seconds": 30.0, "result": {}})
        after = minutes_of(Viewed(copied.store))["2026-01-15"]
        assert after["train_als"] - before["train_als"] == pytest.approx(1.0)
        assert after["publish"] - before["publish"] == pytest.approx(0.5)

    def test_without_a_date_it_says_so(self, tmp_path):
        """An empty store has a page: no plot, a sentence."""
        page = shown("history", **history(PosixStore(tmp_path), GateConfig(), "90"))
        assert "No date has been judged yet" in page
        assert "plot.js" not in page  # which would look for the figures of the plots
        assert "<figure" not in page

    def test_one_date_is_enough(self, copied):
        """A single date is plotted and stands in the tables; the dates behind it have streams and no judgement."""
        for n in (14, 15):
            shutil.rmtree(copied.store.root / "evaluations" / f"2026-01-{n}")
        context = history(copied.store, GateConfig(), "90")
        assert context["data"]["outcomes"] == ["PASS", "not judged", "not judged"]
        page = shown("history", **context)
        assert "1 judged date," in page
        assert page.count("<figure") == 8

    def test_a_damaged_judgement_is_said_and_the_rest_shown(self, copied):
        """One manifest is damaged: a note, and the other dates."""
        damage(judged_file(copied, LAST, FIGURES))
        context = history(copied.store, GateConfig(), "all")
        assert context["data"]["outcomes"] == ["PASS", "PASS", "not judged"]
        assert "1 of the judgements cannot be read" in shown("history", **context)

    def test_streams_listeners_and_the_loss_of_a_pair_are_those_that_were_stored(self, finished):
        """Each from where it stands: the partition's figures, and what the training recorded."""
        plots = {plot["name"]: plot for plot in history(finished.store, GateConfig(), "all")["data"]["plots"]}
        days = [date(2026, 1, n) for n in (13, 14, 15)]
        figures = [finished.partitions.newest(day).figures for day in days]
        assert [line["values"] for line in plots["streams"]["lines"]] == [
            [each.rows_kept for each in figures],
            [each.rows_read for each in figures],
        ]
        assert plots["listeners"]["lines"][0]["values"] == [each.listeners for each in figures]
        row = series(finished.store)[-1]
        pairs = finished.matrices.figures(days[-1], finished.matrices.digests(days[-1])[0]).pairs
        assert 0 < row["pairs"] <= pairs
        assert plots["loss"]["lines"][0]["values"][-1] == row["losses"][-1] * row["weight"] / row["pairs"]

    def test_a_store_of_before_has_its_page(self, copied):
        """No partition is left, no training says its pairs, nothing was checked, no alert: the rest stays."""
        shutil.rmtree(copied.store.root / "partitions")
        shutil.rmtree(copied.store.root / "data_checks")
        for n in (13, 14, 15):
            path = judged_file(copied, date(2026, 1, n), FIGURES).parent
            figures = read_manifest(path).figures
            training = {name: figures["training"][name] for name in ("iterations", "losses", "warm")}
            reseal(path, figures=figures | {"training": training})
        context = history(copied.store, GateConfig(), "all")
        plots = {plot["name"]: plot for plot in context["data"]["plots"]}
        assert not {"streams", "listeners"} & set(plots)
        assert plots["loss"]["unit"] == "loss"
        page = shown("history", **context)
        assert "No check has found anything unusual" in page
        assert "No alert was written" in page


class TestWhatHappened:
    def test_a_quarantined_date_is_marked_and_listed(self, copied):
        """It is a point of the plots although nothing judged it, and its reason stands in the table; text is text."""
        shutil.rmtree(copied.store.root / "evaluations" / "2026-01-15")
        copied.checked.save_collapse(LAST, copied.partitions.digest(LAST), "<b>0.0007")
        context = history(copied.store, GateConfig(), "all")
        assert context["data"]["outcomes"][-1] == "quarantined"
        (each,) = context["checked"]
        assert (each.day, each.state) == (LAST, "quarantined")
        assert "&lt;b&gt;0.0007" in shown("history", **context)

    def test_a_warning_and_a_persons_word_are_listed(self, copied):
        """A check that warned; one that stopped a date until somebody accepted it, with who and why."""
        odd = DataCheck("repeats", "warn", "40%", "at most 30%")
        stop = DataCheck("volume", "stop", "10 streams", "0.5 to 2 times")
        days = (date(2026, 1, 14), LAST)
        for day, check in zip(days, (odd, stop), strict=True):
            copied.checked.save_found(day, copied.partitions.digest(day), [check])
        digest = copied.partitions.digest(LAST)
        copied.checked.save_refused(LAST, digest, [stop])

        def states():
            return [(each.day.day, each.state) for each in history(copied.store, GateConfig(), "all")["checked"]]

        assert states() == [(15, "quarantined"), (14, "warned")]
        copied.checked.save_accepted(LAST, digest, [stop], Word("olga", "a holiday", "2026-01-16T08:00:00+00:00"))
        assert states() == [(15, "accepted"), (14, "warned")]
        page = shown("history", **history(copied.store, GateConfig(), "all"))
        assert "accepted by olga, 2026-01-16: a holiday" in page

    def test_alerts_say_whom_they_reached_and_when(self, copied):
        """One channel took it, the other did not yet; one that cannot be read is left out."""
        box, at = Outbox(copied.store), datetime(2026, 1, 15, 3, tzinfo=UTC)
        box.put(Alert("k1", "HOLD of <2026-01-14>", ("why",)), ["mail", "slack"], at)
        box.deliver(["mail"], lambda _alert, names: [(name, "") for name in names], at + timedelta(hours=1))
        box.put(Alert("k2", "of long ago", ("why",)), ["mail"], datetime(2025, 1, 1, tzinfo=UTC))
        copied.store.replace("alerts/k3/alert.json", b"{")
        page = re.sub(r"\s+", " ", shown("history", **history(copied.store, GateConfig(), "all")))
        assert "HOLD of &lt;2026-01-14&gt;" in page
        assert "<div>mail, 2026-01-15 04:00 UTC</div><div>slack <span" in page
        assert "of long ago" not in page

    def test_a_refused_candidate_beside_the_released_one_is_marked(self, copied):
        """Two judgements of a date: the verdict that does not count is a sign, and stands in the table."""
        day, strict = date(2026, 1, 16), Workplace(copied.store, config(gate={"floor": 0.9}), copied.dsn)
        run(copied, day)
        run(strict, day, cold_start=True)
        context = history(copied.store, GateConfig(), "all")
        marks = {mark["look"]: mark for mark in context["data"]["plots"][0]["marks"]}
        assert marks["BLOCK"]["points"] == [3]
        assert (context["data"]["outcomes"][3], context["data"]["also"]) == ("PASS", ["", "", "", "also BLOCK"])


def test_beyond_a_year_of_dates_a_table_comes_when_it_is_asked_for(finished, monkeypatch):
    """The page of many dates links to each plot's table, and shows the one that is asked for whole."""
    monkeypatch.setattr("recsys_tasks.pages.history.LONG", 2)
    page = shown("history", **history(finished.store, GateConfig(), "all"))
    assert page.count("as a table</a>") == page.count("<figure")
    asked = shown("history", **history(finished.store, GateConfig(), "all", "recall"))
    assert asked.count("<details open>") == 1
    assert asked.count("as a table</a>") == page.count("<figure") - 1
