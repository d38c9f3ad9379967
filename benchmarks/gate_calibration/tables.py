"""Tables in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.gate_calibration.comparisons import RUNS_A_YEAR, Rate


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, figures to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{digits}f} %"


def rated(rate: Rate, digits: int = 1) -> str:
    """A rate with its interval."""
    return f"{percent(rate.share, digits)} ({100 * rate.low:.{digits}f} to {percent(rate.high, digits)})"


def a_year(rate: Rate) -> str:
    """The same, as runs of a year."""
    share, low, high = (RUNS_A_YEAR * part for part in (rate.share, rate.low, rate.high))
    return f"{share:.1f} ({low:.1f} to {high:.1f})"
