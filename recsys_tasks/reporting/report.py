"""The report of a run: stored figures in, one self-contained HTML page out, for a reader who knows nothing of the code.

The page holds no script, asks no other host for anything, names no listener by an id, and has no clock of its own: the
same stored figures give the same page. Titles and artists come from outside; the template escapes everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from recsys_tasks.core.domain import Figures, Verdict
from recsys_tasks.core.policy import DriftConfig, GateConfig
from recsys_tasks.gate.drift import Drift, drift
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.reporting import charts
from recsys_tasks.reporting import tables as report_tables
from recsys_tasks.reporting.words import advice, headline, instant, meaning, stage_of

Row = Mapping[str, Any]
Listeners = dict[str, dict[str, list[Row]]]
TEMPLATE = "report.html.jinja"
LONGEST_NAME = 160
"""Characters of a title or artist that are shown."""


@dataclass(frozen=True)
class Material:
    """What a report is made from."""

    judgement: str
    key: Mapping[str, Any]  # what was judged: day, candidate, incumbent, evaluation
    figures: Figures  # of the evaluation
    verdict: Verdict
    gate: GateConfig  # the policy of that verdict
    drift: DriftConfig
    rows: Sequence[Row]  # the series up to this day; its last row is this judgement
    samples: Sequence[Row]  # listener, kind, place, title, artist, hit
    log: ReleaseLog
    accepted: Sequence[Row]  # persons' words on the day's data: by, why, at, found
    run: str  # that judged first; empty where no record tells


def render(material: Material) -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tables = report_tables
    environment.filters |= {"share": tables.share, "signed": tables.signed, "signed_share": tables.signed_share}
    environment.filters |= {"count": tables.count, "short": short, "instant": instant}
    return environment.get_template(TEMPLATE).render(_context(material))


def _context(m: Material) -> dict[str, Any]:
    """Everything that the template names."""
    stage = stage_of(m.verdict, m.log, m.key)
    k = int(m.key["evaluation"]["k"])
    slow = drift(m.rows, m.drift)
    exact = report_tables.exact_checks(m.figures["checks"])
    data = report_tables.data_checks(m.figures["data_checks"])
    lists = listeners(m.samples)
    said, command = advice(stage, m.key)
    return {
        "day": m.key["day"],
        "k": k,
        "verdict": m.verdict,
        "found": m.verdict.figures,
        "alpha": m.gate.slice_alpha,
        "stage": stage,
        "headline": headline(stage, m.verdict, m.key, m.gate.margin),
        "meaning": meaning(stage, m.log),
        "advice": said,
        "command": command,
        "accepted": m.accepted,
        "alarms": slow.alarms,
        "deciding": report_tables.deciding(m.verdict.figures, m.gate, k),
        "exact": exact,
        "data": data,
        "counted": [report_tables.counted(exact, "exact checks"), report_tables.counted(data, "checks of the data")],
        "plots": {name: Markup(svg) for name, svg in plots(m, slow, k).items()},  # noqa: S704 - escaped in charts.py
        "newest": m.rows[::-1],
        "drift_lines": report_tables.drift_lines(slow, m.verdict.figures, m.drift),
        "changes": report_tables.changes(m.figures, k),
        "listeners": lists,
        "hits": {letter: hits(lists[letter]) for letter in lists},
        "lineage": lineage(m),
    }


def plots(m: Material, slow: Drift, k: int) -> dict[str, str]:
    """Name -> SVG of every plot that there are figures for."""
    drawn = {
        "precision": charts.precision_over_days(m.rows, m.gate.floor, k),
        "recall": charts.recall_over_days(m.rows, m.gate.min_recall),
        "loss": charts.loss_by_iteration(m.figures["training"]["losses"]),
    }
    if any(row["pair"] for row in m.rows):
        median = charts.Running(slow.days, slow.median, m.drift.median_days)
        drawn["differences"] = charts.differences_over_days(m.rows, median, m.gate.margin)
    if slow.days:
        drawn["cusum"] = charts.cusum_over_days(slow.days, slow.cusum, m.drift.cusum_bound)
    if m.verdict.figures["slices"]:
        drawn["slices"] = charts.slices_chart(m.verdict.figures["slices"])
    return drawn


def listeners(samples: Sequence[Row]) -> Listeners:
    """Letter of a listener -> kind of list -> its rows by place."""
    found: Listeners = {}
    for row in sorted(samples, key=lambda row: (row["listener"], row["place"])):
        found.setdefault(row["listener"], {}).setdefault(row["kind"], []).append(row)
    return found


def hits(lists: Mapping[str, Sequence[Row]]) -> str:
    """How many hits the lists of one listener had."""
    new, live = (sum(row["hit"] for row in lists.get(kind, ())) for kind in ("candidate", "incumbent"))
    said = f"{new} {'hit' if new == 1 else 'hits'}"
    return f"{said}, the live release {live}" if "incumbent" in lists else said


def lineage(m: Material) -> list[tuple[str, str, bool]]:
    """Name, value, and whether the value is one to copy: what was judged, against what, in which run."""
    other = "none" if m.key["incumbent"] is None else f"release {m.key['incumbent_release']} ({m.key['incumbent']})"
    lines = [
        ("listening up to", m.key["day"], False),
        ("candidate", m.key["candidate"], True),
        ("model", m.key["model"], True),
        ("compared with", m.key["no_incumbent"] or other, not m.key["no_incumbent"]),
        ("judgement", m.judgement, True),
    ]
    return [*lines, ("run", m.run, True)] if m.run else lines


def short(name: str | None) -> str:
    """A title or artist, cut where it would fill the page."""
    name = name or "without a name"
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
