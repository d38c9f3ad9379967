"""The connection to the source: one read-only snapshot at a time, every refusal in plain words.

Nothing here writes, and nothing here repeats a password: a message names host, database and cause, in one line.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg2
import psycopg2.extensions

from recsys_tasks.core.errors import ConfigError, RecsysError, SourceMismatch, SourceUnavailable

Connection = psycopg2.extensions.connection
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
STALL_GRACE_S = 60.0
"""Seconds beyond the statements' own timeouts before a silent connection is cut from our side."""


@dataclass(frozen=True)
class Address:
    """Where the source is. Its words hold the host and the database, never the password or the DSN itself."""

    dsn: str = field(repr=False)
    place: str
    secrets: tuple[str, ...] = field(repr=False)

    def words(self, text: str) -> str:
        """Another program's message in one line, without the password."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split()).rstrip(".")


def parse_address(dsn: str) -> Address:
    """The address behind a libpq connection string or URL.

    Raises:
        ConfigError: it is empty or not such a string. Nothing of it is repeated: half a password is one too much.
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
            "The address of the source is not a libpq connection string. Write it as "
            "postgresql://user:password@host:port/database, with / @ : ? # and % of the password percent-encoded."
        )
    place = f"database {database or parts.get('user', '(default)')} at {host or 'the local socket'}"
    passwords = [parts[name] for name in ("password", "sslpassword") if parts.get(name)]
    secrets = {form for each in passwords for form in (each, quote(each, safe=""), quote_plus(each))}
    return Address(dsn, place + (f":{port}" if port else ""), tuple(sorted(secrets, key=len, reverse=True)))


def connect(address: Address) -> Connection:
    """Open a connection whose transactions are REPEATABLE READ READ ONLY.

    Raises:
        SourceUnavailable: nobody answers, the password is refused, or there is no such database.
    """
    try:
        connection: Connection = psycopg2.connect(address.dsn, **CONNECT_SETTINGS)
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    except psycopg2.Error as error:
        raise SourceUnavailable(
            f"The source ({address.place}) cannot be reached: {address.words(str(error))}. "
            "Check that it runs and that its address, user and password are right, then retry."
        ) from None
    return connection


@contextmanager
def snapshot(connection: Connection, address: Address, statement_timeout_s: int) -> Iterator[Cursor]:
    """One transaction that sees the source as it is at its first statement; nothing is left open or written.

    Raises:
        SourceUnavailable: the server broke off, timed out or is overloaded.
        SourceMismatch: the server refuses what is asked, so that a retry cannot help.
    """
    try:
        with _cut_when_silent(connection, 2 * statement_timeout_s + STALL_GRACE_S), connection.cursor() as cursor:
            # The role or the database may set other ones: a window of another zone would be another day.
            cursor.execute("SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'")
            cursor.execute("SET LOCAL statement_timeout = %s", (1000 * statement_timeout_s,))
            yield cursor
            connection.rollback()
    except psycopg2.Error as error:
        raise _refusal(error, address) from None


@contextmanager
def _cut_when_silent(connection: Connection, seconds: float) -> Iterator[None]:
    """Shut the socket after so long: a stalled proxy answers keepalives, and libpq would wait for it for ever."""

    def cut() -> None:
        with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _refusal(error: psycopg2.Error, address: Address) -> RecsysError:
    """What the server said, as the decision that the operator has to take."""
    state = error.pgcode or ""
    said = address.words(error.diag.message_primary or str(error))
    if state == "42501":
        return SourceMismatch(
            f"The source ({address.place}) refuses: {said}. GRANT USAGE on the schema and SELECT on the table or view."
        )
    if state.startswith("22"):  # the server quotes the offending value, which may be somebody's id
        return SourceMismatch(f"The source ({address.place}) cannot convert a value (SQLSTATE {state}). Mend the view.")
    if state[:2] in ("42", "0A") or state == "25006":
        return SourceMismatch(f"The source ({address.place}) refuses: {said}. Correct the table or the configuration.")
    return SourceUnavailable(
        f"The source ({address.place}) broke off: {said}. Nothing was kept of it; retry, and if it lasts, look at the "
        "database's log."
    )
