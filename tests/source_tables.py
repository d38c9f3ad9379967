"""A table of streams to test against, and a line to the server that can be cut or stopped."""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from conftest import execute
from psycopg2.extras import execute_values

from recsys_tasks.core.errors import RecsysError
from recsys_tasks.core.source import CatalogueConfig, SourceConfig
from recsys_tasks.partitions.extracted_day import ExtractedDay
from recsys_tasks.source.postgres import DEFAULTS, ReadSettings, Source
from recsys_tasks.steps.extract import extract_day

DAY = date(2024, 3, 10)
NOON = datetime(2024, 3, 10, 12, tzinfo=UTC)
LONG = 200_000  # milliseconds
LISTENER, PASSWORD = "listener-4711-canary", "hunter2-canary"
"""What the view of ``raising`` says: it may turn up nowhere outside the database."""
HOSTILE = [
    "a\nb", "a\r\nb", "tab\tid", 'q"u"o', "it's", "back\\slash", "\\N", "\\.", ",", " ", "NULL", "../../x", "{{ 7*7 }}",
    "; DROP TABLE streams; --", "\ufeffmark", "caf\u00e9", "cafe\u0301", "\U0001f3b5", "\uffff", "x" * 10_240,
]  # fmt: skip

OURS = "FROM pg_stat_activity WHERE application_name = 'recsys' AND datname = current_database()"
"""The backends of the pipeline's own connections, in SQL."""


def config(**fields: Any) -> SourceConfig:
    """The default configuration with some fields changed."""
    return SourceConfig(history_start=date(2024, 1, 1), **fields)


def create_streams(dsn: str, user: str = "bigint", track: str = "bigint", event: str = "bigint") -> None:
    """An empty table of the default names."""
    execute(
        dsn,
        f"CREATE TABLE streams (event_id {event}, user_id {user}, track_id {track}, streamed_at timestamptz, "
        "ms_played integer, private_session boolean)",
    )


def create_segments(dsn: str, users: Iterable[int]) -> None:
    """Put every other listener into the segment PT, and the others into SE, in the table accounts."""
    rows = ", ".join(f"({user}, '{'SE' if n % 2 else 'PT'}')" for n, user in enumerate(users))
    execute(dsn, "CREATE TABLE accounts (user_id bigint, segment text)", f"INSERT INTO accounts VALUES {rows}")


def create_hours(dsn: str, tracks: Iterable[int]) -> None:
    """Have tracks of even ids played at night and the others in the morning, in the table hours. An hour is what
    extract() gives; one row names no track, and one a track that nobody knows."""
    rows = ", ".join(f"({track}, {23 if track % 2 == 0 else 8}, 100)" for track in tracks)
    execute(
        dsn,
        "CREATE TABLE hours (track_id bigint, hour numeric, plays bigint)",
        f"INSERT INTO hours VALUES {rows}, (NULL, 5, 1), (987654321, 5, 1)",
    )


def insert(dsn: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows of (event, user, track, instant, milliseconds, private); what is left out on the right is ordinary."""
    filled = [(*row, *(NOON, LONG, False)[len(row) - 3 :]) for row in rows]
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        execute_values(cursor, "INSERT INTO streams VALUES %s", filled)
    connection.close()


def insert_many(dsn: str, rows: int) -> None:
    """So many qualified streams of the day, by a thousand users."""
    execute(
        dsn,
        f"INSERT INTO streams SELECT i, i % 1000, i % 7919, '{NOON}'::timestamptz, {LONG}, false "
        f"FROM generate_series(1, {rows}) i",
    )


def raising(dsn: str, level: str = "EXCEPTION", state: str = "P0001", instant: datetime = NOON) -> None:
    """Streams behind a view whose function says a listener's id and a password in every part of its message."""
    create_streams(dsn)
    insert(dsn, [(1, 7, 70, instant, LONG, False)])
    said = f"{LISTENER} with {PASSWORD}"
    parts = "', ".join(f"{part} = '{said}" for part in ("MESSAGE", "DETAIL", "HINT", "COLUMN", "CONSTRAINT", "TABLE"))
    execute(
        dsn,
        f"CREATE FUNCTION said() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE {level} USING {parts}', "
        f"ERRCODE = '{state}'; RETURN false; END $$",
        "CREATE VIEW plays AS SELECT event_id, user_id, track_id, streamed_at, ms_played, said() AS private_session "
        "FROM streams",
        "CREATE VIEW tracks AS SELECT track_id, CASE WHEN said() THEN '' ELSE 'x' END AS title, 'y'::text AS artist, "
        "NULL::date AS released_on FROM streams",
    )


def extract(dsn: str, day: date = DAY, settings: ReadSettings = DEFAULTS, **fields: Any) -> ExtractedDay:
    """One day, with the conservation law held on the way."""
    with Source(dsn, config(**fields), settings=settings) as source:
        found = extract_day(source, day)
    assert found.rows_read == found.rows_kept + sum(found.dropped.values())
    assert found.rows_kept == int(found.counts.plays.sum())
    return found


def refusal(dsn: str, kind: type[RecsysError], catalogue: CatalogueConfig | None = None, **fields: Any) -> str:
    """The one line with which both the check and the extraction refuse."""
    with Source(dsn, config(**fields), catalogue) as source, pytest.raises(kind) as caught:
        source.check()
    if catalogue is None:
        with Source(dsn, config(**fields)) as source, pytest.raises(kind):
            extract_day(source, DAY)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def triples(found: ExtractedDay) -> list[tuple[Any, Any, int]]:
    """(user, track, plays) as plain Python, in the order extracted."""
    counts = found.counts
    return list(zip(counts.user_ids.to_pylist(), counts.track_ids.to_pylist(), counts.plays.tolist(), strict=True))


@contextmanager
def killing_a_copy(dsn: str) -> Iterator[None]:
    """Within it, an administrator ends one of our backends as soon as one copies."""
    killed: list[Any] = []

    def kill() -> None:
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not killed:
                cursor.execute(f"SELECT pg_terminate_backend(pid) {OURS} AND query LIKE 'COPY%' LIMIT 1")
                killed.extend(cursor.fetchall())
        connection.close()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        killed.append(None)
        killer.join()


@contextmanager
def failing_line(dsn: str, folder: Path, server_bytes: int, stall: bool = False) -> Iterator[str]:
    """An address that relays to the server and, after so many bytes of its answers, hangs up or says nothing more."""
    target = psycopg2.extensions.parse_dsn(dsn)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / ".s.PGSQL.5432"))
    listener.listen()
    done = threading.Event()

    def relay() -> None:
        with suppress(OSError):
            client = listener.accept()[0]
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{target['host']}/.s.PGSQL.{target.get('port', 5432)}")
            threading.Thread(target=_pump, args=(client, server, 1 << 40), daemon=True).start()
            _pump(server, client, server_bytes)
            if stall:
                done.wait(30)
            for line in (client, server):
                line.shutdown(socket.SHUT_RDWR)  # a close alone waits for the other thread's recv
                line.close()

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    try:
        yield f"postgresql://{target['user']}@/{target['dbname']}?host={folder}"
    finally:
        done.set()
        listener.close()
        thread.join(5)


def _pump(source: socket.socket, target: socket.socket, limit: int) -> None:
    with suppress(OSError):
        while limit > 0 and (received := source.recv(min(limit, 1 << 16))):
            target.sendall(received)
            limit -= len(received)
        if limit > 0:
            target.shutdown(socket.SHUT_WR)
