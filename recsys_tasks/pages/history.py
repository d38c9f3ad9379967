"""Figures over the judged dates, as plots and as tables of the same numbers: one definition of each plot for both."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.estimates import Z_95
from recsys_tasks.pages.remembered import Remembered, judgements_of, log_of
from recsys_tasks.pages.site import count, fraction
from recsys_tasks.release.series import by_date
from recsys_tasks.storage.store import Store

Row = Mapping[str, Any]
Value = float | None
LENGTHS = {"30": 30, "90": 90, "365": 365, "all": None}
USUAL = "90"
"""Dates that are shown when nothing is asked for."""
NAMED_STEPS = ("extract_streams", "increment_matrix", "train_als", "build_index", "evaluate")
OTHER_STEPS = "other steps"


class Line(NamedTuple):
    """One series of a plot, a value a date; None where there is none."""

    name: str
    look: str  # colour and dash, named in plot.css
    values: list[Value]
    low: list[Value] | None = None
    high: list[Value] | None = None


class Bound(NamedTuple):
    """A level that the gate asks for."""

    name: str
    value: float


class Plot(NamedTuple):
    """One plot, and the table beneath it."""

    name: str
    title: str
    unit: str  # of the upright axis
    digits: int
    lines: list[Line]
    written: Callable[[Value], str]  # a value as the table has it
    bounds: tuple[Bound, ...] = ()
    stacked: bool = False
    from_zero: bool = True
    marked: bool = False  # the verdicts stand on the first line
    says: str = ""

    def data(self) -> dict[str, Any]:
        """What the script draws."""
        left_out = ("written", "title", "says")
        shown = {name: value for name, value in self._asdict().items() if name not in left_out}
        return shown | {"lines": [line._asdict() for line in self.lines], "bounds": [b._asdict() for b in self.bounds]}


def history(store: Store, gate: GateConfig, length: str) -> dict[str, Any]:
    """Everything that the page *Over time* names.

    Args:
        store: where to look.
        gate: the policy of now, for the levels that it asks for.
        length: of ``LENGTHS``: how many of the newest judged dates.

    Raises:
        CorruptArtefact: the release log is damaged.
    """
    judgements, damaged = judgements_of(store, log_of(store))
    dates = [rows[0] for rows in by_date(judgements).values()]
    rows = dates[-(LENGTHS[length] or len(dates)) :]
    plots = [plot for plot in _plots(rows, minutes_of(store), gate) if _has_values(plot)]
    return {
        "plots": plots,
        "rows": rows,
        "dates": len(dates),
        "length": length,
        "lengths": LENGTHS,
        "damaged": damaged,
        "floor": gate.floor,
        "data": {
            "days": [row["day"] for row in rows],
            "outcomes": [row["outcome"] for row in rows],
            "releases": [row["release"] for row in rows],
            "signed": [row["signed_by"] is not None for row in rows],
            "plots": [plot.data() for plot in plots],
        },
    }


def minutes_of(store: Store) -> dict[str, dict[str, float]]:
    """Date -> step -> minutes that all runs of this date took for it.

    A record names its date in its result; one that does not, as that of publishing, is of the date of its run.
    """
    runs: dict[str, list[tuple[str, Row]]] = {}
    for step, record in Remembered(store.root).records:
        runs.setdefault(str(record["run_id"]), []).append((step, record))
    minutes: dict[str, dict[str, float]] = {}
    for records in runs.values():
        day = next((found for _, record in records if (found := _day(record))), None)
        if day is not None:
            taken = minutes.setdefault(day, {})
            for name, each in records:
                taken[name] = taken.get(name, 0.0) + _seconds(each) / 60
    return minutes


def _plots(rows: Sequence[Row], minutes: Mapping[str, Mapping[str, float]], gate: GateConfig) -> Iterable[Plot]:
    yield _precision(rows, gate)
    yield Plot(
        "recall",
        "Index recall: how many of the exact answers the index finds",
        "recall",
        4,
        [
            Line("tracks for a listener", "candidate", _column(rows, "user_recall")),
            Line("tracks like a track", "live", _column(rows, "similar_recall")),
        ],
        fraction,
        bounds=(Bound(f"at least {gate.min_recall:g}", gate.min_recall),),
        from_zero=False,
        says="Measured on listeners and tracks that the search was not tuned on. Below the line the gate blocks.",
    )
    yield _new(rows)
    yield Plot(
        "loss",
        "Training: loss after the last iteration",
        "loss",
        5,
        [Line("loss", "candidate", [row["losses"][-1] if row["losses"] else None for row in rows])],
        lambda value: "–" if value is None else f"{value:.5f}",
        from_zero=False,
        says="On the plays that were trained on. It steps where a training started cold, or its parameters changed.",
    )
    yield Plot(
        "iterations",
        "Training: iterations",
        "iterations",
        0,
        [
            Line("from the day before", "candidate", [row["iterations"] if row["warm"] else None for row in rows]),
            Line("from a cold start", "live", [None if row["warm"] else row["iterations"] for row in rows]),
        ],
        count,
        stacked=True,
        says="Alternations until the loss stood still.",
    )
    yield _minutes(rows, minutes)


def _precision(rows: Sequence[Row], gate: GateConfig) -> Plot:
    found, errors = _column(rows, "precision"), _column(rows, "precision_error")
    half = [None if error is None else Z_95 * error for error in errors]
    k = rows[-1]["k"] if rows else 10
    return Plot(
        "precision",
        f"Precision: which share of {k} recommended tracks a listener then discovered",
        f"precision@{k}",
        4,
        [
            Line(
                "candidate",
                "candidate",
                found,
                [None if m is None or h is None else m - h for m, h in zip(found, half, strict=True)],
                [None if m is None or h is None else m + h for m, h in zip(found, half, strict=True)],
            ),
            Line("release live that day", "live", _column(rows, "honest", "precision")),
            Line("popular tracks", "popular", _column(rows, "popularity")),
        ],
        fraction,
        bounds=(Bound(f"floor {gate.floor:g}", gate.floor),) if gate.floor else (),
        marked=True,
        says="The candidate with its 95 % interval. The release that was live is scored on the day it had not seen: "
        "what listeners really got.",
    )


def _new(rows: Sequence[Row]) -> Plot:
    return Plot(
        "new",
        "New tracks and listeners of each date",
        "number",
        0,
        [
            Line("tracks heard for the first time", "candidate", _column(rows, "new_tracks")),
            Line("listeners for the first time", "live", _column(rows, "new_listeners")),
        ],
        count,
    )


def _minutes(rows: Sequence[Row], minutes: Mapping[str, Mapping[str, float]]) -> Plot:
    """Minutes of each step that takes long, and of all others together."""
    of_dates = [minutes.get(row["day"]) for row in rows]
    lines = [Line(name, name, [_or_none(steps, name) for steps in of_dates]) for name in NAMED_STEPS]
    others = [
        None if steps is None else sum(taken for name, taken in steps.items() if name not in NAMED_STEPS)
        for steps in of_dates
    ]
    return Plot(
        "minutes",
        "Minutes of work for each date, by step",
        "minutes",
        2,
        [*lines, Line(OTHER_STEPS, "other_steps", others)],
        lambda value: "–" if value is None else f"{value:,.2f}",
        stacked=True,
        says="All runs of a date together; waiting for the day and for workers is not in it.",
    )


def _column(rows: Sequence[Row], *names: str) -> list[Value]:
    """A figure of each row, None where it has none; several names lead into tables of the row."""
    values: list[Any] = list(rows)
    for name in names:
        values = [None if value is None else value[name] for value in values]
    return values


def _or_none(steps: Mapping[str, float] | None, name: str) -> Value:
    return None if steps is None else steps.get(name, 0.0)


def _has_values(plot: Plot) -> bool:
    return any(value is not None for line in plot.lines for value in line.values)


def _day(record: Row) -> str | None:
    result = record.get("result")
    return str(result["day"]) if isinstance(result, dict) and "day" in result else None


def _seconds(record: Row) -> float:
    seconds = record.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0
