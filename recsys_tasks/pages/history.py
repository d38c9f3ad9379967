"""The page *Over time*: the plots over the judged dates, as JSON for the script and as tables of the same numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys_tasks.core.policy import GateConfig
from recsys_tasks.pages.remembered import RememberedRuns, judgements_of, log_of
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
    judgements, damaged = judgements_of(store, log_of(store))
    dates = [rows[0] for rows in by_date(judgements).values()]
    rows = dates[-(LENGTHS[length] or len(dates)) :]
    plots = _plots(rows, minutes_of(store), gate) if rows else []
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


def minutes_of(store: ArtefactStore) -> dict[str, dict[str, float]]:
    """Date -> step -> minutes that all runs of this date took for it.

    A record names its date in its result; one that does not, as that of publishing, counts for the date of its run.
    """
    runs: dict[str, list[tuple[str, Row]]] = {}
    for step, record in RememberedRuns(store).all():
        runs.setdefault(str(record["run_id"]), []).append((step, record))
    minutes: dict[str, dict[str, float]] = {}
    for records in runs.values():
        day = next((found for _, record in records if (found := _day(record))), None)
        if day is not None:
            taken = minutes.setdefault(day, {})
            for name, each in records:
                taken[name] = taken.get(name, 0.0) + _seconds(each) / 60
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


def _day(record: Row) -> str | None:
    result = record.get("result")
    return str(result["day"]) if isinstance(result, dict) and "day" in result else None


def _seconds(record: Row) -> float:
    seconds = record.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0
