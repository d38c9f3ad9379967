"""What the page and the command ``lineage`` both show of a way back: sums over the partitions, libraries by step."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
NOT_RECORDED = "not recorded"


def is_restated(partition: Row) -> bool:
    """Whether the streams of this date were extracted again with another result, before it was folded or since."""
    return bool(partition["restated_by"] or partition["replaced_by"] or partition["other_versions"])


def drop_reasons(partitions: Sequence[Row]) -> list[str]:
    """Why rows of any of the partitions were dropped."""
    return sorted({reason for row in partitions for reason in row["dropped"]})


def row_sums(partitions: Sequence[Row]) -> dict[str, int]:
    """Rows read, kept and dropped for each reason, of all partitions together; one whose counts are gone adds none."""
    counted = {name: sum(row[name] or 0 for row in partitions) for name in ("rows_read", "rows_kept")}
    dropped = {r: sum(row["dropped"].get(r, 0) for row in partitions) for r in drop_reasons(partitions)}
    return counted | dropped


def libraries(runs: Sequence[Row]) -> dict[str, list[str]]:
    """Versions of Python and of the libraries -> the steps that ran with them."""
    used: dict[str, list[str]] = {}
    for run in runs:
        versions = ", ".join(f"{name} {version}" for name, version in (run["versions"] or {}).items())
        used.setdefault(versions or NOT_RECORDED, []).append(str(run["step"]))
    return used
