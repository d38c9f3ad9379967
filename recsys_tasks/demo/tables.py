"""The tables of a demonstration source: what a music service keeps, under the default names of the configuration.

The pipeline needs ``streams`` alone and reads ``tracks`` for names. Tables are dropped only where the caller asks for
it by name: the address may be that of somebody's own database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from recsys_tasks.core.errors import ConfigError, RecsysError, SourceMismatch, SourceUnavailable
from recsys_tasks.source.connection import disconnect, wrap
from recsys_tasks.source.refusals import cause_of
from recsys_tasks.source.schema import column_types

ID_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {"bigint": sa.BigInteger, "text": sa.Text, "uuid": sa.Uuid}


def _tables(types: dict[str, type[sa.types.TypeEngine[Any]]]) -> sa.MetaData:
    """All four tables. types: of user_id, track_id and event_id."""
    tables = sa.MetaData()
    sa.Table(
        "streams",
        tables,
        sa.Column("event_id", types["event_id"], nullable=False),  # not unique: some events are delivered twice
        sa.Column("user_id", types["user_id"], nullable=False),
        sa.Column("track_id", types["track_id"], nullable=False),
        sa.Column("streamed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ms_played", sa.Integer, nullable=False),
        sa.Column("private_session", sa.Boolean, nullable=False),
    )
    sa.Table(
        "artists",
        tables,
        sa.Column("artist_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("genre", sa.Text),
    )
    sa.Table(
        "albums",
        tables,
        sa.Column("album_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("artist_id", sa.ForeignKey("artists.artist_id"), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("released_on", sa.Date),
    )
    sa.Table(
        "tracks",
        tables,
        sa.Column("track_id", types["track_id"], primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text) for name in ("title", "artist", "album")),
        sa.Column("artist_id", sa.ForeignKey("artists.artist_id")),
        sa.Column("album_id", sa.ForeignKey("albums.album_id")),
        sa.Column("released_on", sa.Date),
        sa.Column("genre", sa.Text),
        sa.Column("tags", sa.ARRAY(sa.Text)),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("tempo", sa.REAL),  # beats per minute
        sa.Column("energy", sa.REAL),  # 0 calm .. 1 loud
        sa.Column("valence", sa.REAL),  # 0 sad .. 1 glad
    )
    return tables


@contextmanager
def transaction(dsn: str | None) -> Iterator[sa.Connection]:
    """Open one transaction: committed at the end, rolled back whole when anything is raised.

    Raises:
        ConfigError: no address was given, or it is not one.
        SourceUnavailable: the database cannot be reached, or broke off.
        SourceMismatch: the database refused a statement or a row.
    """
    if not dsn:
        raise ConfigError("No source database. Set RECSYS_SOURCE_DSN, such as postgresql://user@host:5432/music.")
    try:
        driver = psycopg2.connect(dsn)
    except psycopg2.ProgrammingError as error:
        raise ConfigError(f"RECSYS_SOURCE_DSN is not an address: {one_line(error)}. Correct it.") from None
    except psycopg2.OperationalError as error:
        raise SourceUnavailable(f"The source cannot be reached: {one_line(error)}. Start it or correct it.") from None
    try:
        connection = wrap(driver)
        try:
            with driver:  # psycopg2 commits or rolls back what came over either of the two
                yield connection
        finally:
            disconnect(connection)
    except (psycopg2.Error, DBAPIError) as error:
        raise _refusal(cause_of(error)) from None
    finally:
        driver.close()


def cursor_of(connection: sa.Connection) -> Any:
    """psycopg2's cursor of the same transaction, which COPY needs."""
    return connection.connection.cursor()


def one_line(error: BaseException) -> str:
    """The message of a database error without its line breaks."""
    return " ".join(str(error).split()).rstrip(".")


def _refusal(error: BaseException) -> RecsysError:
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return SourceUnavailable(f"The source broke off, nothing was kept: {one_line(error)}. Run again.")
    return SourceMismatch(f"The source refused, nothing was kept: {one_line(error)}. Look at its tables.")


def create_tables(
    connection: sa.Connection,
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
    """
    names = {"user_id": user_id_type, "track_id": track_id_type, "event_id": event_id_type}
    for column, name in names.items():
        if name not in ID_TYPES:
            raise ConfigError(f"{column} of type {name!r}: choose one of {', '.join(ID_TYPES)}.")
    tables = _tables({column: ID_TYPES[name] for column, name in names.items()})
    if replace:
        tables.drop_all(connection)
    tables.create_all(connection)
    _check_types(connection, "streams", names)
    _check_types(connection, "tracks", {"track_id": track_id_type})


def _check_types(connection: sa.Connection, table: str, wanted: dict[str, str]) -> None:
    found = column_types(connection, table)
    for column, name in wanted.items():
        if found.get(column) != name:
            raise SourceMismatch(
                f"Table {table} has {column} of type {found.get(column)}, not {name}. "
                "Use another database, or --replace to drop the tables that are there."
            )


def holds_rows(connection: sa.Connection, table: str) -> bool:
    """Whether a table exists and has at least one row."""
    if not sa.inspect(connection).has_table(table):
        return False
    return connection.scalar(sa.select(sa.true()).select_from(sa.table(table)).limit(1)) is not None


def finish_load(connection: sa.Connection) -> None:
    """Index the instants (cheaper after the rows than before) and refresh the planner's figures."""
    streams = _tables(dict.fromkeys(("user_id", "track_id", "event_id"), sa.BigInteger)).tables["streams"]
    sa.Index("streams_streamed_at", streams.c.streamed_at).create(connection, checkfirst=True)
    for table in ("streams", "tracks"):
        connection.exec_driver_sql(f"ANALYZE {table}")
