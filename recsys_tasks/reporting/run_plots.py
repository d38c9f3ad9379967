"""The plots of what the runs did: what was new, how the training went, how long each step took."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.reporting.plots import Line, Plot, Rows, Value, column, days_of, with_values

NAMED_STEPS = ("extract_streams", "increment_matrix", "train_als", "build_index", "evaluate")
"""Steps that take long enough for a colour of their own."""
OTHER_STEPS = "other steps"
LONG_MINUTES = 180
"""Minutes from which on a date's work is written in hours."""


def loss_by_iteration(losses: Sequence[float]) -> Plot:
    """The loss after each iteration of one training, at least one."""
    return Plot(
        name="loss_by_iteration",
        title="Loss after each iteration",
        caption="The training makes the loss small, and stops where it hardly moves any more.",
        unit="loss (lower is better)",
        digits=5,
        points=tuple(str(n) for n in range(1, len(losses) + 1)),
        lines=(Line("loss", "candidate", tuple(losses)),),
        axis="iteration",
        from_zero=False,
    )


def loss_over_days(rows: Rows) -> Plot:
    """The loss after the last iteration of each day's training: a played pair, where the number of pairs is known.

    The loss that a training reports is a mean over all cells. It rises with the share of cells that somebody played,
    so that more data look like a worse model; what a played pair costs does not.
    """
    values = tuple(_loss_a_pair(row) for row in rows)
    by_pair = any(value is not None for value in values)
    if not by_pair:
        values = tuple(row["losses"][-1] if row["losses"] else None for row in rows)
    jumps = "It jumps where a training started cold, or where its parameters changed."
    means = "The loss of all cells together, divided by the number of pairs of listener and track that were trained on."
    return Plot(
        name="loss",
        title="Training: loss a played pair" if by_pair else "Training: loss after the last iteration",
        caption=f"{means if by_pair else 'The loss is that of the plays that were trained on.'} {jumps}",
        unit="loss a pair" if by_pair else "loss",
        digits=5,
        points=days_of(rows),
        lines=(Line("loss", "candidate", values),),
        from_zero=False,
    )


def _loss_a_pair(row: Mapping[str, Any]) -> float | None:
    """What a training lost in all, for each pair that it learned from; None where that was not recorded."""
    pairs, weight = row.get("pairs"), row.get("weight")
    return row["losses"][-1] * weight / pairs if row["losses"] and pairs and weight else None


def iterations_over_days(rows: Rows) -> Plot:
    """How many iterations each day's training took, and from where it started."""
    return Plot(
        name="iterations",
        title="Training: iterations",
        caption="A training alternates between listeners and tracks until its loss stands still.",
        unit="iterations",
        digits=0,
        points=days_of(rows),
        lines=with_values(
            Line("from the day before", "candidate", tuple(r["iterations"] if r["warm"] else None for r in rows)),
            Line("from a cold start", "live", tuple(None if r["warm"] else r["iterations"] for r in rows)),
        ),
        stacked=True,
    )


def new_over_days(rows: Rows) -> Plot:
    """How many tracks and listeners were seen for the first time."""
    return _numbers(
        "new",
        "New tracks and listeners of each date",
        "number",
        rows,
        *with_values(
            Line("tracks heard for the first time", "candidate", column(rows, "new_tracks")),
            Line("listeners for the first time", "live", column(rows, "new_listeners")),
        ),
    )


def streams_over_days(rows: Rows, counted: Mapping[str, PartitionFigures]) -> Plot:
    """Streams of each date. counted: date -> what became of its rows; a date without any has a gap."""
    found = [counted.get(day) for day in days_of(rows)]
    plot = _numbers(
        "streams",
        "Streams of each date",
        "streams",
        rows,
        Line("counted", "candidate", tuple(each.rows_kept if each else None for each in found)),
        Line("read from the source", "live", tuple(each.rows_read if each else None for each in found)),
    )
    return replace(plot, caption="Private, short, repeated and unnamed streams are read and not counted.")


def listeners_over_days(rows: Rows, counted: Mapping[str, PartitionFigures]) -> Plot:
    """Listeners of each date. counted: as for the streams."""
    found = [counted.get(day) for day in days_of(rows)]
    listeners = tuple(each.listeners if each else None for each in found)
    line = Line("listeners with a counted stream", "candidate", listeners)
    return _numbers("listeners", "Listeners of each date", "listeners", rows, line)


def _numbers(name: str, title: str, unit: str, rows: Rows, *lines: Line) -> Plot:
    """A plot of whole numbers over the dates of the rows."""
    return Plot(name=name, title=title, caption="", unit=unit, digits=0, points=days_of(rows), lines=lines)


def minutes_over_days(rows: Rows, minutes: Mapping[str, Mapping[str, float]]) -> Plot:
    """What each step that takes long took, and all others together, in a unit that suits the longest date.

    Args:
        rows: of the series, oldest first.
        minutes: date -> step -> minutes.
    """
    taken = [minutes.get(day) for day in days_of(rows)]
    unit, scale, digits = _unit(max((sum(steps.values()) for steps in taken if steps), default=0.0))
    named = {name: tuple(_scaled(steps, [name], scale) for steps in taken) for name in NAMED_STEPS}
    lines = [Line(name, name, values) for name, values in named.items() if any(values)]
    others = tuple(_scaled(steps, [name for name in steps or () if name not in NAMED_STEPS], scale) for steps in taken)
    return Plot(
        name="minutes",
        title="Time of work for each date, by step",
        caption="All runs of a date are added up; waiting for the day and for workers is not counted.",
        unit=unit,
        digits=digits,
        points=days_of(rows),
        lines=(*lines, Line(OTHER_STEPS, "other_steps", others)),
        stacked=True,
    )


def _unit(longest: float) -> tuple[str, float, int]:
    """Unit, how many of it a minute is, and digits, for dates of which the longest took so many minutes."""
    if longest < 1:
        return "seconds", 60.0, 1
    return ("minutes", 1.0, 1) if longest < LONG_MINUTES else ("hours", 1 / 60, 2)


def _scaled(steps: Mapping[str, float] | None, names: Iterable[str], scale: float) -> Value:
    """What some steps of a date took together; None where nothing is recorded of it."""
    return None if steps is None else scale * sum(steps.get(name, 0.0) for name in names)
