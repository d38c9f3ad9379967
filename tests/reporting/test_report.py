"""The report: the verdict in a sentence, figures as they are, nothing that reaches out, names from outside as text."""

import json
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from series_rows import rows
from settings import SIGNED, TOML, config, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.domain import Verdict
from recsys_tasks.core.errors import NotStored
from recsys_tasks.core.policy import DriftConfig, GateConfig
from recsys_tasks.evaluation.estimates import paired_difference
from recsys_tasks.release.log import PUBLISH, PUBLISH_OLDER, Entry, ReleaseLog
from recsys_tasks.reporting.report import LONGEST_NAME, Material, render
from recsys_tasks.reporting.tables import deciding
from recsys_tasks.reporting.words import advice, headline, meaning, stage_of
from recsys_tasks.steps import Workplace, release_candidate
from recsys_tasks.steps.report import write_report
from recsys_tasks.storage.store import Store

DAY = date(2026, 1, 15)
CANDIDATE, LIVE = "c" * 64, "a" * 64
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


def entry(**changes):
    """An entry of the release log: the candidate, published the day after."""
    parts = {"gated": "0" * 64}
    made = Entry(2, PUBLISH, 2, CANDIDATE, parts, DAY, False, "olga", "passed the gate", "2026-01-16T03:00:00+00:00")
    return replace(made, **changes)


FIRST = entry(number=1, release=1, candidate=LIVE, day=DAY - timedelta(days=1))
FIGURES = {
    "users": 3208,
    "precision": 0.0302,
    "precision_error": 0.0008,
    "popularity": 0.0112,
    "popularity_error": 0.0005,
    "honest": {"precision": 0.03, "error": 0.0008, "users": 3208, "release": 1},
    "pair": {"users": 3200, "difference": 0.0003, "standard_error": 0.0002, "incumbent": 0.03},
    "reference": {"users": 3100, "difference": -0.0006, "standard_error": 0.0003, "incumbent": 0.03, "release": 1},
    "slices": [
        {"slice": "new tracks", "users": 1068, "candidate": 0.02, "incumbent": 0.023, "difference": -0.003}
        | {"low": -0.004, "high": -0.002, "p": 0.00049, "warned": True},
        {"slice": "new listeners", "users": 58, "candidate": 0.02, "incumbent": 0.02, "difference": 0.0}
        | {"low": None, "high": None, "p": None, "warned": False},
    ],
    "warnings": ["new tracks: -13.0% against the live release"],
}
EVALUATED = {
    "checks": [
        {"name": "finite factors", "passed": True, "found": "0 rows", "asked": "none"},
        {"name": "index size", "passed": True, "found": "2,060 tracks", "asked": "the 2,060 with a factor"},
    ],
    "data_checks": [
        {"name": "volume", "outcome": "ok", "found": "8,103 streams", "asked": "0.5 to 2 times"},
        {"name": "duplicates", "outcome": "warn", "found": "2,000 of 9,000 rows", "asked": "at most 1%"},
    ],
    "training": {"iterations": 3, "losses": [0.0421, 0.0404, 0.0399], "warm": True},
    "tracks": 2077,
    "listeners": 1441,
    "new_tracks": 55,
    "new_listeners": 24,
    "overlap": {"mean": 0.89, "users": 3208},
    "candidate_coverage": 0.148,
    "candidate_new_share": 0.028,
}
KEY = {"day": DAY.isoformat(), "candidate": CANDIDATE, "model": "b" * 64, "incumbent": LIVE, "incumbent_release": 1}
KEY |= {"no_incumbent": "", "evaluation": {"k": 10}}
PASSED = Verdict("PASS", ("precision 0.0302 is above that of the popular tracks",), False, FIGURES)
HELD = replace(PASSED, outcome="HOLD", reasons=("a loss of 2% cannot be excluded",))
BLOCKED = replace(PASSED, outcome="BLOCK", reasons=("surely worse",))
FORBIDDEN = replace(BLOCKED, exact=True, reasons=("finite factors: 3 rows, asked: none",))


def song(title="Snø", artist="Ingrid", **changes):
    """A row of the samples."""
    row = {"listener": "A", "kind": "candidate", "place": 1, "title": title, "artist": artist, "hit": False}
    return row | changes


def material(**changes):
    """What the gate passed and somebody published, with changes."""
    samples = [song(kind="heard", title="Hav"), song(hit=True), song(kind="incumbent", title="Måne")]
    days = [row | {"release": 1, "reference": None, "listeners": 3208} for row in rows(3)]
    made = Material(
        judgement=f"{CANDIDATE[:16]}-{LIVE[:16]}",
        key=KEY,
        figures=EVALUATED,
        verdict=PASSED,
        gate=GateConfig(),
        drift=DriftConfig(),
        rows=days,
        samples=samples,
        log=ReleaseLog((FIRST, entry())),
        accepted=[],
        run="scheduled__2026-01-16",
    )
    return replace(made, **changes)


class Page(HTMLParser):
    """What a browser makes of a page: elements, what they point at, and the text that is read."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.targets, self.handlers, self.open, self.lines = [], [], [], [], []
        self.feed(page)
        self.text = " ".join(" ".join(self.lines).split())

    def handle_starttag(self, tag, attrs):
        """Note the element and what it points at."""
        self.elements.append(tag)
        self.targets += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.open.append(tag)

    def handle_endtag(self, tag):
        """Close it, and what was never closed in it."""
        while self.open and self.open.pop() != tag:
            continue

    def handle_data(self, data):
        """Note text, but for the style sheet."""
        if "style" not in self.open:
            self.lines.append(data)


def page_of(**changes):
    """The page of changed material."""
    return Page(render(material(**changes)))


@cache
def usual():
    """The page of the material as it is."""
    return page_of()


STAGES = {
    "published": (PASSED, ReleaseLog((FIRST, entry())), "were published as release 2: on 3,208 test listeners"),
    "first": (
        replace(PASSED, figures={n: v for n, v in FIGURES.items() if n != "pair"}),
        ReleaseLog((entry(number=1, release=1),)),
        "better than a list of the most popular tracks; there was no release to compare with",
    ),
    "overridden": (
        HELD,
        ReleaseLog((FIRST, entry(verdict="HOLD", why="small town"))),
        "published as release 2 on the word of olga, although the gate had held them back",
    ),
    "blocked and overridden": (
        BLOCKED,
        ReleaseLog((FIRST, entry(verdict="BLOCK"))),
        "on the word of olga, although the gate had blocked them",
    ),
    "older": (
        PASSED,
        ReleaseLog((FIRST, entry(kind=PUBLISH_OLDER))),
        "on the word of olga, although newer ones had been live",
    ),
    "later": (HELD, ReleaseLog((FIRST, entry())), "this comparison did not pass them, another one"),
    "passed": (PASSED, ReleaseLog((FIRST,)), "passed the test: on 3,208 test listeners"),
    "kept": (
        PASSED,
        ReleaseLog((replace(FIRST, pinned=True, why="a campaign"),)),
        "passed the test, but were not published: release 1 is pinned by olga (a campaign)",
    ),
    "held": (HELD, ReleaseLog((FIRST,)), "were held back: the test could not show that they are good enough"),
    "blocked": (BLOCKED, ReleaseLog((FIRST,)), "were blocked: on 3,208 test listeners they fell short"),
    "forbidden": (FORBIDDEN, ReleaseLog((FIRST,)), "were blocked: a check that nobody can override failed"),
}


class TestSentence:
    @pytest.mark.parametrize(("verdict", "log", "said"), STAGES.values(), ids=STAGES.keys())
    def test_whatever_came_of_a_candidate_is_one_sentence(self, verdict, log, said):
        """Published, kept, held, blocked, released by a person: in words, with numbers or the reason."""
        sentence = headline(stage_of(verdict, log, KEY), verdict, KEY, 0.02)
        assert said in sentence
        assert sentence.startswith("The recommendations made from the listening of 2026-01-15 ")
        assert sentence.count(". ") == 0

    def test_the_verdict_stands_first(self):
        """The page begins with the gate's word, the sentence, and what listeners notice of it."""
        text = page_of(verdict=HELD, log=ReleaseLog((FIRST,))).text.replace("\u2011", "-")
        begin = (
            "HOLD 2026-01-15: recommendations HOLD The recommendations made from the listening of 2026-01-15 were held"
        )
        assert text.startswith(begin)
        assert "Nothing changed for listeners" in text[: len(begin) + 150]

    def test_what_is_live_is_said_where_nothing_changed(self):
        """Held or blocked: what listeners have instead, or that nothing has been published yet."""
        held = stage_of(HELD, ReleaseLog((FIRST,)), KEY)
        assert "release 1 (listening up to 2026-01-14) was live" in meaning(held, ReleaseLog((FIRST,)))
        assert "no release has been published yet" in meaning(held, ReleaseLog())

    def test_only_what_may_be_overridden_is_offered(self):
        """The command to release stands on a held page, never where an exact check failed."""
        held, forbidden = (stage_of(verdict, ReleaseLog((FIRST,)), KEY) for verdict in (HELD, FORBIDDEN))
        assert f"release {CANDIDATE[:16]} --by NAME --why REASON" in advice(held, KEY)[1]
        assert "--by" not in page_of(verdict=FORBIDDEN, log=ReleaseLog((FIRST,))).text
        assert advice(forbidden, KEY)[0].startswith("Mend the cause")

    def test_a_persons_word_stands_with_its_reason(self):
        """Who, why and when, from the release log; what they wrote is text."""
        log = ReleaseLog((FIRST, entry(verdict="HOLD", why="<b>a small town</b>")))
        page = page_of(verdict=HELD, log=log)
        assert "olga published it at 2026-01-16 03:00 UTC: <b>a small town</b>" in page.text
        assert "b" not in page.elements

    def test_a_word_on_the_data_stands_too(self):
        """Who let a day's streams pass that a check would have stopped, and why."""
        found = ["volume: 90,000 streams, asked: 0.5 to 2 times"]
        word = {"by": "paul", "why": "<i>a festival</i>", "at": "2026-01-16T01:30:00+00:00", "found": found}
        text = page_of(accepted=[word]).text
        assert (
            f"paul let the data be used at 2026-01-16 01:30 UTC although something was wrong with them ({found[0]})"
            in text
        )
        assert "<i>a festival</i>" in text


class TestFigures:
    def test_figures_stand_with_interval_and_number(self):
        """Mean, 1.96 standard errors to both sides, listeners, and what precision means in words."""
        text = usual().text
        assert "precision@10 0.0302 0.0286 to 0.0318 3,208" in text
        assert "how many the listener then really discovered that day: 0.30 of 10." in text
        assert "most popular tracks 0.0112 0.0102 to 0.0122 3,208" in text
        assert "release 1, live 0.0300 0.0284 to 0.0316 3,208" in text
        assert "against the live release +1.00% −0.31% to +2.31% 3,200" in text
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
        assert [line.found for line in lines if line.name == "against the live release"] == ["not known"]

    def test_slices_stand_with_their_warnings(self):
        """Interval, p, the warning, and where too few listeners were asked."""
        text = usual().text
        assert "new tracks 1,068 0.0200 0.0230 −0.0030 −0.0040 to −0.0020 0.00049 ▼ warned" in text
        assert "new listeners 58 0.0200 0.0200 +0.0000 too few" in text
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

    def test_the_honest_series_and_the_changes_are_told(self):
        """A row a day, newest first; new tracks, new listeners, and how many recommendations stayed."""
        text = usual().text
        assert text.index("2026-01-15 PASS") < text.index("2026-01-14 PASS")
        assert "55 of 2,077 were heard for the first time" in text
        assert "24 of 1,441 listened for the first time" in text
        assert "8.9 of 10 recommended tracks stand in the live list too" in text

    def test_where_it_comes_from(self):
        """Date, candidate, the release it was compared with and the run: enough to find everything again."""
        text = usual().text
        assert f"candidate {CANDIDATE} model {'b' * 64} compared with release 1 ({LIVE})" in text
        assert text.endswith("run scheduled__2026-01-16")
        alone = page_of(key=KEY | {"incumbent": None, "no_incumbent": "there is no release to compare with"}, run="")
        assert "compared with there is no release to compare with" in alone.text


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
        assert "Listener A: 1 hit, the live release 0" in text

    def test_the_same_figures_give_the_same_page(self):
        """Twice the same bytes: no clock, no order by chance."""
        assert render(material()) == render(material())


def report_of(at, day=DAY):
    """The page of the newest judgement of a date, as bytes."""
    written = write_report(at, day, at.store.evaluations_of(day)[-1].name)
    return (at.store.root / written["report"]).read_bytes()


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
        from recsys_tasks.storage.artefacts import open_artefact

        table = open_artefact(finished.store.evaluations_of(DAY)[0] / "figures").table("samples")
        assert table.column_names == ["listener", "kind", "place", "title", "artist", "hit"]
        assert set(table.column("listener").to_pylist()) == set("ABCDE")

    def test_a_person_who_released_it_is_named(self, finished, world_dsn, tmp_path):
        """Held, then released by hand: written again, the page says so."""
        at = Workplace(Store(tmp_path), config(gate={"min_users": 5000}), world_dsn)
        held = run(at, date(2026, 1, 13))
        before = Page(report_of(at, date(2026, 1, 13)).decode()).text
        release_candidate(at, held["candidate"], replace(SIGNED, why="looked at the lists"))
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
