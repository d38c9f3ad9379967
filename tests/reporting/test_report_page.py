"""The page of a report: one file that asks nobody, names from outside as text, equal bytes."""

from report_material import (
    material,
    page_of,
    song,
    usual,
)

from recsys_tasks.reporting.report import LONGEST_NAME, render

HOSTILE = [
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "x" * 10_000,
    "東京の夜に降る雨と君の声",
    "\u202e\u0627\u063a\u0646\u064a\u0629 \u0644\u0644\u064a\u0644",
    "</style></svg></title><b>",
    "",
]


class TestPage:
    def test_it_is_one_file_that_asks_nobody(self):
        """No script, no handler, no address; every target lies within the page."""
        page = usual()
        assert not {"script", "iframe", "img", "object", "embed", "form", "base"} & set(page.elements)
        assert page.handlers == []
        assert all(target.startswith("#") or target == "data:," for target in page.targets)
        assert page.elements.count("svg") == 6
        assert "default-src 'none'" in render(material())

    def test_names_from_outside_are_text(self):
        """Markup, templates, endless, empty and right-to-left names are shown within bounds, and obeyed by nobody."""
        lists = [song(name, name, kind="incumbent", place=place) for place, name in enumerate(HOSTILE)]
        page = page_of(samples=[song(kind="heard"), song(hit=True), *lists])
        assert set(page.elements) == set(usual().elements)
        assert page.handlers == []
        shown = "".join(page.lines)
        for name in HOSTILE:
            cut = name[:LONGEST_NAME] + "…" if len(name) > LONGEST_NAME else name or "without a name"
            assert f"{cut} by {cut}" in shown or not name
            assert len(name) <= LONGEST_NAME or name[: LONGEST_NAME + 1] not in shown
        assert page.elements.count("bdi") == 2 * (2 + len(HOSTILE)) - 1, "each name keeps its direction to itself"

    def test_a_hit_is_marked_by_more_than_its_colour(self):
        """A sign before the title, and the number of hits in the summary."""
        text = usual().text
        assert "✓ Snø by Ingrid" in text
        assert "Listener A: 1 hit, the release before 0" in text

    def test_the_same_figures_give_the_same_page(self):
        """Twice the same bytes: no clock, no order by chance."""
        assert render(material()) == render(material())
