"""What a report is made from, with changes, and a report as a browser reads it."""

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from html.parser import HTMLParser

from series_rows import rows

from recsys_tasks.core.domain import Verdict
from recsys_tasks.core.policy import DriftConfig, GateConfig
from recsys_tasks.release.keys import JudgementKey
from recsys_tasks.release.log import PUBLISH, Entry, ReleaseLog
from recsys_tasks.reporting.report import Material, render

DAY = date(2026, 1, 15)
CANDIDATE, LIVE = "c" * 64, "a" * 64


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
    "thin_share": 0.0243,
    "overlap": {"mean": 0.89, "users": 3208},
    "candidate_coverage": 0.148,
    "candidate_new_share": 0.028,
}
KEY = JudgementKey(
    day=DAY,
    candidate=CANDIDATE,
    components=("b" * 64,),
    incumbent=LIVE,
    incumbent_release=1,
    no_incumbent="",
    reference=LIVE,
    reference_release=1,
    evaluation={"k": 10},
)
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
