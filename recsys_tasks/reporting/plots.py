"""What a plot is, whoever draws it: lines with their names and looks, bounds, marks, unit, digits, caption.

``quality_plots`` and ``run_plots`` define the plots, each once. Two renderers show them: ``drawing`` as SVG for the
report, ``pages.history`` as JSON for the script of the pages and as a table. Nothing here draws.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

from recsys_tasks.core.formatting import decimal
from recsys_tasks.reporting.intervals import Estimate

Rows: TypeAlias = Sequence[Mapping[str, Any]]
Value: TypeAlias = float | None
Values: TypeAlias = tuple[Value, ...]
DAY_AXIS = "day"
INTERVAL = "95% interval"
FEW = 45
"""Points up to which each has a dot and an interval of its own, and each passed day a mark; beyond, only lines, bands
and what the gate refused."""


@dataclass(frozen=True)
class Line:
    """One series of a plot, a value a point; None where there is none."""

    name: str
    look: str  # colour, dashes and dots, by a name that both renderers know
    values: Values
    low: Values | None = None  # lower bounds of the 95% intervals
    high: Values | None = None
    joined: bool = False  # drawn across points that have no value
    filled: bool = False  # the area down to zero is tinted


@dataclass(frozen=True)
class Bound:
    """A level that the gate or an alarm watches."""

    name: str
    value: float


@dataclass(frozen=True)
class Mark:
    """What came of some points, as a sign: on the first line, or at a value of its own."""

    name: str
    look: str
    points: tuple[int, ...]  # indices; one may come more than once
    values: Values = ()  # of each of these points; None: at the foot of the plot. Empty: those of the first line


@dataclass(frozen=True)
class Plot:
    """Lines over dates, or over the iterations of a training."""

    name: str
    title: str
    caption: str
    unit: str  # of the upright axis
    digits: int  # of a value that is written out
    points: tuple[str, ...]  # dates (YYYY-MM-DD), or numbers of iterations
    lines: tuple[Line, ...]
    bounds: tuple[Bound, ...] = ()
    marks: tuple[Mark, ...] = ()
    judged: bool = False  # a date is read together with its verdict
    axis: str = DAY_AXIS
    days: str = "UTC"  # what a day is, in words
    stacked: bool = False  # bars on each other; all values are counts or sizes
    from_zero: bool = True  # the upright axis shows zero

    @property
    def few(self) -> bool:
        """Whether each point has a dot of its own."""
        return len(self.points) <= FEW

    @property
    def axis_name(self) -> str:
        """What stands below the lower axis."""
        return f"{self.axis} ({self.days})" if self.axis == DAY_AXIS else self.axis

    @property
    def has_values(self) -> bool:
        """Whether there is anything to show."""
        return any(value is not None for line in self.lines for value in line.values)

    @property
    def summary(self) -> str:
        """Title, unit, points and newest values, for those who do not see the plot."""
        first, last = self.points[0], self.points[-1]
        span = f"{self.axis_name} {first}" if first == last else f"{self.axis_name} {first} to {last}"
        newest = ", ".join(f"{line.name} {self.written(line.values[-1])}" for line in self.lines)
        bounds = "".join(f"; {bound.name}" for bound in self.bounds)
        return f"{self.title}: {self.unit}, {span}. Newest: {newest}{bounds}."

    def written(self, value: Value) -> str:
        """A value with the digits of this plot."""
        return "unknown" if value is None else decimal(value, self.digits)


@dataclass(frozen=True)
class Compared:
    """One row of a forest plot."""

    name: str
    found: Estimate
    warned: bool


@dataclass(frozen=True)
class Forest:
    """A forest plot: a row a group, each with its difference and interval beside the line of no difference."""

    name: str
    title: str
    caption: str
    unit: str
    digits: int
    rows: tuple[Compared, ...]

    @property
    def summary(self) -> str:
        """Title and values, for those who do not see the plot."""
        rows = "; ".join(f"{row.name} {decimal(row.found.value, self.digits)}" for row in self.rows)
        return f"{self.title}, {self.unit}: {rows}."


def with_values(*lines: Line) -> tuple[Line, ...]:
    """The lines that have any value; the first one where none has: a plot has at least one."""
    return tuple(line for line in lines if any(value is not None for value in line.values)) or lines[:1]


def days_of(rows: Rows) -> tuple[str, ...]:
    """The dates of a series."""
    return tuple(row["day"] for row in rows)


def column(rows: Rows, *names: str) -> Values:
    """A figure of each row, None where it has none; several names lead into tables of the row."""
    values: list[Any] = list(rows)
    for name in names:
        values = [None if value is None else value[name] for value in values]
    return tuple(values)


def line_of_estimates(name: str, estimates: Sequence[Estimate | None], scale: float = 1.0) -> Line:
    """The candidates' line, with its intervals where any is known. scale: of its values, 100 for per cent."""

    def scaled(of: Callable[[Estimate], Value]) -> Values:
        found = (None if each is None else of(each) for each in estimates)
        return tuple(None if value is None else scale * value for value in found)

    values, low, high = map(scaled, (attrgetter("value"), attrgetter("low"), attrgetter("high")))
    known = any(value is not None for value in low)
    return Line(name, "candidate", values, low if known else None, high if known else None)
