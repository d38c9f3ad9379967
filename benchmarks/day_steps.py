"""What the steps of a day took, ours and the naive pipeline's, as the tables of ``ordinary_day``."""

import math
import multiprocessing
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.harness import Line, line

T = TypeVar("T")
RECKONED = "reckoned: reading and counting from two smaller sizes, training from 3 of its 20 iterations"


@dataclass(frozen=True)
class Taken:
    """What a step took."""

    step: str
    seconds: float
    megabytes: float
    cpu: float = 0.0  # seconds of all threads of the process


Steps = list[Taken]


def alone(work: Callable[..., T], *args: Any) -> T:
    """What a function gives in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args).result()


def typical(days: Sequence[Steps]) -> Steps:
    """The medians of each step, and the most memory that it took."""
    return [
        Taken(
            parts[0].step,
            statistics.median(p.seconds for p in parts),
            max(p.megabytes for p in parts),
            statistics.median(p.cpu for p in parts),
        )
        for parts in zip(*days, strict=True)
    ]


def exponent(smaller: Taken, larger: Taken) -> float:
    """Growth of a step over services of which the second is ten times the first."""
    return math.log10(max(larger.seconds, 1e-3) / max(smaller.seconds, 1e-3))


def grown(smaller: Taken, larger: Taken) -> Taken:
    """A step ten times larger still, by its own exponents, its seconds in proportion at least."""
    memory = larger.megabytes**2 / max(smaller.megabytes, 1.0)
    return Taken(larger.step, larger.seconds * 10 ** max(1.0, exponent(smaller, larger)), memory)


def lines_of(ours: Sequence[Steps], theirs: Sequence[Steps], reckoned: bool) -> list[Line]:
    """Both sides' days as lines: the sums of their steps, and the most memory of any."""
    totals = [[sum(taken.seconds for taken in day) for day in days] for days in (ours, theirs)]
    peaks = [max(taken.megabytes for day in days for taken in day) for days in (ours, theirs)]
    return [
        line("ours, all steps", totals[0], totals[0], peaks[0], "each step a process; memory of the largest"),
        line("naive pipeline", totals[1], totals[0], peaks[1], RECKONED if reckoned else ""),
    ]


def rows_of(
    first: Sequence[Taken], ours: Sequence[Taken], naive: Sequence[Sequence[Taken]], theirs: Sequence[Taken]
) -> list[dict[str, str]]:
    """The second table: each step at both sizes, and the naive steps below."""
    pairs = [(small, large, "") for small, large in zip(first, ours, strict=True)]
    if len(naive) > 1:
        pairs += [(small, large, "naive: ") for small, large in zip(naive[-1], theirs, strict=True)]
    rows = [
        {
            "step": f"{prefix}{large.step}",
            "seconds": f"{large.seconds:.2f}",
            "peak memory": f"{large.megabytes:,.0f} MB",
            "seconds at a tenth": f"{small.seconds:.2f}",
            "growth": f"{exponent(small, large):.2f}" if large.seconds >= 0.1 else "",
        }
        for small, large, prefix in pairs
    ]
    if len(naive) == 1:
        plain = {"seconds at a tenth": "", "growth": ""}
        rows += [
            {
                "step": f"naive: {taken.step}",
                "seconds": f"{taken.seconds:.2f}",
                "peak memory": f"{taken.megabytes:,.0f} MB",
            }
            | plain
            for taken in naive[0]
        ]
    return rows
