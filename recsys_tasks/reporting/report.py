"""The report of a run: one self-contained HTML page from stored figures, for a reader who does not know the code.

The page holds no script, asks no other host for anything, names no listener by an id, and has no clock of its own: the
same stored figures give the same page. Titles and artists come from outside; the template escapes everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from recsys_tasks.core import formatting
from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.domain import Figures, Verdict
from recsys_tasks.core.policy import DriftConfig, GateConfig
from recsys_tasks.gate.drift import Drift, drift
from recsys_tasks.release.compared import incumbent_name, naming_the_incumbent
from recsys_tasks.release.keys import JudgementKey
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.reporting import quality_plots, run_plots, tables
from recsys_tasks.reporting.intervals import relative_difference
from recsys_tasks.reporting.plot_drawing import forest_svg, plot_svg
from recsys_tasks.reporting.plots import Forest, Plot
from recsys_tasks.reporting.words import advice, headline, meaning, stage_of

Row = Mapping[str, Any]
Listeners = dict[str, dict[str, list[Row]]]
TEMPLATE = "report.html.jinja"
FORMATS = (
    "count",
    "fraction",
    "instant",
    "percent",
    "setting_percent",
    "signed_fraction",
    "signed_percent",
    "significant",
)
"""Formats of figures that the template uses."""
LONGEST_NAME = 160
"""Characters of a title or artist that are shown."""


@dataclass(frozen=True)
class Material:
    """What a report is made from."""

    judgement: str
    key: JudgementKey  # what was judged
    figures: Figures  # of the evaluation
    verdict: Verdict
    gate: GateConfig  # the policy of that verdict
    drift: DriftConfig
    rows: Sequence[Row]  # the series up to this day; its last row is this judgement
    samples: Sequence[Row]  # listener, kind, place, title, artist, hit
    log: ReleaseLog
    accepted: Sequence[Row]  # who accepted the day's data although a check stopped them: by, why, at, found
    run: str  # that judged first; empty where no record tells
    days: BusinessDays = UTC_DAYS


def render(material: Material) -> str:
    """The page."""
    return _environment().get_template(TEMPLATE).render(_context(material))


@cache
def _environment() -> Environment:
    """Jinja's, made once: it keeps the compiled template, so that only the first report of a process compiles it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(formatting, name) for name in FORMATS}
    environment.filters |= {"short": short, "relative_difference": relative_difference}
    return environment


def _context(m: Material) -> dict[str, Any]:
    """Everything that the template names."""
    stage = stage_of(m.verdict, m.log, m.key)
    k = m.key.k
    slow = drift(m.rows, m.drift)
    exact = tables.exact_checks(m.figures["checks"])
    data = tables.data_checks(m.figures["data_checks"])
    lists = listeners(m.samples)
    decided_by, steps = advice(stage, m.verdict, m.key, m.log, m.days)
    release = m.key.incumbent_release
    return {
        "day": m.key.day.isoformat(),
        "k": k,
        "verdict": m.verdict,
        "found": m.verdict.figures,
        "alpha": m.gate.slice_alpha,
        "stage": stage,
        "headline": headline(stage, m.verdict, m.key, m.gate.margin),
        "meaning": meaning(stage, m.log),
        "reasons": [naming_the_incumbent(reason, release) for reason in m.verdict.reasons],
        "warnings": [naming_the_incumbent(warning, release) for warning in m.verdict.figures["warnings"]],
        "incumbent": incumbent_name(release),
        "earlier": m.rows[-1]["earlier"],
        "decided_by": decided_by,
        "steps": steps,
        "accepted": m.accepted,
        "alarms": slow.alarms,
        "deciding": tables.deciding(m.verdict.figures, m.gate, k),
        "exact": exact,
        "data": data,
        "left_out": m.figures.get("quarantined", ()),
        "counted": [tables.counted(exact, "exact checks"), tables.counted(data, "checks of the data")],
        "plots": [_drawn(plot) for plot in plots(m, slow, k)],
        "compared": any(row["pair"] for row in m.rows),
        "newest": m.rows[::-1],
        "drift_lines": tables.drift_lines(slow, m.verdict.figures, m.drift),
        "changes": tables.changes(m.figures, k),
        "components": m.figures.get("components", ()),
        "joined_later": m.figures.get("joined_later"),
        "importances": tables.importances(m.figures),
        "cold_tracks": m.figures.get("cold_tracks", ()),
        "listeners": lists,
        "hits": {letter: hits(lists[letter]) for letter in lists},
        "lineage": lineage(m),
    }


def plots(m: Material, slow: Drift, k: int) -> list[Plot | Forest]:
    """Every plot that there are figures for, in the order of the page."""
    found: list[Plot | Forest] = [quality_plots.precision_over_days(m.rows, m.gate.floor, k)]
    if any(row["pair"] for row in m.rows):
        found.append(quality_plots.differences_over_days(m.rows, slow, m.drift.median_days, m.gate.margin))
    if slow.days:
        found.append(quality_plots.cusum_over_days(slow, m.drift.cusum_bound))
    found.append(quality_plots.recall_over_days(m.rows, m.gate.min_recall))
    if any(row.get("cold_recall") is not None for row in m.rows):
        found.append(quality_plots.cold_tracks_over_days(m.rows, k))
    if any(row.get("joined_later") for row in m.rows):
        found.append(quality_plots.joined_over_days(m.rows, k))
    found.append(run_plots.loss_by_iteration(m.figures["training"]["losses"]))
    if m.verdict.figures["slices"]:
        found.append(quality_plots.slices(m.verdict.figures["slices"]))
    return [replace(plot, days=m.days.name) if isinstance(plot, Plot) else plot for plot in found]


def _drawn(plot: Plot | Forest) -> dict[str, Any]:
    """A plot as the template shows it; what comes from outside is escaped where it is drawn."""
    svg = plot_svg(plot) if isinstance(plot, Plot) else forest_svg(plot)
    return {"title": plot.title, "caption": plot.caption, "svg": Markup(svg)}  # noqa: S704


def listeners(samples: Sequence[Row]) -> Listeners:
    """Letter of a listener -> kind of list -> its rows by place."""
    found: Listeners = {}
    for row in sorted(samples, key=lambda row: (row["listener"], row["place"])):
        found.setdefault(row["listener"], {}).setdefault(row["kind"], []).append(row)
    return found


def hits(lists: Mapping[str, Sequence[Row]]) -> str:
    """How many hits the lists of one listener had."""
    new, live = (sum(row["hit"] for row in lists.get(kind, ())) for kind in ("candidate", "incumbent"))
    found = f"{new} {'hit' if new == 1 else 'hits'}"
    return f"{found}, the release before {live}" if "incumbent" in lists else found


def lineage(m: Material) -> list[tuple[str, str, bool]]:
    """What was judged, against what, in which run: name, value, and whether the value is one to copy."""
    key = m.key
    other = "none" if key.incumbent is None else f"release {key.incumbent_release} ({key.incumbent})"
    lines = [
        ("listening up to", key.day.isoformat(), False),
        ("candidate", key.candidate, True),
        *(("model", model, True) for model in key.components),
        ("compared with", key.no_incumbent or other, not key.no_incumbent),
        ("judgement", m.judgement, True),
    ]
    return [*lines, ("run", m.run, True)] if m.run else lines


def short(name: str | None) -> str:
    """A title or an artist, cut where it would fill the page."""
    name = name or "without a name"
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
