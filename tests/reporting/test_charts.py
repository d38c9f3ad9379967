"""The plots: readable for one date and for hundreds, the same text for the same figures, nothing that reaches out."""

import re
from functools import cache
from xml.etree import ElementTree

import pytest
from series_rows import rows

from recsys_tasks.reporting import charts
from recsys_tasks.reporting.drawing import FEW, TICKS, VARIABLES

SVG = "{http://www.w3.org/2000/svg}"
LOSSES = [0.0421, 0.0404, 0.0399]
NOTHING = {"honest": None, "pair": None, "precision": None, "precision_error": None, "popularity": None}


def slice_of(name, warned=False, **changes):
    """A row of the slices."""
    row = {"slice": name, "users": 1068, "difference": -0.002, "low": -0.003, "high": -0.001, "warned": warned}
    return row | changes


@cache
def drawn(days, **changes):
    """Every plot of so many days."""
    found = rows(days, **changes)
    names = [row["day"] for row in found]
    return {
        "precision": charts.precision_over_days(found, 0.01, 10),
        "differences": charts.differences_over_days(found, charts.Running(names, [0.001] * days, 28), 0.02),
        "cusum": charts.cusum_over_days(names, [0.5] * days, 8.0),
        "recall": charts.recall_over_days(found, 0.95),
        "loss": charts.loss_by_iteration(LOSSES[:days]),
        "slices": charts.slices_chart([slice_of("heavy listeners"), slice_of("new tracks", True)]),
    }


def texts(svg):
    """What is written in a plot."""
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own


def heights(svg, colour, points):
    """Heights, in units of the vertical axis, of the line in this colour that has so many points."""
    labels = re.findall(r'text-anchor: end;[^>]* y="([\d.]+)"[^>]*>([−\d.]+)<', svg)
    (low, low_said), (high, high_said) = labels[0], labels[-1]
    unit = (float(low) - float(high)) / (float(high_said.replace("−", "-")) - float(low_said.replace("−", "-")))
    paths = re.findall(rf'<path d="([^"]*)" clip-path="[^"]*" style="fill: none;[^"]*stroke: var\(--{colour}', svg)
    lines = [[float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", path)] for path in paths]
    return next([-y / unit for y in line] for line in lines if len(line) == points)


class TestEveryPlot:
    @pytest.mark.parametrize("days", [1, 3, 400])
    def test_it_is_one_image_with_a_title_and_a_description(self, days):
        """Well-formed for one date, a few and hundreds; named for those who do not see it; axes carry a unit."""
        for name, svg in drawn(days).items():
            root = ElementTree.fromstring(svg)  # noqa: S314 - our own
            assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
            assert len(root.get("aria-label")) > 20, name
            assert root.find(f"{SVG}title").text
            assert any(re.search(r"day|iteration|hits per", text) for text in texts(svg)), name

    @pytest.mark.parametrize("days", [1, 3, 400])
    def test_nothing_of_it_reaches_out_of_the_page_or_over_it(self, days):
        """No address, script, style sheet, image or clock, and no inner name that two plots of a page share."""
        names = []
        for svg in drawn(days).values():
            bare = re.sub(r' xmlns(:xlink)?="http://www.w3.org/[^"]*"', "", svg)
            assert not re.search(r"http|<script|<style|<image|<metadata|<!|<\?", bare)
            assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', svg))
            names += re.findall(r' id="([^"]*)"', svg)
        assert len(names) == len(set(names)) > 0

    def test_the_same_figures_give_the_same_text(self):
        """Twice the same bytes."""
        assert drawn.__wrapped__(3) == drawn(3)

    def test_colours_follow_the_page(self):
        """Every colour is a variable of the page, so that the plot is legible in the dark."""
        for svg in drawn(3, outcome="HOLD", signed_by="olga").values():
            assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= set(VARIABLES)
            assert not re.search(r"(?<!, )#[0-9a-f]{6}\b", re.sub(r'"#[^"]*"|url\(#[^)]*\)', "", svg))

    def test_a_name_from_outside_is_text(self):
        """Markup in the name of a slice is shown, not obeyed."""
        svg = charts.slices_chart([slice_of('<script>"&')])
        assert "<script" not in svg
        assert '<script>"& (1,068)' in texts(svg)

    def test_figures_that_are_not_there_leave_a_gap(self):
        """A day on which nobody could be scored, a slice without an interval, a live release without a hit."""
        nobody = rows(1, **NOTHING)
        assert "Newest: unknown" in charts.precision_over_days(nobody, 0.0, 10)
        no_hit = rows(2, pair={"users": 5, "difference": 0.0, "standard_error": None, "incumbent": 0.0})
        assert "Newest: unknown" in charts.differences_over_days(no_hit, charts.Running([], [], 28), 0.02)
        assert "tail tracks" in charts.slices_chart([slice_of("tail tracks", low=None, high=None)])


class TestPrecision:
    def test_verdicts_are_marked_where_the_gate_said_no(self):
        """Held, blocked and released by a person: each with a mark that is explained, among few days and many."""
        for days in (3, FEW + 300):
            assert "held" in texts(charts.precision_over_days(rows(days, outcome="HOLD"), 0.0, 10))
            assert "blocked" in texts(charts.precision_over_days(rows(days, outcome="BLOCK"), 0.0, 10))
            signed = rows(days, outcome="HOLD", signed_by="olga")
            assert "released by a person" in texts(charts.precision_over_days(signed, 0.0, 10))
        assert "held" not in texts(charts.precision_over_days(rows(3), 0.0, 10))

    def test_the_floor_and_the_newest_figure_are_said(self):
        """The line that blocks, and the figure that a listener to the page hears."""
        svg = charts.precision_over_days(rows(3, precision=0.0302), 0.01, 10)
        assert "floor 0.01" in texts(svg)
        assert "Newest: 0.0302." in svg

    @pytest.mark.parametrize("days", [3, 100])
    def test_the_figures_are_drawn_where_they_are(self, days):
        """Above the line of the floor by what they are above it, the newest and the oldest."""
        found = rows(days)
        svg = charts.precision_over_days(found, 0.01, 10)
        floor, _ = heights(svg, "block", 2)
        for colour, figure in (("candidate", "precision"), ("popular", "popularity")):
            line = heights(svg, colour, days)
            for i in (0, -1):
                assert line[i] - floor == pytest.approx(found[i][figure] - 0.01, rel=1e-3)

    @pytest.mark.parametrize("days", [1, 2, 6, 7, 100, 1000])
    def test_dates_do_not_crowd(self, days):
        """At most six dates are written out, the first among them."""
        written = [text for text in texts(charts.precision_over_days(rows(days), 0.0, 10)) if text.startswith("20")]
        assert written[0] == "2026-01-13"
        assert min(days, TICKS // 2) <= len(written) <= TICKS


class TestDifferences:
    def test_they_are_shares_of_the_live_release(self):
        """A loss of 0.0015 where the live release has 0.03 is 5%; the margin stands in the same unit."""
        pair = {"users": 3200, "difference": -0.0015, "standard_error": 0.0004, "incumbent": 0.03}
        svg = charts.differences_over_days(rows(4, pair=pair), charts.Running(["2026-01-15"], [None], 28), 0.02)
        assert "Newest: -5.00%." in svg
        zero, margin = (heights(svg, colour, 2) for colour in ("ink", "block"))
        drawn_last = heights(svg, "candidate", 3)[-1]  # the first of four days has none
        assert margin[0] - zero[0] == pytest.approx(-2, rel=1e-3)
        assert drawn_last - zero[0] == pytest.approx(-5, rel=1e-3)
        assert "margin −2%" in texts(svg)
        assert "28-day median" not in texts(svg), "there is none yet"

    def test_the_median_has_days_of_its_own(self):
        """A blocked day has a difference and no median: the two lines do not share their dates."""
        median = charts.Running(["2026-01-14"], [0.001], 28)
        assert "28-day median" in texts(charts.differences_over_days(rows(5, outcome="BLOCK"), median, 0.02))


class TestOthers:
    def test_an_alarm_is_in_sight(self):
        """A sum beyond its bound does not leave the plot, nor a bound that is far away."""
        for cusum in ([1.0, 30.0], [0.0, 0.0]):
            svg = charts.cusum_over_days(["2026-01-13", "2026-01-14"], cusum, 8.0)
            assert "alarm above 8" in texts(svg)
            assert f"Newest: {cusum[-1]:.2f}" in svg

    def test_a_recall_below_its_target_is_in_sight(self):
        """A broken index of recall 0.1 is drawn below the line, not cut off."""
        svg = charts.recall_over_days(rows(3, user_recall=0.1), 0.95)
        assert "at least 0.95" in texts(svg)
        assert "0.2" in texts(svg)

    def test_a_warned_slice_differs_by_more_than_its_colour(self):
        """A mark of another shape, explained in words."""
        plain = charts.slices_chart([slice_of("heavy listeners")])
        warned = charts.slices_chart([slice_of("heavy listeners", True)])
        assert "warned: surely worse, 95% interval" in texts(warned)
        marks = [
            re.search(r'<path id="[^"]*" d="([^"]*)" style="stroke: var\(--(?:block|candidate)', s)
            for s in (plain, warned)
        ]
        assert marks[0].group(1) != marks[1].group(1)
