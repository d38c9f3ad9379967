"""The page *Over time*: the plots over the judged dates, as JSON for the script and as tables of the same numbers."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from recsys_tasks.alerting.outbox import FOLDER as ALERTS_FOLDER
from recsys_tasks.alerting.told import Told, all_told, told
from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.pages.checked_dates import checked_dates
from recsys_tasks.pages.remembered import (
    RememberedJudgements,
    RememberedPartitions,
    RememberedRuns,
    log_of,
    quarantined_of,
)
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.release.series import NO_VERDICT, NOT_JUDGED, QUARANTINED, by_date, not_judged
from recsys_tasks.reporting import quality_plots, run_plots
from recsys_tasks.reporting.plots import INTERVAL, Line, Plot
from recsys_tasks.storage.store import ArtefactStore

Row = Mapping[str, Any]
LENGTHS = {"30": 30, "90": 90, "365": 365, "all": None}
USUAL = "90"
"""Dates that are shown when nothing is asked for."""
LONG = 400
"""Dates up to which each plot's table is part of the page; beyond, the table of one plot is shown when asked for."""
ALERTS = 100
"""Alerts that are listed, the newest ones."""


def history(store: ArtefactStore, gate: GateConfig, length: str, table: str = "") -> dict[str, Any]:
    """Everything that the page *Over time* names.

    Args:
        store: where to look.
        gate: the policy of now, for the levels that it asks for.
        length: a key of ``LENGTHS``: how many of the newest judged dates are shown, with those between and after them
            that have streams and no judgement.
        table: name of the plot whose table is asked for, where there are too many dates to show every table.

    Raises:
        CorruptArtefact: the release log is damaged.
    """
    seen = Viewed(store)
    judgements = RememberedJudgements(seen, log_of(store))
    dates = judgements.days()
    judged, damaged = judgements.readable(dates[-(LENGTHS[length] or len(dates)) :])
    rows, others = _rows(seen, judged)
    plots = _plots(seen, rows, others, gate) if rows else []
    days = [parse_day(row["day"]) for row in rows]
    alerts = _alerts(seen, rows[0]["day"]) if rows else []
    return {
        "plots": plots,
        "rows": rows,
        "also": _also(others),
        "dates": len(dates),
        "judged": sum(row["outcome"] not in NO_VERDICT for row in rows),
        "length": length,
        "lengths": LENGTHS,
        "long": len(rows) > LONG,
        "table": table,
        "damaged": damaged,
        "interval": INTERVAL,
        "checked": checked_dates(seen, days),
        "alerts": alerts[:ALERTS],
        "alerts_left_out": len(alerts[ALERTS:]),
        "data": {
            "days": [row["day"] for row in rows],
            "outcomes": [row["outcome"] for row in rows],
            "also": [_also(others).get(row["day"], "") for row in rows],
            "releases": [row["release"] for row in rows],
            "plots": [plot_json(plot) for plot in plots],
        },
    }


def _rows(seen: Viewed, judged: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The dates that are shown, each by the judgement that counts, and the other judgements of these dates."""
    dates = by_date(judged)
    if not dates:
        return [], []
    counting, first = {day: rows[0] for day, rows in dates.items()}, min(dates)
    stopped = {each.day.isoformat() for each in quarantined_of(seen)}
    between = [day.isoformat() for day in RememberedPartitions(seen).days() if day.isoformat() > first]
    for day in between:
        if day not in counting:
            counting[day] = not_judged(dates[first][0], day, QUARANTINED if day in stopped else NOT_JUDGED)
    return [counting[day] for day in sorted(counting)], [other for rows in dates.values() for other in rows[1:]]


def _also(others: Sequence[Row]) -> dict[str, str]:
    """Date -> what the gate said of its other candidates, or beside another release."""
    found: dict[str, str] = {}
    for row in others:
        found[row["day"]] = (
            f"{found[row['day']]}, {row['outcome']}" if row["day"] in found else f"also {row['outcome']}"
        )
    return found


def _alerts(seen: Viewed, since: str) -> list[Told]:
    """The alerts since the first date that is shown, newest first."""
    seen.stamps(ALERTS_FOLDER)

    def read(key: str) -> Told | None:
        return seen.of((f"{ALERTS_FOLDER}/{key}",), lambda: told(seen.store, key), "told")

    return all_told(seen.as_store, read, since)


def _counted(seen: Viewed, rows: Sequence[Row]) -> dict[str, PartitionFigures]:
    """Date -> what became of its rows; nothing of a date without partition, or whose manifest is damaged."""
    partitions, found = RememberedPartitions(seen), {}
    for row in rows:
        with suppress(CorruptArtefact):
            if partition := partitions.newest(parse_day(row["day"])):
                found[row["day"]] = partition.figures
    return found


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
    marks = [
        {"name": mark.name, "look": mark.look, "points": list(mark.points), "values": list(mark.values)}
        for mark in plot.marks
    ]
    return {
        "name": plot.name,
        "unit": plot.unit,
        "digits": plot.digits,
        "lines": [_line_json(line) for line in plot.lines],
        "bounds": [{"name": bound.name, "value": bound.value} for bound in plot.bounds],
        "marks": marks,
        "judged": plot.judged,
        "stacked": plot.stacked,
        "from_zero": plot.from_zero,
        "few": plot.few,
    }


def _line_json(line: Line) -> dict[str, Any]:
    bounds = {name: values and list(values) for name, values in (("low", line.low), ("high", line.high))}
    return {"name": line.name, "look": line.look, "values": list(line.values), **bounds}


def _plots(seen: Viewed, rows: Sequence[Row], others: Sequence[Row], gate: GateConfig) -> list[Plot]:
    """Every plot that there are figures for, in the order of the page."""
    counted, minutes = _counted(seen, rows), minutes_of(seen, parse_day(rows[0]["day"]))
    k = next((row["k"] for row in reversed(rows) if row["k"]), 0)
    plots = [
        quality_plots.precision_over_days(rows, gate.floor, k, others),
        quality_plots.recall_over_days(rows, gate.min_recall),
        quality_plots.cold_tracks_over_days(rows, k),
        quality_plots.joined_over_days(rows, k),
        run_plots.streams_over_days(rows, counted),
        run_plots.listeners_over_days(rows, counted),
        run_plots.new_over_days(rows),
        run_plots.loss_over_days(rows),
        run_plots.iterations_over_days(rows),
        run_plots.minutes_over_days(rows, minutes),
    ]
    return [plot for plot in plots if plot.has_values]
