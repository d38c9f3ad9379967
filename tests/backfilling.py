"""Five dates of a tiny service, and the first steps of a run over them: light enough for a process to import."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from recsys_tasks.core.config import parse_config
from recsys_tasks.steps import Workplace, extract_streams, increment_matrix
from recsys_tasks.steps.results import Extracted, Folded
from recsys_tasks.storage.posix import PosixStore

DAYS = [date(2024, 2, 27) + timedelta(days=n) for n in range(5)]  # over a leap day


def at_work(root: Path, dsn: str | None = None, late_window_days: int = 1, **policy: Any) -> Workplace:
    """A workplace whose store lies under a root: five dates of history, a short late window."""
    source = {"history_start": DAYS[0], "late_window_days": late_window_days}
    values = {"source": source, "evaluation": {"salt": "recsys"}, **policy}  # named: stores are compared byte by byte
    return Workplace(PosixStore(root), parse_config(values), dsn)


def backfill(at: Workplace, *days: date, rebuild_through: bool = False) -> tuple[Extracted, Folded]:
    """Extract and fold one date after the other; what both said of the last one."""
    for day in days:
        extracted = extract_streams(at, day)
        folded = increment_matrix(at, day, rebuild_through)
    return extracted, folded
