"""What the exact checks do to faults of integrity, run after run through the real steps."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks.gate_calibration.comparisons import Rate
from benchmarks.gate_calibration.faults import FAULTS, NOT_OF_INTEGRITY, NOTHING, Fault
from benchmarks.gate_calibration.scene import Caught, Stage, caught
from benchmarks.gate_calibration.tables import rated, table

COLUMNS = ("fault", "planted", "verdict (runs)", "seen exactly", "by (runs)")


def run(stage: Stage, fault: Fault, runs: int) -> Iterator[Caught]:
    """What became of each run; every run draws its own damage and trains from its own seed."""
    for number in range(runs):
        with stage.scene(number) as scene, fault.planted(scene) as damaged:
            yield caught(damaged)


def integrity_table(folder: Path | None, runs: int, progress: Callable[[str], None]) -> str:
    """One row a fault: how often something exact stopped it, and what.

    Args:
        folder: for the stores; None: the system's temporary directory.
        runs: of each fault.
        progress: called with each row.
    """
    rows = []
    with tempfile.TemporaryDirectory(dir=folder) as name:
        stage = Stage(Path(name))
        for fault in (NOTHING, *FAULTS, *NOT_OF_INTEGRITY):
            found = list(run(stage, fault, runs))
            verdicts = counted(each.outcome for each in found)
            by = counted(check for each in found for check in each.by)
            seen = Rate(sum(each.exactly for each in found), len(found))
            rows.append([fault.name, fault.where, verdicts, rated(seen), by])
            progress(" | ".join(rows[-1]))
    return table(COLUMNS, rows)


def counted(names: Iterable[str]) -> str:
    """How often each name occurs, the most frequent first."""
    return ", ".join(f"{name} ({count})" for name, count in Counter(names).most_common()) or "-"
