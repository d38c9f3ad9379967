"""The plots of what the runs did: what was new, how the training went, how long each step took."""

from collections.abc import Mapping, Sequence

from recsys_tasks.reporting.plots import Line, Plot, Rows, Values, column, days_of

NAMED_STEPS = ("extract_streams", "increment_matrix", "train_als", "build_index", "evaluate")
"""Steps that take long enough for a colour of their own."""
OTHER_STEPS = "other steps"


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
    """The loss after the last iteration of each day's training."""
    return Plot(
        name="loss",
        title="Training: loss after the last iteration",
        caption="The loss is that of the plays that were trained on. It jumps where a training started cold, or where "
        "its parameters changed.",
        unit="loss",
        digits=5,
        points=days_of(rows),
        lines=(Line("loss", "candidate", tuple(row["losses"][-1] if row["losses"] else None for row in rows)),),
        from_zero=False,
    )


def iterations_over_days(rows: Rows) -> Plot:
    """How many iterations each day's training took, and from where it started."""
    return Plot(
        name="iterations",
        title="Training: iterations",
        caption="A training alternates between listeners and tracks until its loss stands still.",
        unit="iterations",
        digits=0,
        points=days_of(rows),
        lines=(
            Line("from the day before", "candidate", tuple(r["iterations"] if r["warm"] else None for r in rows)),
            Line("from a cold start", "live", tuple(None if r["warm"] else r["iterations"] for r in rows)),
        ),
        stacked=True,
    )


def new_over_days(rows: Rows) -> Plot:
    """How many tracks and listeners were seen for the first time."""
    return Plot(
        name="new",
        title="New tracks and listeners of each date",
        caption="",
        unit="number",
        digits=0,
        points=days_of(rows),
        lines=(
            Line("tracks heard for the first time", "candidate", column(rows, "new_tracks")),
            Line("listeners for the first time", "live", column(rows, "new_listeners")),
        ),
    )


def minutes_over_days(rows: Rows, minutes: Mapping[str, Mapping[str, float]]) -> Plot:
    """Minutes of each step that takes long, and of all others together. minutes: date -> step -> minutes."""
    taken = [minutes.get(day) for day in days_of(rows)]
    lines = [
        Line(name, name, tuple(None if steps is None else steps.get(name, 0.0) for steps in taken))
        for name in NAMED_STEPS
    ]
    return Plot(
        name="minutes",
        title="Minutes of work for each date, by step",
        caption="All runs of a date are added up; waiting for the day and for workers is not counted.",
        unit="minutes",
        digits=2,
        points=days_of(rows),
        lines=(*lines, Line(OTHER_STEPS, "other_steps", _others(taken))),
        stacked=True,
    )


def _others(taken: Sequence[Mapping[str, float] | None]) -> Values:
    return tuple(
        None if steps is None else sum(minutes for name, minutes in steps.items() if name not in NAMED_STEPS)
        for steps in taken
    )
