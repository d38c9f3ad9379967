"""Sides that answer the same question in one process, taking turns; medians, spread, ratios and peak memory.

Machines are noisy: what a side takes is only believed beside what the others took in the same round. A ratio is the
median over rounds of (other's seconds / ours), so that a slow minute of the machine moves both. Peak memory is what
the process held at most while a side worked, above what it held before (VmHWM, reset through /proc/self/clear_refs);
memory of another process (a server, a virtual machine) is not in it and stands in the side's note.
"""

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from recsys_tasks.core.memory import count_peak_anew, peak_megabytes

RESULTS = Path(__file__).parent / "results"
SMALL, FULL = "small", "full"


@dataclass(frozen=True)
class Side:
    """One way to answer the question."""

    name: str
    work: Callable[[], Any]
    note: str = ""  # a figure or a reservation that stands beside it
    limit: bool = False  # a physical limit, not a way that anybody would take
    rounds: int | None = None  # fewer turns than the others, for a slow one
    before: Callable[[], Any] | None = None  # makes ready for a turn, and is not measured


@dataclass(frozen=True)
class Line:
    """What was measured of a side."""

    name: str
    seconds: float  # median
    spread: tuple[float, float]  # fastest and slowest round
    ratio: float  # its seconds over ours, median of the rounds
    megabytes: float  # peak above what was held before
    note: str = ""
    limit: bool = False


@dataclass(frozen=True)
class Table:
    """The answer to one question at one size."""

    question: str  # its key: name of the module
    title: str
    size: str
    about: str  # what was asked of what, in a sentence
    lines: Sequence[Line]
    goal: str = ""  # what was asked for, and whether it was met
    extra: Sequence[Mapping[str, Any]] = field(default_factory=tuple)  # rows of a second table, equal keys


def compare(sides: Sequence[Side], rounds: int) -> list[Line]:
    """Let the sides take turns. The first is ours: ratios are over it.

    Args:
        sides: at least one; a side's result is dropped at once.
        rounds: turns of each side that does not name fewer of its own.
    """
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    peaks: dict[str, float] = {side.name: 0.0 for side in sides}
    for number in range(rounds):
        for side in sides:
            if number < (side.rounds or rounds):
                if side.before is not None:
                    side.before()
                taken, peak = measured(side.work)
                seconds[side.name].append(taken)
                peaks[side.name] = max(peaks[side.name], peak)
    ours = seconds[sides[0].name]
    return [line(side.name, seconds[side.name], ours, peaks[side.name], side.note, side.limit) for side in sides]


def touch_memory(share: float = 0.5) -> None:
    """Touch a share of the free memory once, so that what is measured next does not pay for it.

    A virtual machine is given memory only when it is touched, at 2 s a gigabyte where this was seen, and gives it back
    some seconds after it became free.
    """
    np.ones(int(share * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")), np.uint8)


def measured(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of one call, and megabytes that the process held at most above what it held before."""
    gc.collect()
    before = psutil.Process().memory_info().rss / 2**20
    count_peak_anew()
    start = time.perf_counter()
    work()
    taken = time.perf_counter() - start
    return taken, max(0.0, peak_megabytes() - before)


def line(
    name: str, taken: Sequence[float], ours: Sequence[float], peak: float, note: str = "", limit: bool = False
) -> Line:
    """The line of a side from what its rounds took, in seconds; the ratio to ours is the median over the rounds."""
    ratio = statistics.median(other / own for other, own in zip(taken, ours, strict=False))
    middle = statistics.median(taken)
    return Line(name, middle, (min(taken), max(taken)), ratio, peak, note, limit)


def machine() -> str:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores{processor()}, {system}"


def processor() -> str:
    """Name, family and model of the processor as Linux knows them: makers give one name to several designs."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return ""
    fields = {name.strip(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    if "model name" not in fields:
        return ""
    return f" of {fields['model name']} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"


def keep(table: Table) -> None:
    """Print a table and keep it for ``docs/performance.md``."""
    print(as_markdown(table), flush=True)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{table.question}-{table.size}.json"
    path.write_text(json.dumps({**asdict(table), "machine": machine()}, indent=1, default=str) + "\n")


def as_markdown(table: Table) -> str:
    """A table as it stands in the document."""
    head = [f"### {table.title}", "", table.about, ""]
    rows = [
        "| side | seconds | fastest to slowest | side / ours | peak memory | |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(line) for line in table.lines),
    ]
    goal = ["", table.goal] if table.goal else []
    return "\n".join([*head, *(rows if table.lines else []), *_extra(table.extra), *goal, ""])


def _row(line: Line) -> str:
    name = f"*{line.name}* (limit)" if line.limit else line.name
    low, high = line.spread
    cells = [name, _seconds(line.seconds), f"{_seconds(low)} to {_seconds(high)}", f"{line.ratio:.2f}"]
    return f"| {' | '.join([*cells, f'{line.megabytes:,.0f} MB', line.note])} |"


def _extra(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    names = list(rows[0])
    lines = [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]
    return ["", f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}", *lines]


def _seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 0.1 else f"{value:.3g} s"
