"""The hours of a day's rows, and what they leave as it was."""

from datetime import UTC, datetime, timedelta, timezone

import psycopg2
from conftest import execute
from source_tables import DAY, create_streams, extract, insert

EARLY, LATE = datetime(2024, 3, 10, 0, 0, tzinfo=UTC), datetime(2024, 3, 10, 23, 59, 59, tzinfo=UTC)


def test_rows_are_counted_by_the_hour_in_utc(source_dsn: str) -> None:
    """Every qualified row counts under its UTC hour, duplicates too, whatever the zone of the role and of the rows."""
    create_streams(source_dsn)
    database = psycopg2.extensions.parse_dsn(source_dsn)["dbname"]
    execute(source_dsn, f"ALTER DATABASE {database} SET TimeZone = 'Asia/Kolkata'")
    evening = LATE.astimezone(timezone(timedelta(hours=-8)))
    insert(source_dsn, [(1, 1, 1, EARLY), (2, 1, 2, evening), (2, 1, 2, evening), (3, 1, 3, LATE)])
    insert(source_dsn, [(4, 1, 1, EARLY, 1000), (5, 1, 1, EARLY, 200_000, True), (6, None, 1, EARLY)])
    found = extract(source_dsn)
    assert found.traces.hours == (1, *[0] * 22, 3)
    assert (found.rows_read, found.rows_kept) == (7, 3)
    assert found.dropped == {"private": 1, "null_id": 1, "short": 1, "duplicate": 1}


def test_a_day_without_rows_has_no_hours_and_no_reasons(source_dsn: str) -> None:
    """Nothing is grouped where there is nothing: every figure is zero, and the fingerprint is that of no rows."""
    create_streams(source_dsn)
    found = extract(source_dsn)
    assert (found.rows_read, found.traces.hours) == (0, (0,) * 24)
    assert found.fingerprint == extract(source_dsn, DAY + timedelta(days=1)).fingerprint


def test_event_ids_of_two_days_are_seen_to_be_the_same(source_dsn: str) -> None:
    """The same event ids on another date leave the same sample; streams without any leave none."""
    create_streams(source_dsn)
    insert(source_dsn, [(event, 1, event, when) for event in range(9) for when in (EARLY, EARLY + timedelta(days=1))])
    insert(source_dsn, [(None, 1, 1, EARLY)])
    first, second = (extract(source_dsn, DAY + timedelta(days=offset)).traces.events for offset in (0, 1))
    assert len(first) == 9
    assert first.tolist() == second.tolist()
    assert len(extract(source_dsn, event_id=None).traces.events) == 0
