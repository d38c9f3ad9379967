"""Weeks in which the clocks change, in a real PostgreSQL: every stream lies in one business day, whatever its zone."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import execute, fetch
from source_tables import LONG, config, create_streams, insert

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day

BERLIN = BusinessDays("Europe/Berlin", time(4))
TICK, STEP = timedelta(microseconds=1), timedelta(minutes=20)
WEEKS = {"spring": (date(2026, 3, 25), 23), "autumn": (date(2026, 10, 21), 25)}
"""First day of a week, whose fourth has so many hours."""
ODD = ["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Europe/Berlin"]


def fill(dsn: str, zone: str, first: date) -> list[datetime]:
    """A stream every 20 minutes of nine days, and on both sides of each day's beginning, for a role of an odd zone."""
    create_streams(dsn)
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
    instants = {begin + n * STEP for n in range(9 * 72)}
    for n in range(8):
        start = BERLIN.start(first + timedelta(days=n))
        instants |= {start - TICK, start, start + TICK}
    insert(dsn, [(n, n, 70, instant, LONG, False) for n, instant in enumerate(sorted(instants))])
    database = dsn.split("/")[3].split("?")[0]
    execute(dsn, f"ALTER ROLE postgres IN DATABASE {database} SET TimeZone = '{zone}'",
            f"ALTER ROLE postgres IN DATABASE {database} SET DateStyle = 'SQL, DMY'")  # fmt: skip
    return sorted(instants)


def as_the_server_says(dsn: str, hours: int) -> Counter[Any]:
    """Streams of each date of Berlin's clock, put back by so many hours: what the server's own zones say."""
    local = f"(streamed_at AT TIME ZONE 'Europe/Berlin' - interval '{hours} hours')::date"
    return Counter({day: count for day, count in fetch(dsn, f"SELECT {local}, count(*) FROM streams GROUP BY 1")})


@pytest.mark.parametrize("zone", ODD)
@pytest.mark.parametrize("week", WEEKS)
def test_every_stream_lies_in_exactly_one_business_day(source_dsn: str, week: str, zone: str) -> None:
    """Days from four to four, one of 23 or 25 hours: none lost, none twice, and as the server's own clock has it."""
    first, hours = WEEKS[week]
    instants = fill(source_dsn, zone, first)
    expected = as_the_server_says(source_dsn, 4)
    with Source(source_dsn, config(), days=BERLIN) as source:
        found = {day: extract_day(source, day) for day in sorted(expected)}
        assert (source.first_day(), source.last_day()) == (min(expected), max(expected))
    assert {day: each.rows_kept for day, each in found.items()} == expected
    users = sorted(user for each in found.values() for user in each.counts.user_ids.to_pylist())
    assert users == list(range(len(instants)))
    week_days = [found[first + timedelta(days=n)].rows_kept for n in range(7)]
    assert week_days == [3 * 24 + 2] * 3 + [3 * hours + 2] + [3 * 24 + 2] * 3


@pytest.mark.parametrize("week", WEEKS)
def test_hours_are_those_of_the_local_clock(source_dsn: str, week: str) -> None:
    """The hour that is left out has no streams and the one that comes twice has twice as many, on that day alone."""
    first, length = WEEKS[week]
    fill(source_dsn, "Asia/Kathmandu", first)
    with Source(source_dsn, config(), days=BERLIN) as source:
        changed = extract_day(source, first + timedelta(days=3)).traces.hours
        ordinary = extract_day(source, first + timedelta(days=2)).traces.hours
    assert changed is not None
    assert ordinary is not None
    assert ordinary == (*[3] * 3, 4, 4, *[3] * 19), "one more a tick before four, and one a tick after"
    assert changed[2] == {23: 0, 25: 6}[length]
    assert (*changed[:2], *changed[3:]) == (*ordinary[:2], *ordinary[3:])


def test_hours_of_a_zone_that_is_half_an_hour_off(source_dsn: str) -> None:
    """Half past ten of UTC is four in the afternoon of India: rows count under what the clock there shows."""
    create_streams(source_dsn)
    kolkata = ZoneInfo("Asia/Kolkata")
    insert(
        source_dsn, [(n, n, 70, datetime(2024, 3, 10, 15, 59, tzinfo=kolkata) + timedelta(minutes=n)) for n in (0, 1)]
    )
    with Source(source_dsn, config(), days=BusinessDays("Asia/Kolkata")) as source:
        hours = extract_day(source, date(2024, 3, 10)).traces.hours
    assert hours is not None
    assert (hours[15], hours[16], sum(hours)) == (1, 1, 2)


@pytest.mark.parametrize("zone", ["America/Santiago", "Africa/Cairo", "Asia/Tokyo", "Australia/Lord_Howe"])
def test_midnights_of_other_zones(source_dsn: str, zone: str) -> None:
    """Over a year, a midnight that does not exist among its days: as many streams as the days are long."""
    create_streams(source_dsn)
    days = BusinessDays(zone)
    execute(source_dsn, "INSERT INTO streams SELECT i, i, 70, '2024-01-01Z'::timestamptz + i * interval '30 minutes', "
            f"{LONG}, false FROM generate_series(0, 367 * 48) i", "CREATE INDEX ON streams (streamed_at)")  # fmt: skip
    odd = [day for n in range(2, 364) if (day := date(2024, 1, 1) + timedelta(days=n))
           and days.end(day) - days.start(day) != timedelta(days=1)]  # fmt: skip
    assert len(odd) == (0 if zone == "Asia/Tokyo" else 2)
    with Source(source_dsn, config(), days=days) as source:
        for day in [each + timedelta(days=n) for each in odd or [date(2024, 7, 1)] for n in (-1, 0, 1)]:
            length = days.end(day) - days.start(day)
            assert extract_day(source, day).rows_read == length / timedelta(minutes=30)


def test_a_later_stream_is_one_of_the_next_business_day(source_dsn: str) -> None:
    """At half past three in the night the day before is not over yet; from four on the next has begun."""
    create_streams(source_dsn)
    day, start = date(2026, 3, 28), BERLIN.end(date(2026, 3, 28))
    with Source(source_dsn, config(), days=BERLIN) as source:
        insert(source_dsn, [(user, user, 1, start - TICK) for user in range(5)])
        assert not source.has_begun(day + timedelta(days=1), start + timedelta(hours=1))
        insert(source_dsn, [(10 + user, user, 1, start) for user in range(5)])
        assert source.has_begun(day + timedelta(days=1), start + timedelta(hours=1))


def test_utc_days_have_the_fingerprint_that_they_always_had(source_dsn: str) -> None:
    """Of the same rows, to the digit: otherwise the first run of a new version would move every late day again."""
    create_streams(source_dsn)
    insert(source_dsn, [(n, n % 7, n % 5, datetime(2024, 3, 10, n % 24, 59, tzinfo=UTC)) for n in range(100)])
    with Source(source_dsn, config()) as source, Source(source_dsn, config(), days=BusinessDays("Etc/UTC")) as other:
        found = source.fingerprint(date(2024, 3, 10))
        assert found == "fa55561deccadb1fb54b565505c92592c71917bba0555044ad926720b6b2be25"
        assert other.fingerprint(date(2024, 3, 10)) != found
