"""The page on what a release or candidate was made from: stations, partitions with their sums, runs, libraries."""

from typing import Any

from recsys_tasks.pages.candidates import KINDS
from recsys_tasks.pages.remembered import RememberedPartitions, RememberedRuns, log_of
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.partitions.checked import FOLDER as CHECKED
from recsys_tasks.partitions.repository import FOLDER as PARTITIONS
from recsys_tasks.release.judgements import FOLDER as EVALUATIONS
from recsys_tasks.release.lineage import lineage as way_back
from recsys_tasks.reporting.lineage_tables import drop_reasons, is_restated, libraries, row_sums
from recsys_tasks.storage.store import ArtefactStore

SHOWN = 400
"""Dates that the table of partitions lists, the newest ones, where not all are asked for."""


def lineage(store: ArtefactStore, name: str, whole: bool = False) -> dict[str, Any]:
    """Everything that the page on what a release or a candidate was made from names.

    Args:
        store: where to look.
        name: number of a release, or how the digest of a candidate begins.
        whole: whether every date is listed, however many there are.

    Raises:
        UnknownId: there is no such release.
        NotStored: no candidate, or more than one, begins like this.
        CorruptArtefact: the log or a manifest is damaged.
    """
    seen = Viewed(store)
    for folder in (EVALUATIONS, PARTITIONS, CHECKED):  # every date is asked for
        seen.stamps(folder)
    found = way_back(seen.as_store, name, log_of(store), RememberedRuns(seen), RememberedPartitions(seen))
    rows = found["partitions"]
    return {
        "found": found,
        "restated": [row for row in rows if is_restated(row)],
        "quarantined": [row for row in rows if row["quarantine"]],
        "newest_first": rows[::-1],
        "shown_dates": rows[::-1] if whole else rows[: -SHOWN - 1 : -1],
        "whole": whole,
        "reasons": drop_reasons(rows),
        "sums": row_sums(rows),
        "rules": sorted({row["rule"] for row in rows if row["rule"]}),
        "libraries": libraries(found["runs"]),
        "kinds": KINDS,
    }
