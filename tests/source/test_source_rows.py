"""Rows as they come over COPY, in the binary form and as CSV: exactly what the source holds, or a refusal."""

from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from source_tables import DAY, config, create_streams, extract, insert, triples

from recsys_tasks.core.business_days import UTC_DAYS
from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.source import rows as source_rows
from recsys_tasks.source.postgres import DEFAULTS, ReadSettings, Source
from recsys_tasks.source.queries import stream_types, streams_query
from recsys_tasks.steps.extract import extract_day


@pytest.mark.parametrize("kind", ["bigint", "text"])
def test_instant_as_it_is_sent(source_dsn: str, kind: Any) -> None:
    """A row without an event id brings its instant to the microsecond in either form; one with it brings none."""
    create_streams(source_dsn, user=kind)
    late = datetime(2024, 3, 10, 23, 59, 59, 999_999, tzinfo=UTC)
    insert(source_dsn, [(None, 7, 70, late), (5, 7, 70)])
    asked = config(user_id_type=kind), {"event_id": "bigint"}
    connection = psycopg2.connect(source_dsn, options="-c TimeZone=UTC")
    with connection.cursor() as cursor:
        query, types = streams_query(*asked, (UTC_DAYS.start(DAY), UTC_DAYS.end(DAY))), stream_types(*asked)
        streams = source_rows.copy_streams(cursor, query, types, "streams", DEFAULTS.block_bytes)
    connection.close()
    assert streams.select(["event_id", "instant"]).to_pylist() == [
        {"event_id": None, "instant": late},
        {"event_id": 5, "instant": None},
    ]


@pytest.mark.parametrize("at", [0, 20, 24, 36, 48, 60, 90, 94, -1])
@pytest.mark.parametrize("put", [b"\4\4", b"\3", b""])
def test_bytes_that_are_no_rows(source_dsn: str, monkeypatch: Any, at: int, put: bytes) -> None:
    """Binary rows that are not exactly what was asked for are a mismatch, never read as other numbers."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70), (None, 8, 70)])
    assert extract(source_dsn).rows_kept == 2
    whole = source_rows._received

    def damaged(*asked: Any) -> memoryview:
        received = bytearray(whole(*asked))
        start = at % len(received)
        received[start : start + 1] = put
        return memoryview(received)

    monkeypatch.setattr(source_rows, "_received", damaged)
    with Source(source_dsn, config()) as source, pytest.raises(SourceMismatch, match="another binary form"):
        extract_day(source, DAY)


def test_line_breaks_at_the_edge_of_a_block(source_dsn: str) -> None:
    """However the rows fall on Arrow's blocks, an id of several lines stays one id."""
    create_streams(source_dsn, user="text")
    ids = [f"{number:05}\n1,2,\n\n{'x' * (number % 31)}" for number in range(2_000)]
    insert(source_dsn, [(number, each, 70) for number, each in enumerate(ids)])
    small = ReadSettings(block_bytes=1 << 12)
    assert triples(extract(source_dsn, settings=small, user_id_type="text")) == [(each, 70, 1) for each in ids]


def test_row_that_fits_nowhere(source_dsn: str) -> None:
    """A row far larger than a block is a mismatch, and is not repeated."""
    create_streams(source_dsn, user="text")
    insert(source_dsn, [(1, "u", 70), (2, "x" * (5 << 20), 70)])
    small = ReadSettings(block_bytes=1 << 20)
    with pytest.raises(SourceMismatch) as caught:
        extract(source_dsn, settings=small, user_id_type="text")
    assert "more than 1 MiB" in str(caught.value)
    assert len(str(caught.value)) < 300
