"""The page *Over time*: plots and tables hold the stored figures, and say what is damaged or missing."""

import json
import re
import shutil

import pytest
from pages_store import LAST, judged_file, shown
from settings import damage

from recsys_tasks.core.policy import GateConfig
from recsys_tasks.pages.history import history, minutes_of
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.release.judgements import FIGURES
from recsys_tasks.release.series import series
from recsys_tasks.storage.posix import PosixStore


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
        damage(judged_file(copied, LAST, FIGURES))
        context = history(copied.store, GateConfig(), "all")
        assert context["data"]["days"] == ["2026-01-13", "2026-01-14"]
        assert "1 of the judgements cannot be read" in shown("history", **context)
