"""A history that starts before the first stream is refused with the date to set, before anything is stored."""

from datetime import UTC, date, datetime, timedelta

import pytest
from source_tables import LONG, create_streams, insert

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.errors import ConfigError, EmptyDay
from recsys_tasks.steps import Workplace, extract_streams
from recsys_tasks.storage.posix import PosixStore

FIRST = date(2024, 3, 10)


def service(dsn, root, start):
    """A store and a source whose first stream is of ``FIRST``, the next of two days later, and one stray of 1970."""
    create_streams(dsn)
    instants = [datetime(1970, 1, 1, tzinfo=UTC), *(datetime(2024, 3, n, 12, tzinfo=UTC) for n in (10, 12))]
    insert(dsn, [(n, n, n, instant, LONG, False) for n, instant in enumerate(instants)])
    return Workplace(PosixStore(root), parse_config({"source": {"history_start": start}}), dsn)


@pytest.mark.parametrize("allow_empty", [False, True])
def test_it_says_which_date_to_set(source_dsn, tmp_path, allow_empty):
    """Both dates and the setting are named, also where empty days are allowed; no empty partition is left."""
    at = service(source_dsn, tmp_path, FIRST - timedelta(days=300))
    with pytest.raises(ConfigError) as caught:
        extract_streams(at, FIRST, allow_empty)
    assert str(caught.value) == (
        "source.history_start is 2023-05-15, and the first stream of streams since then is of 2024-03-10. Set "
        "history_start = 2024-03-10, or load the streams before it first."
    )
    assert not (tmp_path / "partitions").exists()


def test_an_empty_day_after_the_first_stream_may_still_be_allowed(source_dsn, tmp_path):
    """The hole between two dates is refused as an empty day, and goes in once it is allowed by name."""
    at = service(source_dsn, tmp_path, FIRST)
    with pytest.raises(EmptyDay, match="2024-03-11"):
        extract_streams(at, FIRST + timedelta(days=2))
    extract_streams(at, FIRST + timedelta(days=1), allow_empty=True)
    assert extract_streams(at, FIRST + timedelta(days=2)).figures.rows_kept == 1
