"""Days of streams to check against, and ways to spoil one."""

from datetime import date

from conftest import execute
from settings import SIGNED
from source_tables import create_streams

from recsys_tasks.core.config import parse_config
from recsys_tasks.steps import Workplace, check_data, extract_streams
from recsys_tasks.storage.posix import PosixStore

START, DAY = date(2026, 1, 1), date(2026, 1, 15)
FIGURE_NAMES = [
    *("volume", "listeners", "tracks", "dropped as null id", "dropped as private", "dropped as short"),
    *("duplicates", "most plays by one user", "schema"),
]
"""Of the checks on a partition's figures."""
NAMES = [
    *FIGURE_NAMES,
    *("plays for the weekday", "new tracks", "new listeners", "repeated pairs", "plays per pair"),
    *("popularity of tracks", "popularity of artists", "replayed events", "hours of the day"),
]
"""Of all checks: on the figures, and on the shape of the day."""


def fill(dsn, day, rows=1000, users=100):
    """So many qualified streams of a day, no two of one event."""
    first = day.toordinal() * 1_000_000
    execute(
        dsn,
        f"INSERT INTO streams SELECT {first} + i, i % {users}, i % 77, '{day} 12:00+00'::timestamptz, 200000, false "
        f"FROM generate_series(1, {rows}) i",
    )


def clear(dsn, day):
    """Remove the streams of a day."""
    execute(dsn, f"DELETE FROM streams WHERE streamed_at::date = '{day}'")


def thirty_days(dsn, folder):
    """A store, and a source with thirty days of 1,000 streams each."""
    create_streams(dsn)
    execute(  # as ``fill`` does for each of them
        dsn,
        f"INSERT INTO streams SELECT ({START.toordinal()} + n) * 1000000::bigint + i, i % 100, i % 77, "
        f"'{START} 12:00+00'::timestamptz + n * interval '24 hours', 200000, false "
        "FROM generate_series(0, 29) n, generate_series(1, 1000) i",
    )
    return at_thirty_days(dsn, PosixStore(folder))


def at_thirty_days(dsn, store):
    """A workplace of that source with a store of any kind."""
    values = {"source": {"history_start": START, "late_window_days": 3}, "evaluation": {"salt": "recsys"}}
    return Workplace(store, parse_config(values), dsn)  # a salt is named: stores are compared byte by byte


def check(at, day, accept=""):
    """Extract a day and check it, as a run does."""
    extract_streams(at, day)
    return check_data(at, day, SIGNED, accept)


def kept(at):
    """What was kept of refusals and acceptances: name -> bytes."""
    folder = at.store.root / "data_checks"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/[ar]*/*.json")}


def tenfold(dsn, day):
    """Ten times the streams, each an event of its own."""
    clear(dsn, day)
    fill(dsn, day, rows=10_000)
