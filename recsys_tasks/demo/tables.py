"""The tables of a demonstration source: what a music service keeps, under the default names of the configuration.

The pipeline needs ``streams`` alone and reads ``tracks`` for names. Nothing here ever drops a table unless it is told
to by name: the address may be that of somebody's own database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import psycopg2
from psycopg2 import sql

from recsys_tasks.core.config import IdType
from recsys_tasks.core.errors import ConfigError, SourceMismatch, SourceUnavailable

TABLES = ("streams", "tracks", "albums", "artists")

STREAMS = """
CREATE TABLE IF NOT EXISTS streams (
    event_id {event_id_type} NOT NULL,       -- not unique: the transport delivers some events twice
    user_id {user_id_type} NOT NULL,
    track_id {track_id_type} NOT NULL,
    streamed_at timestamptz NOT NULL,
    ms_played integer NOT NULL,
    private_session boolean NOT NULL
)"""

CATALOGUE = """
CREATE TABLE IF NOT EXISTS artists (
    artist_id bigint PRIMARY KEY,
    name text NOT NULL,
    genre text
);
CREATE TABLE IF NOT EXISTS albums (
    album_id bigint PRIMARY KEY,
    artist_id bigint NOT NULL REFERENCES artists,
    title text NOT NULL,
    released_on date
);
CREATE TABLE IF NOT EXISTS tracks (
    track_id {track_id_type} PRIMARY KEY,
    title text,
    artist text,
    album text,
    album_id bigint REFERENCES albums,
    released_on date,
    duration_ms integer,
    tempo real,                              -- beats per minute
    energy real,                             -- 0 calm .. 1 loud
    valence real                             -- 0 sad .. 1 glad
)"""


@contextmanager
def transaction(dsn: str | None) -> Iterator[Any]:
    """A cursor in one transaction: committed at the end, rolled back whole when anything is raised.

    Raises:
        ConfigError: no address was given, or it is not one.
        SourceUnavailable: the database cannot be reached, or broke off.
        SourceMismatch: the database refused a statement or a row.
    """
    if not dsn:
        raise ConfigError("No source database. Set RECSYS_SOURCE_DSN, such as postgresql://user@host:5432/music.")
    try:
        connection = psycopg2.connect(dsn)
    except psycopg2.ProgrammingError as error:
        raise ConfigError(f"RECSYS_SOURCE_DSN is not an address: {one_line(error)}. Correct it.") from None
    except psycopg2.OperationalError as error:
        raise SourceUnavailable(f"The source cannot be reached: {one_line(error)}. Start it or correct it.") from None
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise SourceUnavailable(f"The source broke off, nothing was kept: {one_line(error)}. Run again.") from None
    except psycopg2.Error as error:
        raise SourceMismatch(f"The source refused, nothing was kept: {one_line(error)}. Look at its tables.") from None
    finally:
        connection.close()


def one_line(error: BaseException) -> str:
    """The message of a database error without its line breaks."""
    return " ".join(str(error).split()).rstrip(".")


def create_tables(
    dsn: str | None,
    user_id_type: str = "bigint",
    track_id_type: str = "bigint",
    event_id_type: str = "bigint",
    *,
    replace: bool = False,
) -> None:
    """Make the four tables where they are missing, or anew when ``replace`` is true.

    Raises:
        ConfigError: an id type is not bigint, text or uuid.
        SourceMismatch: a table of the same name has other columns or types.
        SourceUnavailable: the database cannot be reached.
    """
    with transaction(dsn) as cursor:
        define_tables(cursor, user_id_type, track_id_type, event_id_type, replace=replace)


def define_tables(
    cursor: Any, user_id_type: str, track_id_type: str, event_id_type: str = "bigint", *, replace: bool = False
) -> None:
    """What ``create_tables`` does, inside a transaction that the caller owns."""
    types = {"user_id": user_id_type, "track_id": track_id_type, "event_id": event_id_type}
    for column, name in types.items():
        if name not in get_args(IdType):
            raise ConfigError(f"{column} of type {name!r}: choose one of {', '.join(get_args(IdType))}.")
    if replace:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(TABLES)}")
    for statement in (STREAMS, CATALOGUE):
        words = {f"{column}_type": sql.SQL(name) for column, name in types.items()}
        cursor.execute(sql.SQL(statement).format(**words))
    _check_types(cursor, "streams", types)
    _check_types(cursor, "tracks", {"track_id": track_id_type})


def _check_types(cursor: Any, table: str, wanted: dict[str, str]) -> None:
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        (table,),
    )
    found = dict(cursor.fetchall())
    for column, name in wanted.items():
        if found.get(column) != name:
            raise SourceMismatch(
                f"Table {table} has {column} of type {found.get(column)}, not {name}. "
                "Use another database, or --replace to drop the tables that are there."
            )


def holds_rows(cursor: Any, table: str) -> bool:
    """Whether a table exists and has at least one row."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
    if not cursor.fetchone()[0]:
        return False
    cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(*table.split("."))))
    return bool(cursor.fetchone()[0])


def finish_load(cursor: Any) -> None:
    """Index the instants (cheaper after the rows than before) and refresh the planner's figures."""
    cursor.execute("CREATE INDEX IF NOT EXISTS streams_streamed_at ON streams (streamed_at)")
    cursor.execute("ANALYZE streams")
    cursor.execute("ANALYZE tracks")
