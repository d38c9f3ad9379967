"""What the pages read of the store: the release log and the judged dates."""

from typing import Any

from recsys_tasks.release_log import ReleaseLog
from recsys_tasks.releases import read_log
from recsys_tasks.series import series
from recsys_tasks.store import Store

Row = dict[str, Any]


def log_of(store: Store) -> ReleaseLog:
    """The release log.

    Raises:
        CorruptArtefact: an entry is damaged or missing.
    """
    return read_log(store)


def days_of(store: Store, log: ReleaseLog) -> list[Row]:
    """One row a judged date, oldest first (``series.judgement_row``).

    Raises:
        CorruptArtefact: a manifest is damaged.
    """
    return series(store)
