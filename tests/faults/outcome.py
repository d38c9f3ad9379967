"""What a scenario found, and the table of all of them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

SHOWN_FAILURES = 10


@dataclass
class Outcome:
    """So many faults of one kind, and in which of them a promise was broken."""

    scenario: str
    what: str  # what one fault is
    count: int = 0
    failures: list[str] = field(default_factory=list)
    figures: dict[str, int | float] = field(default_factory=dict)  # what else is worth a number
    skipped: str = ""  # why nothing, or not all, could be tried on this machine
    seconds: float = 0.0

    def add(self, case: str, broken: Iterable[str]) -> None:
        """Count one fault, with the promises that it broke."""
        self.count += 1
        if said := "; ".join(broken):
            self.failures.append(f"{case}: {said}")

    def tally(self, name: str, number: float = 1) -> None:
        """Add to a figure."""
        self.figures[name] = self.figures.get(name, 0) + number

    @property
    def bound(self) -> float | None:
        """Upper bound of the rate of failures at 95 %, where none was seen: about 3 / count."""
        return 1 - 0.05 ** (1 / self.count) if self.count and not self.failures else None


@contextmanager
def timed(outcome: Outcome) -> Iterator[Outcome]:
    """Take the seconds of a scenario."""
    began = monotonic()
    try:
        yield outcome
    finally:
        outcome.seconds = monotonic() - began


def table(outcomes: Sequence[Outcome]) -> str:
    """The figures of all scenarios as a Markdown table, and beneath it what failed."""
    rows = [["scenario", "faults", "failures", "rate at 95 %", "also counted", "seconds"], ["---"] * 6]
    for each in outcomes:
        bound = "-" if each.bound is None else f"< {each.bound:.2%}"
        also = [f"{name} {number:,.4g}" for name, number in each.figures.items()] + [each.skipped] * bool(each.skipped)
        count = f"{each.count:,} {each.what}"
        rows.append([each.scenario, count, f"{len(each.failures)}", bound, ", ".join(also), f"{each.seconds:,.0f}"])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    for each in outcomes:
        lines += [f"{each.scenario}: {failure}" for failure in each.failures[:SHOWN_FAILURES]]
    return "\n".join(lines)
