"""What a release or a candidate was made from, as one page: stations, partitions with their sums, runs, libraries."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys_tasks.pages.candidates import KINDS
from recsys_tasks.pages.remembered import Remembered, log_of
from recsys_tasks.release.lineage import lineage as way_back
from recsys_tasks.storage.store import Store

Row = Mapping[str, Any]


def lineage(store: Store, name: str) -> dict[str, Any]:
    """Everything that the page of a release's or a candidate's way back names.

    Args:
        store: where to look.
        name: number of a release, or how the digest of a candidate begins.

    Raises:
        UnknownId: there is no such release.
        NotStored: no candidate, or more than one, begins like this.
        CorruptArtefact: the log or a manifest is damaged.
    """
    found = way_back(Remembered(store.root), name, log_of(store))
    rows = found["partitions"]
    reasons = sorted({reason for row in rows for reason in row["dropped"]})
    return {
        "found": found,
        "restated": [row for row in rows if row["restated_by"] or row["replaced_by"] or row["other_versions"]],
        "newest_first": rows[::-1],
        "reasons": reasons,
        "sums": _sums(rows, reasons),
        "rules": sorted({row["rule"] for row in rows if row["rule"]}),
        "libraries": libraries(found["runs"]),
        "kinds": KINDS,
    }


def libraries(runs: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """The versions of Python and of the libraries, and the steps that ran with them."""
    used: dict[str, list[str]] = {}
    for run in runs:
        versions = ", ".join(f"{name} {version}" for name, version in (run["versions"] or {}).items())
        used.setdefault(versions or "not recorded", []).append(str(run["step"]))
    return list(used.items())


def _sums(rows: Sequence[Row], reasons: Sequence[str]) -> dict[str, int]:
    """Rows read, kept and dropped of all partitions together; one whose counts are gone adds nothing."""
    counted = {name: sum(row[name] or 0 for row in rows) for name in ("rows_read", "rows_kept")}
    return counted | {reason: sum(row["dropped"].get(reason, 0) for row in rows) for reason in reasons}
