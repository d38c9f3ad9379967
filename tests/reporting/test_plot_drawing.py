"""The plots as SVG: readable for one date and for hundreds, the same text for the same figures, self-contained."""

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from series_rows import rows

import recsys_tasks
from recsys_tasks.gate.drift import Drift
from recsys_tasks.reporting import quality_plots
from recsys_tasks.reporting.drawing import VARIABLES
from recsys_tasks.reporting.plot_drawing import LOOKS, MARKS, TICKS, forest_svg, plot_svg
from recsys_tasks.reporting.run_plots import loss_by_iteration

SVG = "{http://www.w3.org/2000/svg}"
LIBRARY = Path(recsys_tasks.__file__).parent
LOSSES = [0.0421, 0.0404, 0.0399]
NOTHING = {"honest": None, "pair": None, "precision": None, "precision_error": None, "popularity": None}


def slice_of(name, warned=False, **changes):
    """A row of the slices."""
    row = {"slice": name, "users": 1068, "difference": -0.002, "low": -0.003, "high": -0.001, "warned": warned}
    return row | changes


def precision(found, floor=0.0):
    """The plot of precision, drawn."""
    return plot_svg(quality_plots.precision_over_days(found, floor, 10))


def forest(*slices):
    """The plot of slices, drawn."""
    return forest_svg(quality_plots.slices(slices))


@cache
def drawn(days, **changes):
    """Every plot of so many days."""
    found = rows(days, **changes)
    names = tuple(row["day"] for row in found)
    slow = Drift(names, (0.5,) * days, (0.001,) * days, ())
    return {
        "precision": precision(found, 0.01),
        "differences": plot_svg(quality_plots.differences_over_days(found, slow, 28, 0.02)),
        "cusum": plot_svg(quality_plots.cusum_over_days(slow, 8.0)),
        "recall": plot_svg(quality_plots.recall_over_days(found, 0.95)),
        "loss": plot_svg(loss_by_iteration(LOSSES[:days])),
        "slices": forest(slice_of("heavy listeners"), slice_of("new tracks", True)),
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

    def test_report_and_pages_show_a_line_in_one_colour(self):
        """The variables of both style sheets are those of the palette, and the same in the dark."""
        styles = [(LIBRARY / name).read_text() for name in ("reporting/report.html.jinja", "pages/static/page.css")]
        for name in ("candidate", "live", "popular"):
            here, there = (re.findall(rf"--{name}: (#[0-9a-f]{{6}})", style) for style in styles)
            assert here == there
            assert VARIABLES[here[0]] == name
            assert LOOKS[name].colour == here[0]

    def test_the_pages_know_every_look_and_mark(self):
        """A line or a mark that the style sheet of the pages does not name would be black there."""
        style = (LIBRARY / "pages/static/plot.css").read_text()
        shapes = (LIBRARY / "pages/static/plot_shapes.js").read_text()
        assert all(f".{look} " in style for look in ("candidate", "live", "popular"))
        assert all(f".mark.{mark} " in style and f"{mark}: " in shapes for mark in MARKS)

    def test_a_name_from_outside_is_text(self):
        """Markup in the name of a slice is shown, not obeyed."""
        svg = forest(slice_of('<script>"&'))
        assert "<script" not in svg
        assert '<script>"& (1,068)' in texts(svg)

    def test_figures_that_are_not_there_leave_a_gap(self):
        """A day on which nobody could be scored, a slice without an interval, a live release without a hit."""
        assert "candidate" not in " ".join(texts(precision(rows(1, **NOTHING))))
        no_hit = rows(2, pair={"users": 5, "difference": 0.0, "standard_error": None, "incumbent": 0.0})
        assert "margin −2%" in texts(
            plot_svg(quality_plots.differences_over_days(no_hit, Drift((), (), (), ()), 28, 0.02))
        )
        assert "tail tracks" in forest(slice_of("tail tracks", low=None, high=None))


class TestLines:
    @pytest.mark.parametrize("days", [3, 100])
    def test_the_figures_are_drawn_where_they_are(self, days):
        """Above the line of the floor by what they are above it, the newest and the oldest."""
        found = rows(days)
        svg = precision(found, 0.01)
        floor, _ = heights(svg, "block", 2)
        for colour, figure in (("candidate", "precision"), ("popular", "popularity")):
            line = heights(svg, colour, days)
            for i in (0, -1):
                assert line[i] - floor == pytest.approx(found[i][figure] - 0.01, rel=1e-3)

    def test_differences_are_drawn_in_the_unit_of_the_axis(self):
        """A loss of 5% lies five below the line of no difference, where the margin of 2% lies two below it."""
        pair = {"users": 3200, "difference": -0.0015, "standard_error": 0.0004, "incumbent": 0.03}
        plot = quality_plots.differences_over_days(rows(4, pair=pair), Drift((), (), (), ()), 28, 0.02)
        svg = plot_svg(plot)
        zero, margin = (heights(svg, colour, 2) for colour in ("ink", "block"))
        drawn_last = heights(svg, "candidate", 3)[-1]  # the first of four days has none
        assert margin[0] - zero[0] == pytest.approx(-2, rel=1e-3)
        assert drawn_last - zero[0] == pytest.approx(-5, rel=1e-3)

    def test_the_median_goes_across_days_that_it_does_not_count(self):
        """Two counted days around a blocked one are one line."""
        slow = Drift(("2026-01-13", "2026-01-15"), (0.0, 0.0), (0.001, 0.002), ())
        svg = plot_svg(quality_plots.differences_over_days(rows(3), slow, 28, 0.02))
        assert "28-day median" in texts(svg)
        assert re.search(r'<path d="M [\d. ]+L [\d. ]+"[^>]*stroke: var\(--median', " ".join(svg.split()))

    def test_an_alarm_is_in_sight(self):
        """A sum beyond its bound does not leave the plot, nor a bound that is far away."""
        for cusum in ((1.0, 30.0), (0.0, 0.0)):
            slow = Drift(("2026-01-13", "2026-01-14"), cusum, (None, None), ())
            svg = plot_svg(quality_plots.cusum_over_days(slow, 8.0))
            assert "alarm above 8" in texts(svg)
            bound, last = heights(svg, "block", 2)[0], heights(svg, "candidate", 2)[-1]
            assert last - bound == pytest.approx(cusum[-1] - 8, rel=1e-3)

    def test_a_recall_below_its_target_is_in_sight(self):
        """A broken index of recall 0.1 is drawn below the line, not cut off."""
        svg = plot_svg(quality_plots.recall_over_days(rows(3, user_recall=0.1), 0.95))
        assert "at least 0.95" in texts(svg)
        assert "0.2" in texts(svg)

    @pytest.mark.parametrize("days", [1, 2, 6, 7, 100, 1000])
    def test_dates_do_not_crowd(self, days):
        """At most six dates are written out, the first among them."""
        written = [text for text in texts(precision(rows(days))) if text.startswith("20")]
        assert written[0] == "2026-01-13"
        assert min(days, TICKS // 2) <= len(written) <= TICKS


class TestLegend:
    def test_only_what_is_drawn_is_explained(self):
        """A mark, a live release and a floor are named where there is one."""
        assert {"candidate, 95% interval", "release live that day", "passed"} <= set(texts(precision(rows(3))))
        assert not {"held", "floor 0"} & set(texts(precision(rows(3))))
        assert "release live that day" not in texts(precision(rows(1)))
        assert "held" in texts(precision(rows(3, outcome="HOLD")))
        assert "floor 0.01" in texts(precision(rows(3), 0.01))

    def test_a_warned_slice_differs_by_more_than_its_colour(self):
        """A mark of another shape, explained in words."""
        plain, warned = forest(slice_of("heavy listeners")), forest(slice_of("heavy listeners", True))
        assert "warned: surely worse, 95% interval" in texts(warned)
        marks = [
            re.search(r'<path id="[^"]*" d="([^"]*)" style="stroke: var\(--(?:block|candidate)', s)
            for s in (plain, warned)
        ]
        assert marks[0].group(1) != marks[1].group(1)
