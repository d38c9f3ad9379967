"""The figures of a report: as they are stored, with interval and number, failures first."""

from dataclasses import replace

import numpy as np
from report_material import (
    CANDIDATE,
    EVALUATED,
    FIGURES,
    FORBIDDEN,
    KEY,
    LIVE,
    material,
    page_of,
    usual,
)
from series_rows import rows

from recsys_tasks.core.domain import Verdict
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.estimates import paired_difference
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.reporting.tables import changes, deciding


def component(lists, weight=None):
    """A row of the table of components."""
    values = {"precision": 0.03, "ndcg": 0.06, "difference": -0.001, "low": -0.002, "high": 0.0}
    return {"lists": lists, "weight": weight, "beside": "all components", **values}


class TestFigures:
    def test_figures_stand_with_interval_and_number(self):
        """Mean, 1.96 standard errors to both sides, listeners, and what precision means in words."""
        text = usual().text
        assert "precision@10 0.0302 0.0286 to 0.0318 3,208" in text
        assert "how many the listener then really discovered that day: 0.30 of 10." in text
        assert "most popular tracks 0.0112 0.0102 to 0.0122 3,208" in text
        assert "release 1, live 0.0300 0.0284 to 0.0316 3,208" in text
        assert "against release 1, the one before +1.00% −0.31% to +2.31% 3,200" in text
        assert "against release 1 −2.00% −3.96% to −0.04% 3,100" in text

    def test_a_day_on_which_nobody_could_be_scored_has_a_page(self):
        """No figures, no slices, no plot of differences; still a page that says why."""
        nobody = Verdict("HOLD", ("only 0 listeners",), False, {"users": 0, "slices": [], "warnings": []})
        empty = {"precision": None, "precision_error": None, "popularity": None, "honest": None, "pair": None}
        days = [row | empty | {"outcome": "HOLD"} for row in material().rows[:1]]
        text = page_of(verdict=nobody, rows=days, samples=[], log=ReleaseLog()).text
        assert "Nobody could be scored" in text
        assert "There is no difference to a live release to show yet." in text

    def test_a_live_release_without_a_hit_has_no_share(self):
        """Nothing is divided by zero."""
        pair = paired_difference(np.zeros(5), np.zeros(5))
        lines = deciding(FIGURES | {"pair": pair}, GateConfig(), 10)
        assert [line.found for line in lines if line.name == "against release 1, the one before"] == ["not known"]

    def test_joined_components_stand_twice_beside_the_live_release(self):
        """Joined as that joins, which decides, and as they would be published; where nothing is joined, once."""
        own = paired_difference(np.array([0.4, 0.5, 0.3]), np.array([0.3, 0.4, 0.4]))
        lines = {line.name: line for line in deciding(FIGURES | {"as_is": own}, GateConfig(), 10)}
        decides, beside = lines["against release 1, the one before"], lines["as it would be published"]
        assert "Joined as release 1 joins, which this day taught nothing." in decides.meaning
        assert (decides.found, beside.found) == ("+1.00%", "+9.09%")
        alone = deciding(FIGURES, GateConfig(), 10)
        assert not any("oined" in line.meaning or "published" in line.name for line in alone)

    def test_where_long_lists_decide_nothing_else_is_said_of_the_day(self):
        """Precision may be surely better and the long lists surely worse: which of them decide stands beside both."""
        pair, longer = paired_difference(np.full(5, 0.4), np.full(5, 0.3)), FIGURES["pair"]
        lines = deciding(FIGURES | {"pair": pair, "evidence": longer}, GateConfig(), 10)
        (said,) = (line.meaning for line in lines if line.name == "against release 1, the one before")
        assert "by long lists alone, which decide (next row)" in said
        names = [line.name for line in lines]
        assert names[names.index("against release 1, the one before") + 1] == "the same in long lists"

    def test_slices_stand_with_their_warnings(self):
        """Interval, p, the warning, and where too few listeners were asked."""
        text = usual().text
        assert "new tracks 1,068 0.0200 0.0230 −0.0030 −0.0040 to −0.0020 0.00049 ▼ warned" in text
        assert "new listeners 58 0.0200 0.0200 0.0000 too few" in text
        assert "Worth a look (nothing was stopped by it) new tracks: -13.0%" in text

    def test_checks_that_are_out_of_order_stand_first(self):
        """Failed exact checks and unusual data come before the rest, and are counted."""
        checks = [*EVALUATED["checks"], {"name": "norm order", "passed": False, "found": "3 swapped", "asked": "none"}]
        text = page_of(verdict=FORBIDDEN, figures=EVALUATED | {"checks": checks}).text
        assert "2 of 3 exact checks were in order. 1 of 2 checks of the data were in order." in text
        assert text.index("✗ failed norm order 3 swapped none") < text.index("✓ passed finite factors")
        assert text.index("! unusual duplicates") < text.index("✓ usual volume")

    def test_drift_is_told_with_its_alarms_and_its_flattery(self):
        """Median, CUSUM and reference in figures; alarms at the top; and that the candidate has seen the day."""
        slow = {"users": 3200, "difference": -0.0009, "standard_error": 0.0002, "incumbent": 0.03}
        days = [row | {"pair": slow, "release": 1, "reference": None, "listeners": 3208} for row in rows(30)]
        text = page_of(rows=days).text
        assert "running median of 28 days −3.00% against the release before; an alert below −0.10%" in text
        assert "losses added up (CUSUM) 127.50 standard errors; an alert above 8" in text
        assert "against release 1 −2.00% (−3.96% to −0.04%); the release kept as reference" in text
        assert text.index("precision declines slowly since 2026-01-13") < text.index("The figures that decided")
        assert "flatters" in text
        assert "All three are flattered" in text

    def test_what_lists_are_like_stands_beside_those_of_the_live_release(self):
        """Each figure with its meaning and each model's value; what was never told has no line."""
        bits = {"candidate": 5.5, "incumbent": 5.0}
        novelty = {f"{who}_novelty": {"mean": mean, "users": 90} for who, mean in bits.items()}
        told = dict(changes(EVALUATED | novelty | {"candidate_gini": 0.91}, 10))
        assert told["novelty"].endswith("5.500 in these recommendations, 5.000 in the live release")
        assert told["concentration"].endswith("for all alike: 0.910 in these recommendations")
        assert "miscalibration" not in told

    def test_the_components_stand_with_what_they_are_compared_with(self):
        """Trees look at the largest first, whatever the order of the file; small shares are told in one number."""
        rows = [component("all components"), component("als alone", weight=1.0)]
        rows += [component("recent alone", weight=0.5), component("without recent", weight=0.5)]
        by_trees = [*rows[:-1], component("all by weights"), rows[-1] | {"beside": "all by weights"}]
        shares = {"age": 0.1, "listeners": 0.01, "place of als": 0.015, "score of als": 0.875}
        text = page_of(figures=EVALUATED | {"components": by_trees, "importances": shares}).text
        assert "compared with all by weights" in text
        assert "brought: score of als 87.5%, age 10.0%, everything else 2.5%." in text
        assert "Only the first has a weight" not in text
        assert "by weights" not in page_of(figures=EVALUATED | {"components": rows}).text
        old = [{name: value for name, value in row.items() if name != "beside"} for row in by_trees]
        assert "compared with all by weights" not in page_of(figures=EVALUATED | {"components": old}).text

    def test_a_first_component_that_stays_alone_is_told(self):
        """Where none beside it has a weight, the report says so, and why that may be."""
        rows = [component("all components"), component("als alone", weight=1.0), component("recent alone", weight=0.0)]
        text = page_of(figures=EVALUATED | {"components": rows}).text
        assert "Only the first has a weight" in text
        assert "[evaluation] blend_share" in text

    def test_the_honest_series_and_the_changes_are_told(self):
        """A row a day, newest first; new tracks, new listeners, and how many recommendations stayed."""
        text = usual().text
        assert text.index("2026-01-15 PASS") < text.index("2026-01-14 PASS")
        assert "55 of 2,077 were heard for the first time" in text
        assert "24 of 1,441 listened for the first time" in text
        assert "thin histories 2.4% of the listeners known before had too short a history to be scored" in text
        assert "8.9 of 10 recommended tracks stand in the live list too" in text

    def test_where_it_comes_from(self):
        """Date, candidate, the release it was compared with and the run: enough to find everything again."""
        text = usual().text
        assert f"candidate {CANDIDATE} model {'b' * 64} compared with release 1 ({LIVE})" in text
        assert text.endswith("run scheduled__2026-01-16")
        alone = page_of(key=replace(KEY, incumbent=None, no_incumbent="there is no release to compare with"), run="")
        assert "compared with there is no release to compare with" in alone.text
