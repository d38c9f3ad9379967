"""The user's own Postgres: the streams of a day, read over COPY from one snapshot that accounts for every dropped row.

SELECT alone suffices, and nothing is written. A row is dropped for the first reason that holds, in this order, so that
the reasons add up: ``private`` (or not known to be public), ``null_id`` (or an empty text), ``short`` (or of unknown
length), ``duplicate``. Private rows are counted by the server and never sent; duplicates are left to whoever counts.

A day is a business day (``core.business_days``), a UTC date where nothing else is configured. A row whose instant is
null, infinite or outside the years 1 to 9999 lies in no day. Duplicates are looked for within a day.

A row is one play; how long it lasted, in whole milliseconds, only decides whether it counts. Nothing is rounded here:
a column of fractions is refused, and a view has to say what they mean.

Ids are compared byte for byte: a letter that is spelled in two ways (composed, decomposed) makes two ids, and no
character of an id has a meaning. Columns that the configuration does not name are not read, and may come and go. What
else shall not count (the streams of an excluded playlist, say) is left out by a view, or given as private by it, and
then counted as such.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
from sqlalchemy import Connection

from recsys_tasks.core.business_days import EARLIEST, LATEST, UTC_DAYS, BusinessDays
from recsys_tasks.core.domain import Day, Id
from recsys_tasks.core.errors import SourceUnavailable
from recsys_tasks.core.policy import PrivacyConfig
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.source import CatalogueConfig, SourceConfig
from recsys_tasks.source.catalogue import empty_catalogue, read_catalogue
from recsys_tasks.source.connection import (
    Cursor,
    Snapshot,
    connect,
    disconnect,
    has_hung_up,
    parse_address,
    snapshot,
)
from recsys_tasks.source.hours import read_hours
from recsys_tasks.source.never_again import read_never_again
from recsys_tasks.source.plans import WayToADay, way_to_a_day
from recsys_tasks.source.queries import (
    Window,
    erased_users_query,
    instants_query,
    stream_types,
    streams_query,
)
from recsys_tasks.source.ranges import exported_snapshot, ranges_of, read_ranges
from recsys_tasks.source.rows import copy_streams
from recsys_tasks.source.schema import FoundTable, check_catalogue, check_erased_users, check_streams
from recsys_tasks.source.segments import read_segments
from recsys_tasks.source.tally import DayTally, tallied

WATERMARK_LISTENERS = 5
"""So many listeners' streams say that a date has begun: one device whose clock runs ahead would complete every day."""
WATERMARK_WINDOW = timedelta(hours=48)
"""A stream further ahead than this says nothing about a day, whenever it is looked at."""


@dataclass(frozen=True)
class ReadSettings:
    """What no service has to configure."""

    hashes_since: int = 140_000
    """Version of the server from which rows are hashed: what only speaks like PostgreSQL gives an older one."""
    stall_grace_s: float = 60.0
    """Seconds beyond the statements' own timeouts before a silent connection is cut from our side."""
    block_bytes: int = 16 << 20
    """Texts are read in blocks of this size; one row must fit in one block."""


DEFAULTS = ReadSettings()


@dataclass(frozen=True)
class OpenDay:
    """A day in an open snapshot."""

    streams: pa.Table
    """Its qualified streams: user_id, track_id, event_id, and the instant where there is no event_id."""
    tally: Callable[[], DayTally]
    """Lets the server count the rows of the same snapshot, which takes it about as long as to send them.

    Raises SourceUnavailable where it breaks off, or sent another number of streams than it counts now."""


class Source:
    """The source, opened when it is first asked and closed at the end of ``with``. Each question is one snapshot.

    Every question raises SourceUnavailable (retry) where the source cannot be reached or breaks off, and
    SourceMismatch where its tables are not what the configuration says.
    """

    def __init__(
        self,
        dsn: str,
        config: SourceConfig,
        catalogue: CatalogueConfig | None = None,
        settings: ReadSettings = DEFAULTS,
        days: BusinessDays = UTC_DAYS,
    ) -> None:
        self._address = parse_address(dsn)
        self._config = config
        self._catalogue = catalogue
        self._settings = settings
        self._days = days
        self._connection: Connection | None = None
        self._streams: FoundTable | None = None  # once checked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back; the next question opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            disconnect(connection)

    def check(self) -> tuple[str, ...]:
        """Compare tables, columns, types and permissions with the configuration.

        Returns:
            The tables that are read, as schema.name: the streams, and the catalogue if there is one.

        Raises:
            SourceMismatch: one of them differs; the message says which, and what to do.
        """
        with self._snapshot() as at:
            self._streams = check_streams(at, self._config)
            names = [self._streams.name]
        if self._catalogue is not None:
            with self._snapshot(f"{self._catalogue.table} (catalogue.table)") as at:
                names.append(check_catalogue(at, self._catalogue, self._config.track_id_type).name)
        return tuple(names)

    @contextmanager
    def open_day(self, day: Day) -> Iterator[OpenDay]:
        """Read the qualified streams of a day, which may be none, and keep their snapshot open for the tally.

        Raises:
            SourceUnavailable: the source cannot be reached or broke off.
            SourceMismatch: its tables are not what the configuration says.
        """
        with self._snapshot() as at:
            streams = self._streams_of(at.cursor, self._window(day))
            yield OpenDay(streams, partial(self._tally_of, at.cursor, day, streams.num_rows))

    def fingerprint(self, day: Day) -> str | None:
        """Digest of what ``open_day`` would read: where two are equal, so are play counts and numbers of dropped rows.

        The server hashes the rows that qualify and counts the others, and sends none. Another version of it may give
        another digest for the same rows. None: it is too old to hash.

        Raises:
            SourceUnavailable: the source cannot be reached, or broke off.
            SourceMismatch: its tables are not what the configuration says.
        """
        with self._snapshot() as at:
            return self._tally(at.cursor, day).fingerprint if self._can_hash(at.cursor) else None

    def has_begun(self, day: Day, now: datetime) -> bool:
        """Whether streams of several listeners show that a date has begun: the days before it are then complete.

        Args:
            day: the date; streams of its first 48 hours count.
            now: streams that are dated later say nothing: nobody has played them yet.
        """
        start = self._days.start(day)
        end = min(now, start + WATERMARK_WINDOW) if now > start else start
        listeners: int = self._ask("SELECT count(DISTINCT {user}) FROM {table} WHERE {within}", (start, end))
        return listeners >= WATERMARK_LISTENERS

    def clock(self) -> tuple[datetime, str]:
        """The server's clock, and the time zone in which a session of this role begins."""
        with self._snapshot() as at:
            at.cursor.execute("SELECT clock_timestamp(), reset_val FROM pg_settings WHERE name = 'TimeZone'")
            instant, zone = _row(at.cursor)
            return instant, zone

    def way_to_a_day(self, day: Day) -> WayToADay:
        """How the server finds the streams of a date, and the index that is missing for it."""
        with self._snapshot() as at:
            return way_to_a_day(at, self._asked, self._window(day))

    def unusable_instants(self) -> int:
        """Count the rows that lie in no day: the instant is null, infinite, or beyond the years 1 to 9999."""
        return int(self._ask("SELECT count(*) FROM {table} WHERE {instant} IS NULL OR NOT {within}"))

    def first_day(self, since: Day | None = None) -> Day | None:
        """Day of the first stream, or of the first since a date, None where there is none.

        Without ``since`` a stray instant of 1970 is a stream too.
        """
        window = (self._days.start(since) if since else EARLIEST, LATEST)
        found: datetime | None = self._ask("SELECT min({instant}) FROM {table} WHERE {within}", window)
        return self._days.of(found) if found else None

    def last_day(self) -> Day | None:
        """Day of the last stream, None where there is none; a stray instant of the year 9999 is one too."""
        found: datetime | None = self._ask("SELECT max({instant}) FROM {table} WHERE {within}")
        return self._days.of(found) if found else None

    def catalogue(self) -> pa.Table:
        """Read the whole catalogue, in the form that ``read_catalogue`` describes; no rows where none is configured.

        Raises:
            SourceUnavailable: the source cannot be reached, or broke off.
            SourceMismatch: its table is not what the configuration says.
        """
        if self._catalogue is None:
            return empty_catalogue(self._config.track_id_type)
        with self._snapshot(f"{self._catalogue.table} (catalogue.table)") as at:
            return read_catalogue(at, self._catalogue, self._config.track_id_type, self._settings.block_bytes)

    def erased_users(self, privacy: PrivacyConfig) -> list[Id]:
        """The users whom the table of erasure requests names, each once and in order; a row of null names nobody.

        Raises:
            SourceUnavailable: the source cannot be reached, or broke off.
            SourceMismatch: its table is not what the configuration says.
        """
        with self._snapshot(f"{privacy.erased_users_table} (privacy.erased_users_table)") as at:
            table, kind = check_erased_users(at, privacy, self._config.user_id_type).name, self._config.user_id_type
            at.cursor.execute(erased_users_query(table, privacy.erased_user_id, kind))
            return [user_id for (user_id,) in at.cursor.fetchall()]

    def never_again(self, products: ProductsConfig, on: Day) -> pa.Table:
        """What listeners do not want to hear again on a day, in the form that ``read_never_again`` describes.

        Raises:
            SourceUnavailable: the source cannot be reached, or broke off.
            SourceMismatch: its table is not what the configuration says.
        """
        config = self._config
        with self._snapshot(f"{products.never_again_table} (products.never_again_table)") as at:
            kinds = config.user_id_type, config.track_id_type
            return read_never_again(at, products, *kinds, on, self._settings.block_bytes)

    def segments(self, products: ProductsConfig) -> pa.Table:
        """Which segment each listener belongs to, in the form that ``read_segments`` describes.

        Raises:
            SourceUnavailable: the source cannot be reached, or broke off.
            SourceMismatch: its table is not what the configuration says.
        """
        with self._snapshot(f"{products.segments_table} (products.segments_table)") as at:
            return read_segments(at, products, self._config.user_id_type, self._settings.block_bytes)

    def hours(self, products: ProductsConfig) -> pa.Table:
        """When each track is played, in the form that ``read_hours`` describes.

        Raises:
            SourceUnavailable: the source cannot be reached, or broke off.
            SourceMismatch: its table is not what the configuration says.
        """
        with self._snapshot(f"{products.hours_table} (products.hours_table)") as at:
            return read_hours(at, products, self._config.track_id_type, self._settings.block_bytes)

    @contextmanager
    def _snapshot(self, other: str = "") -> Iterator[Snapshot]:
        """Open one read-only snapshot of the streams, or of another table, named for the messages; a connection's first
        time, the table of the streams is checked before it is read."""
        timeout_s, grace_s = self._patience
        try:
            if self._connection is not None and has_hung_up(self._connection):
                self.close()
            if self._connection is None:
                self._connection = connect(self._address, 2 * timeout_s + grace_s)
            with snapshot(self._connection, self._address, timeout_s, grace_s, other or self._reading) as at:
                if not other:
                    self._streams = self._streams or check_streams(at, self._config)
                yield at
        except BaseException as error:
            self.close()  # whatever broke, the next question starts from a clean connection,
            self._streams = None  # and looks at the table anew
            error.__context__ = None  # the server's words, and a row that could not be read, go no further
            raise

    def _streams_of(self, cursor: Cursor, window: Window) -> pa.Table:
        """The qualified streams of a window, over as many connections as the configuration says."""
        several = self._config.connections
        if several == 1:
            return self._copied(cursor, window)
        exported, timeout_s, grace_s = exported_snapshot(cursor, self._address), *self._patience
        with ExitStack() as opened:
            cursors = [cursor]
            for _ in range(several - 1):
                beside = connect(self._address, 2 * timeout_s + grace_s)
                opened.callback(disconnect, beside)
                seen = snapshot(beside, self._address, timeout_s, grace_s, self._reading, exported)
                cursors.append(opened.enter_context(seen).cursor)
            return read_ranges(cursors, ranges_of(window), self._copied)

    def _copied(self, cursor: Cursor, window: Window) -> pa.Table:
        """The qualified streams of a window by one COPY."""
        query, types = streams_query(self._asked, self._types, window), stream_types(self._config, self._types)
        return copy_streams(cursor, query, types, self._config.streams_table, self._settings.block_bytes)

    def _tally(self, cursor: Cursor, day: Day) -> DayTally:
        return tallied(cursor, self._asked, self._types, self._window(day), self._days, self._can_hash(cursor))

    def _tally_of(self, cursor: Cursor, day: Day, received: int) -> DayTally:
        tally = self._tally(cursor, day)
        if received != tally.qualified:
            raise SourceUnavailable(
                f"The source counted {tally.qualified} qualified streams of {day} and sent {received}: it was cut "
                f"short, or {self._config.streams_table} is a view that answers differently each time. Retry; if it "
                "lasts, look at the view."
            )
        return tally

    @property
    def _patience(self) -> tuple[int, float]:
        """Seconds that a statement may take, and those after which a silent connection is cut beyond two of them."""
        return self._config.statement_timeout_s, self._settings.stall_grace_s

    @property
    def _reading(self) -> str:
        return f"{self._config.streams_table} (source.streams_table)"

    @property
    def _types(self) -> dict[str, str]:
        return self._streams.types if self._streams else {}

    @property
    def _asked(self) -> SourceConfig:
        """The configuration with the table's full name, so that no search path decides which one is read."""
        return self._config.model_copy(update={"streams_table": self._streams.name} if self._streams else {})

    def _window(self, day: Day) -> Window:
        return self._days.start(day), self._days.end(day)

    def _can_hash(self, cursor: Cursor) -> bool:
        return cursor.connection.server_version >= self._settings.hashes_since

    def _ask(self, question: str, window: Window = (EARLIEST, LATEST)) -> Any:
        with self._snapshot() as at:
            at.cursor.execute(instants_query(question, self._asked, window))
            return _row(at.cursor)[0]


def _row(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate always answers with one row
    return row
