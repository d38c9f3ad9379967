"""A day over several connections: the bytes of one connection, one state of the source, or an error."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import psycopg2
import pytest
from conftest import execute, fetch
from source_tables import DAY, OURS, config, create_streams, extract, insert_many, killing_a_copy

from recsys_tasks.core.errors import SourceMismatch, SourceUnavailable
from recsys_tasks.source.connection import connect, disconnect, parse_address, snapshot
from recsys_tasks.source.postgres import Source
from recsys_tasks.source.ranges import ranges_of
from recsys_tasks.steps.extract import extract_day, qualification_rule
from recsys_tasks.storage.stored_forms import counts_digest

SPREAD = f"UPDATE streams SET streamed_at = '{DAY}'::timestamptz + event_id % 86400 * interval '1 s'"


def spread_over_the_day(dsn, rows, **types):
    """So many streams at all hours, every fifth of which came again in another hour, and some without an event id."""
    create_streams(dsn, **types)
    insert_many(dsn, rows)
    again = "SELECT event_id, user_id, track_id, streamed_at + interval '3 h', ms_played, private_session"
    execute(
        dsn,
        SPREAD.replace("event_id %", "event_id::bigint %"),
        f"INSERT INTO streams {again} FROM streams WHERE ctid IN (SELECT ctid FROM streams LIMIT {rows // 5})",
        f"UPDATE streams SET event_id = NULL WHERE ctid IN (SELECT ctid FROM streams OFFSET 7 LIMIT {rows // 9})",
        "CREATE INDEX ON streams (streamed_at)",
    )


@pytest.mark.parametrize("ids", [{}, {"user": "text", "track": "text", "event": "text"}], ids=["numbers", "texts"])
def test_several_connections_give_the_bytes_of_one(source_dsn, ids):
    """Play counts, what was dropped, fingerprint and traces are the same, duplicates in other hours among them."""
    spread_over_the_day(source_dsn, 3_000, **ids)
    kinds = {f"{side}_id_type": kind for side, kind in ids.items() if side != "event"}
    one, *others = (extract(source_dsn, connections=n, **kinds) for n in (1, 2, 5))
    assert one.dropped["duplicate"] > 0
    for other in others:
        assert counts_digest(other.counts) == counts_digest(one.counts)
        assert (other.rows_read, other.rows_kept, other.dropped) == (one.rows_read, one.rows_kept, one.dropped)
        assert other.fingerprint == one.fingerprint
        assert other.traces.hours == one.traces.hours
        np.testing.assert_array_equal(other.traces.events, one.traces.events)


def test_the_number_of_connections_is_no_rule_of_what_counts():
    """A change of it extracts nothing again."""
    assert qualification_rule(config()) == qualification_rule(config(connections=4))


def test_all_connections_see_one_state(source_dsn):
    """While whole batches of all hours come in, no extraction sees a part of one."""
    batch, stop = 480, threading.Event()
    spread_over_the_day(source_dsn, 0)

    def write():
        connection = psycopg2.connect(source_dsn)
        number = 0
        while not stop.is_set():
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO streams SELECT %s + i, i, 1, '{DAY}'::timestamptz + i * interval '3 min', 40000, "
                    f"false FROM generate_series(0, {batch - 1}) i",
                    (number * batch,),
                )
            number += 1
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = set()
        with Source(source_dsn, config(connections=3)) as source:
            while len(seen) < 3:
                day = extract_day(source, DAY)
                assert day.rows_read % batch == 0
                seen.add(day.rows_read)
    finally:
        stop.set()
        writer.join()


def test_a_killed_connection_fails_the_whole_day(source_dsn):
    """An administrator ends one of several backends in its copy: retry, none is left behind, and the retry is whole."""
    spread_over_the_day(source_dsn, 100_000)
    with Source(source_dsn, config(connections=3)) as source:
        before = extract_day(source, DAY)
        with killing_a_copy(source_dsn), pytest.raises(SourceUnavailable, match="broke off"):
            extract_day(source, DAY)
        again = extract_day(source, DAY)
    assert counts_digest(again.counts) == counts_digest(before.counts)
    gone = threading.Event()
    while fetch(source_dsn, f"SELECT count(*) {OURS}") != [(0,)]:  # a server ends its side a moment later
        gone.wait(0.01)


def test_a_role_that_may_not_export_is_told(source_dsn, reader):
    """With one connection it reads as before."""
    name, address = reader
    spread_over_the_day(source_dsn, 10)
    execute(source_dsn, f"GRANT SELECT ON streams TO {name}")
    execute(source_dsn, "REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC")
    with pytest.raises(SourceMismatch, match=r"may|let this role export a snapshot: .*\(42501\).*connections = 1"):
        extract(address, connections=2)
    assert extract(address).rows_kept == extract(source_dsn).rows_kept


def test_a_snapshot_of_another_server_is_told(source_dsn):
    """A pooler that leads to several servers: the second does not know what the first exported."""
    address = parse_address(source_dsn)
    connection = connect(address, 10)
    try:
        with (
            pytest.raises(SourceMismatch, match=r"does not know the snapshot .* leads to several servers"),
            snapshot(connection, address, 10, 1.0, "streams", exported="00000FFF-00000FFF-1"),
        ):
            pass
    finally:
        disconnect(connection)


def test_hours_cover_any_day():
    """Also one of 23 or 25 hours, and one that is cut short of an hour."""
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    for length in (timedelta(hours=23), timedelta(hours=25), timedelta(hours=24, minutes=30)):
        hours = ranges_of((start, start + length))
        assert hours[0][0] == start
        assert hours[-1][1] == start + length
        assert all(one[1] == two[0] for one, two in pairwise(hours))
