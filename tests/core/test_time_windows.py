"""Every instant lies in exactly one UTC date, whatever the zone of the session, over clock changes and year ends."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import execute
from source_tables import LONG, config, create_streams, insert

from recsys_tasks.core.config import parse_config
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps import Workplace, extract_streams, increment_matrix
from recsys_tasks.steps.extract import extract_day
from recsys_tasks.steps.matrix import chain_of
from recsys_tasks.storage.posix import PosixStore

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]
NIGHTS = {  # the nights in which the clocks of a zone go forward and back, a leap day, a year end
    **{f"Berlin {day}": ("Europe/Berlin", day) for day in (date(2024, 3, 31), date(2024, 10, 27))},
    **{f"New York {day}": ("America/New_York", day) for day in (date(2024, 3, 10), date(2024, 11, 3))},
    **{f"Lord Howe {day}": ("Australia/Lord_Howe", day) for day in (date(2024, 4, 7), date(2024, 10, 6))},
    "leap day": ("UTC", date(2024, 2, 29)),
    "year end": ("UTC", date(2024, 12, 31)),
}
TICK = timedelta(microseconds=1)


def instants_around(zone: str, day: date) -> list[datetime]:
    """Half hours over three days, and both sides of each midnight, of the zone's own and of UTC."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    found = {start + timedelta(minutes=30 * n) for n in range(3 * 48)}
    for one in (ZoneInfo(zone), UTC):
        for offset in range(-1, 3):
            other = day + timedelta(days=offset)
            midnight = datetime(other.year, other.month, other.day, tzinfo=one).astimezone(UTC)
            found |= {midnight - TICK, midnight, midnight + TICK}
    return sorted(found)


@pytest.mark.parametrize("session", ZONES)
def test_every_instant_lies_in_exactly_one_date(source_dsn: str, session: str) -> None:
    """No stream is lost or counted twice in any night, whatever zone the role of the source's user has."""
    create_streams(source_dsn)
    instants = sorted({instant for night in NIGHTS.values() for instant in instants_around(*night)})
    insert(source_dsn, [(n, n, 70, instant, LONG, False) for n, instant in enumerate(instants)])
    database = source_dsn.split("/")[3].split("?")[0]
    execute(source_dsn, f"ALTER ROLE postgres IN DATABASE {database} SET TimeZone = '{session}'")
    expected = Counter(instant.date() for instant in instants)
    with Source(source_dsn, config()) as source:
        found: list[Any] = [(day, extract_day(source, day)) for day in sorted(expected)]
    assert {day: counts.rows_kept for day, counts in found} == expected
    users = [user for _, counts in found for user in counts.counts.user_ids.to_pylist()]
    assert sorted(users) == list(range(len(instants))), "each stream once, and none twice"


@pytest.mark.parametrize(
    ("start", "last", "n_days"),
    [
        (date(2024, 2, 27), date(2024, 3, 2), 5),
        (date(2023, 2, 27), date(2023, 3, 2), 4),
        (date(2024, 12, 30), date(2025, 1, 2), 4),
    ],
)
def test_the_chain_has_every_date_once(source_dsn: str, tmp_path: Any, start: date, last: date, n_days: int) -> None:
    """Over a leap day, over the end of a February without one, and over a year end: no date is left out or doubled."""
    create_streams(source_dsn)
    noons = [datetime(start.year, start.month, start.day, 12, tzinfo=UTC) + timedelta(days=n) for n in range(n_days)]
    insert(source_dsn, [(n, n, 70, noon, LONG, False) for n, noon in enumerate(noons)])
    at = Workplace(PosixStore(tmp_path), parse_config({"source": {"history_start": start}}), source_dsn)
    assert extract_streams(at, last).first_extracted == n_days
    chain = chain_of(at, last)
    assert [day for day, _ in chain] == [noon.date() for noon in noons]
    folded = increment_matrix(at, last)
    assert (folded.matrix, folded.figures.plays) == (chain_digests(chain)[-1], n_days)
