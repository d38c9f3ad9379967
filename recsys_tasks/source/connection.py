"""The connection to the source: one read-only snapshot at a time, every refusal in plain words.

SQLAlchemy holds the connection, so that its inspector sees the same snapshot; the rows travel over the psycopg2
connection below it. Nothing here writes, and nothing here repeats a password: a message names host, database and cause
in one line. Only while nobody has logged in yet are the server's own words repeated.
"""

import os
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg2
import psycopg2.extensions
import sqlalchemy
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from recsys_tasks.core.errors import ConfigError, SourceMismatch, SourceUnavailable
from recsys_tasks.core.formatting import in_one_line
from recsys_tasks.source.refusals import cause_of, condition, refusal

Cursor = psycopg2.extensions.cursor

CONNECT_SETTINGS: dict[str, Any] = {
    "connect_timeout": 10,  # seconds
    "application_name": "recsys",
    "client_encoding": "UTF8",
    "keepalives": 1,
    "keepalives_idle": 30,  # seconds; a host that vanished is noticed after a minute, not after two hours
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}


HIDDEN_ROWS = {"row_security": "off"}
"""Lets the server refuse a query of which a policy would hide rows: it would hide them in silence."""
OUR_SETTINGS = {
    "quote_all_identifiers": "off",  # the names of types would come in quotes
    "IntervalStyle": "postgres",  # these three decide how an event id of an odd type is written
    "bytea_output": "hex",
    "lc_monetary": "C",
}
"""What a session has whatever the role or the database sets, on a server that knows it."""


@dataclass(frozen=True)
class Address:
    """Where the source is. ``place`` names the host and the database, never the password."""

    dsn: str = field(repr=False)
    place: str
    secrets: tuple[str, ...] = field(repr=False)

    def without_secrets(self, text: str) -> str:
        """Another program's message in one line, with the password masked."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return in_one_line(text).rstrip(".")


@dataclass(frozen=True)
class Snapshot:
    """One open transaction of the source, seen through SQLAlchemy and through psycopg2."""

    connection: sqlalchemy.Connection
    cursor: Cursor


def parse_address(dsn: str, whose: str = "source") -> Address:
    """Parse a libpq connection string or URL.

    Args:
        dsn: the text.
        whose: what lies there, for the message.

    Raises:
        ConfigError: it is empty or not such a string. The message repeats nothing of it: it may hold half a password.
    """
    try:
        parts = psycopg2.extensions.parse_dsn(dsn) if dsn.strip() else {}
    except psycopg2.Error:
        parts = {}
    host, port, database = (parts.get(name, "") for name in ("host", "port", "dbname"))
    # An unescaped / or @ in a password moves parts of it into the host, the port or the database.
    astray = "@" in host + database or (port and not port.replace(",", "").isdigit())
    if not parts or astray:
        raise ConfigError(
            f"The address of the {whose} is not a libpq connection string. Write it as "
            "postgresql://user:password@host:port/database, with / @ : ? # and % of the password percent-encoded."
        )
    place = f"database {database or parts.get('user', '(default)')} at {host or 'the local socket'}"
    passwords = [parts[name] for name in ("password", "sslpassword") if parts.get(name)]
    secrets = {form for each in passwords for form in (each, quote(each, safe=""), quote_plus(each))}
    return Address(dsn, place + (f":{port}" if port else ""), tuple(sorted(secrets, key=len, reverse=True)))


def connect(address: Address, patience_s: float) -> sqlalchemy.Connection:
    """Open a connection whose transactions are REPEATABLE READ READ ONLY.

    Args:
        address: libpq's, which knows more forms (services, several hosts) than SQLAlchemy's URL.
        patience_s: seconds that a server may take to answer SQLAlchemy's first questions.

    Raises:
        SourceUnavailable: nobody answers, the password is refused, or there is no such database.
        SourceMismatch: the server is not PostgreSQL.
    """
    try:
        driver = psycopg2.connect(address.dsn, **CONNECT_SETTINGS)
    except (psycopg2.Error, UnicodeDecodeError) as error:  # what answers may be anything
        said = address.without_secrets("no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error))
        raise SourceUnavailable(
            f"The source ({address.place}) cannot be reached: {said}. "
            "Check that it runs and that its address, user and password are right, then retry."
        ) from None
    try:
        with _cut_after(patience_s, driver):
            driver.autocommit = True  # no transaction in which the server could think us idle
            connection = wrap(driver)
            driver.autocommit = False
            driver.set_session(isolation_level="REPEATABLE READ", readonly=True)
            return connection
    except (psycopg2.Error, DBAPIError) as error:
        driver.close()
        raise SourceUnavailable(
            f"The source ({address.place}) broke off after the login: {condition(cause_of(error))}. Retry, and if it "
            "lasts, look at the database's log."
        ) from None
    except AssertionError:  # SQLAlchemy's, of a version() that it cannot read
        driver.close()
        raise SourceMismatch(
            f"The source ({address.place}) is another server than PostgreSQL. Name a PostgreSQL server as the source."
        ) from None


def wrap(driver: psycopg2.extensions.connection) -> sqlalchemy.Connection:
    """Put SQLAlchemy above one connection of psycopg2; it asks the server for its version and settings.

    Raises:
        sqlalchemy.exc.DBAPIError: the server broke off.
        AssertionError: SQLAlchemy cannot read the version.
    """
    return sqlalchemy.create_engine(
        "postgresql+psycopg2://", creator=lambda: driver, poolclass=NullPool, pool_reset_on_return=None
    ).connect()


def disconnect(connection: sqlalchemy.Connection) -> None:
    """Close a connection, broken or not. It is not rolled back first: on a broken one that would fail in turn."""
    connection.invalidate()
    connection.close()


@contextmanager
def snapshot(
    connection: sqlalchemy.Connection,
    address: Address,
    statement_timeout_s: int,
    stall_grace_s: float,
    reading: str,
    exported: str | None = None,
) -> Iterator[Snapshot]:
    """Open one transaction that sees the source as it is at its first statement, and roll it back at the end.

    Args:
        connection: one that ``connect`` opened. After an error it is good for nothing but ``disconnect``.
        address: where it leads to, for the messages.
        statement_timeout_s: seconds that a statement may take.
        stall_grace_s: seconds beyond two such statements after which a silent connection is cut.
        reading: what is read, as our configuration names it, for the messages.
        exported: name of the snapshot of another transaction, still open, that this one is to see; None: its own.

    Raises:
        SourceUnavailable: the server broke off, timed out or is overloaded.
        SourceMismatch: the server refuses what is asked, so that a retry cannot help.
    """
    try:
        driver: Any = connection.connection.driver_connection
        patience_s = 2 * statement_timeout_s + stall_grace_s
        with _cut_after(patience_s, driver), driver.cursor() as cursor:
            connection.begin()
            if exported is not None:
                _see(cursor, exported, address)
            # The role or the database may set other ones: a window of another zone would be another day, and a
            # number with fewer digits another number. A view's notices may name people: nobody logs them.
            cursor.execute(
                "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 3; "
                "SET LOCAL client_min_messages = error"
            )
            cursor.execute("SET LOCAL statement_timeout = %s", (1000 * statement_timeout_s,))
            put_builtins_first(cursor)
            patience = str(int(1000 * patience_s))  # milliseconds: the server waits for us as long as we for it
            waits = dict.fromkeys(("idle_in_transaction_session_timeout", "transaction_timeout"), patience)
            set_where_known(cursor, HIDDEN_ROWS)
            set_where_known(cursor, OUR_SETTINGS | waits)
            yield Snapshot(connection, cursor)
            connection.rollback()
    except (psycopg2.Error, DBAPIError) as error:
        raise refusal(cause_of(error), address.place, reading) from None


def _see(cursor: Cursor, exported: str, address: Address) -> None:
    """Let a transaction that has just begun see the snapshot that another one exported.

    Raises:
        SourceMismatch: the server does not know it.
    """
    try:
        cursor.execute("SET TRANSACTION SNAPSHOT %s", (exported,))
    except psycopg2.OperationalError:
        raise  # it broke off
    except psycopg2.Error as error:
        raise SourceMismatch(
            f"The source ({address.place}) does not know the snapshot that another connection to it has just exported: "
            f"{condition(error)}. A pooler or a proxy leads to several servers. Name one server, or set "
            "source.connections = 1."
        ) from None


def put_builtins_first(cursor: Cursor) -> None:
    """Let no schema of the session's search path stand before PostgreSQL's own functions and operators.

    Nor shall a temporary table that somebody left in a pooler's session stand before anything. What the functions of
    views look up by the rest of the path, they go on finding.
    """
    cursor.execute("SHOW search_path")  # no function and no operator that somebody could have put before the builtin
    (path,) = cursor.fetchone()  # type: ignore[misc]  # SHOW answers with one row
    ours = ", ".join(filter(None, ("pg_catalog", path, "pg_temp")))
    cursor.execute("SELECT pg_catalog.set_config('search_path', %s, true)", (ours,))


def set_where_known(cursor: Cursor, settings: Mapping[str, str]) -> None:
    """Set what the server knows for the transaction.

    An older one does not know every setting, and what only speaks like PostgreSQL perhaps not how to ask for them.
    """
    known = (
        "SELECT set_config(name, wanted, true) FROM pg_settings JOIN unnest(%s, %s) AS ours (name, wanted) USING (name)"
    )
    try:
        cursor.execute("SAVEPOINT before_settings")
        cursor.execute(known, (list(settings), list(settings.values())))
    except psycopg2.OperationalError:
        raise  # it broke off
    except psycopg2.Error:
        cursor.execute("ROLLBACK TO SAVEPOINT before_settings")
    cursor.execute("RELEASE SAVEPOINT before_settings")  # within one, no snapshot could be exported


def has_hung_up(connection: sqlalchemy.Connection) -> bool:
    """Whether the server said something since the last answer: between two questions that is its farewell."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.closed or select.select([driver], [], [], 0)[0])


@contextmanager
def _cut_after(seconds: float, driver: Any) -> Iterator[None]:
    """Shut the socket after so long: a stalled proxy answers keepalives, and libpq would wait for it for ever."""

    def cut() -> None:
        with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
