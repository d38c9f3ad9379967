"""The page *Over time*: the plots over the judged dates, as JSON for the script and as tables of the same numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.pages.remembered import RememberedJudgements, RememberedRuns, log_of
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.release.series import by_date
from recsys_tasks.reporting import quality_plots, run_plots
from recsys_tasks.reporting.plots import INTERVAL, Line, Plot
from recsys_tasks.storage.store import ArtefactStore

Row = Mapping[str, Any]
LENGTHS = {"30": 30, "90": 90, "365": 365, "all": None}
USUAL = "90"
"""Dates that are shown when nothing is asked for."""


def history(store: ArtefactStore, gate: GateConfig, length: str) -> dict[str, Any]:
    """Everything that the page *Over time* names.

    Args:
        store: where to look.
        gate: the policy of now, for the levels that it asks for.
        length: a key of ``LENGTHS``: how many of the newest judged dates are shown.

    Raises:
        CorruptArtefact: the release log is damaged.
    """
    seen = Viewed(store)
    judgements = RememberedJudgements(seen, log_of(store))
    dates = judgements.days()
    judged, damaged = judgements.readable(dates[-(LENGTHS[length] or len(dates)) :])
    rows = [found[0] for found in by_date(judged).values()]
    plots = _plots(rows, minutes_of(seen, parse_day(rows[0]["day"])), gate) if rows else []
    return {
        "plots": plots,
        "rows": rows,
        "dates": len(dates),
        "length": length,
        "lengths": LENGTHS,
        "damaged": damaged,
        "interval": INTERVAL,
        "data": {
            "days": [row["day"] for row in rows],
            "outcomes": [row["outcome"] for row in rows],
            "releases": [row["release"] for row in rows],
            "plots": [plot_json(plot) for plot in plots],
        },
    }


def minutes_of(seen: Viewed, since: Day | None = None) -> dict[str, dict[str, float]]:
    """Date -> step -> minutes that all runs of this date took for it.

    A record names its date in its result; one that does not, as that of publishing, counts for the date of its run.

    Args:
        seen: where to look.
        since: first date that is asked for; runs that were over before it are about earlier ones. None: all.
    """
    minutes: dict[str, dict[str, float]] = {}
    for traces in RememberedRuns(seen).traces(since=since):
        day = next((trace.day for trace in traces if trace.day), None)
        if day is not None:
            taken = minutes.setdefault(day, {})
            for trace in traces:
                taken[trace.step] = taken.get(trace.step, 0.0) + trace.seconds / 60
    return minutes


def plot_json(plot: Plot) -> dict[str, Any]:
    """A plot as ``plot.js`` draws it."""
    return {
        "name": plot.name,
        "unit": plot.unit,
        "digits": plot.digits,
        "lines": [_line_json(line) for line in plot.lines],
        "bounds": [{"name": bound.name, "value": bound.value} for bound in plot.bounds],
        "marks": [{"name": mark.name, "look": mark.look, "points": list(mark.points)} for mark in plot.marks],
        "judged": plot.judged,
        "stacked": plot.stacked,
        "from_zero": plot.from_zero,
        "few": plot.few,
    }


def _line_json(line: Line) -> dict[str, Any]:
    bounds = {name: values and list(values) for name, values in (("low", line.low), ("high", line.high))}
    return {"name": line.name, "look": line.look, "values": list(line.values), **bounds}


def _plots(rows: Sequence[Row], minutes: Mapping[str, Mapping[str, float]], gate: GateConfig) -> list[Plot]:
    """Every plot that there are figures for, in the order of the page."""
    plots = [
        quality_plots.precision_over_days(rows, gate.floor, rows[-1]["k"]),
        quality_plots.recall_over_days(rows, gate.min_recall),
        run_plots.new_over_days(rows),
        run_plots.loss_over_days(rows),
        run_plots.iterations_over_days(rows),
        run_plots.minutes_over_days(rows, minutes),
    ]
    return [plot for plot in plots if plot.has_values]
