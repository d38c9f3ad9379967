"""What the server counts of the rows of a day, and a digest of those that qualify, without sending any."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import EPOCH
from recsys_tasks.core.source import SourceConfig
from recsys_tasks.source.connection import Cursor
from recsys_tasks.source.queries import QUARTER_S, Window, tally_query

HOURS = 24


@dataclass(frozen=True)
class DayTally:
    """What the server counts of the rows of a day, each row under the first reason that holds."""

    rows_read: int
    private: int
    null_id: int
    short: int
    fingerprint: str | None  # see Source.fingerprint
    hours: tuple[int, ...]  # (24,) qualified rows by hour of the local clock

    @property
    def qualified(self) -> int:
        """How many rows are left; a stream that came twice is among them twice."""
        return self.rows_read - self.private - self.null_id - self.short


def tallied(
    cursor: Cursor, config: SourceConfig, types: dict[str, str], window: Window, days: BusinessDays, can_hash: bool
) -> DayTally:
    """Have the rows of a day counted.

    Args:
        cursor: in a snapshot.
        config: with the full name of the table.
        types: of its columns, by name.
        window: the instants of the day.
        days: what a day is; by its clock the hours are told.
        can_hash: whether the server is new enough to hash rows; without, there is no fingerprint.
    """
    cursor.execute(tally_query(config, types, window, can_hash))
    by_quarter, hours = cursor.fetchall(), [0] * HOURS
    for quarter, rows, *dropped, _ in by_quarter:
        hours[_hour(int(quarter), days)] += rows - sum(dropped)
    read, private, null_id, short = (sum(row[place] for row in by_quarter) for place in (1, 2, 3, 4))
    checksums = [int(row[-1]) for row in by_quarter if row[-1] is not None]
    checksum = str(sum(checksums)) if checksums else "None"
    cut = () if days.is_default else (days.name, *map(str, window))
    fingerprint = digest_of("streams", read, private, null_id, short, checksum, *cut) if can_hash else None
    return DayTally(read, private, null_id, short, fingerprint, tuple(hours))


def _hour(quarter: int, days: BusinessDays) -> int:
    """The hour that the local clock shows in a quarter of an hour, which are numbered from 1970 on."""
    return days.hour(datetime.combine(EPOCH, time(), UTC) + quarter * timedelta(seconds=QUARTER_S))
