"""The user's own Postgres: a day of play counts, read over COPY from one snapshot, every dropped row accounted for.

SELECT alone suffices, and nothing is written. A row is dropped for the first reason that holds, in this order, so that
the reasons add up: ``private`` (or not known to be public), ``null_id`` (or an empty text), ``short`` (or of unknown
length), ``duplicate``. Private rows are counted by the server and never sent.

A day is [D 00:00, D+1 00:00) in UTC. A row whose instant is null, infinite or outside the years 1 to 9999 lies in no
day. Duplicates are looked for within a day.

A row is one play; how long it lasted, in whole milliseconds, only decides whether it counts. Nothing is rounded here:
a column of fractions is refused, and a view has to say what they mean.

Ids are compared byte for byte: a letter that is spelled in two ways (composed, decomposed) makes two ids, and no
character of an id has a meaning. Columns that the configuration does not name are not read, and may come and go. What
else shall not count (the streams of an excluded playlist, say) is left out by a view, or given as private by it, and
then counted as such.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.config import CatalogueConfig, SourceConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, Ids, PlayCounts
from recsys_tasks.core.errors import SourceUnavailable
from recsys_tasks.partitions.stream_counting import count_plays
from recsys_tasks.source.connection import Connection, Cursor, connect, parse_address, snapshot
from recsys_tasks.source.queries import (
    AFTER_LAST_INSTANT,
    CATALOGUE_NAMES,
    FIRST_INSTANT,
    ID_ARROW,
    catalogue_query,
    instants_query,
    midnight,
    stream_types,
    streams_query,
    tally_query,
)
from recsys_tasks.source.rows import copy_out, copy_streams
from recsys_tasks.source.schema import check_catalogue, check_streams

REASONS = ("private", "null_id", "short", "duplicate")
WATERMARK_DAYS = 366
"""A stream further ahead than this says nothing about a day: one row of the year 9999 would complete every day."""

HASHES_SINCE = 140_000
"""Version of the server from which rows are hashed: what only speaks like PostgreSQL says that it is an older one."""


@dataclass(frozen=True)
class ExtractedDay:
    """The play counts of a UTC date, and what became of each of its rows: read = kept + dropped."""

    day: Day
    counts: PlayCounts = field(repr=False)
    rows_read: int
    rows_kept: int  # the sum of all plays
    dropped: dict[str, int]  # rows by reason, each of REASONS
    fingerprint: str | None  # see Source.fingerprint


class Source:
    """The source, opened when it is first asked and closed at the end of ``with``. Each question is one snapshot.

    Every question raises SourceUnavailable (retry) where the source cannot be reached or breaks off, and
    SourceMismatch where its tables are not what the configuration says.
    """

    def __init__(self, dsn: str, config: SourceConfig, catalogue: CatalogueConfig | None = None) -> None:
        self._address = parse_address(dsn)
        self._config = config
        self._catalogue = catalogue
        self._connection: Connection | None = None
        self._types: dict[str, str] = {}  # of the columns of the streams, once checked

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
            connection.close()

    def check(self) -> None:
        """Compare tables, columns, types and permissions with the configuration.

        Raises:
            SourceMismatch: one of them differs; the message says which, and what to do.
        """
        with self._snapshot() as cursor:
            self._types = check_streams(cursor, self._config)
            if self._catalogue is not None:
                check_catalogue(cursor, self._catalogue, self._config.track_id_type)

    def extract_day(self, day: Day) -> ExtractedDay:
        """Count the qualified streams of a UTC date, which may be none.

        Raises:
            SourceUnavailable: the source cannot be reached, broke off, or sent another number of rows than it counted.
            SourceMismatch: its tables are not what the configuration says.
        """
        with ThreadPoolExecutor(1) as beside:  # the rows are counted while the server tallies the same snapshot
            with self._snapshot() as cursor:
                query, types = streams_query(self._config, self._types, day), stream_types(self._config, self._types)
                streams = copy_streams(cursor, query, types, self._config.streams_table)
                counting = beside.submit(count_plays, streams)
                (read, private, null_id, short), fingerprint = self._tally(cursor, day)
            counts = counting.result()
        qualified = read - private - null_id - short
        if streams.num_rows != qualified:
            raise SourceUnavailable(
                f"The source counted {qualified} qualified streams of {day} and sent {streams.num_rows}: it was cut "
                f"short, or {self._config.streams_table} is a view that answers differently each time. Retry; if it "
                "lasts, look at the view."
            )
        kept = int(counts.plays.sum(dtype=np.uint64))
        dropped = dict(zip(REASONS, (private, null_id, short, qualified - kept), strict=True))
        return ExtractedDay(day, counts, read, kept, dropped, fingerprint)

    def fingerprint(self, day: Day) -> str | None:
        """What ``extract_day`` would find, in a word: where it is equal, equal play counts and numbers of dropped rows.

        The server hashes the rows that qualify and counts the others, and sends none. Another version of it may have
        another word for the same rows. None: it is too old to have one.

        Raises:
            SourceUnavailable: the source cannot be reached, or broke off.
            SourceMismatch: its tables are not what the configuration says.
        """
        with self._snapshot() as cursor:
            return self._tally(cursor, day)[1] if _can_hash(cursor) else None

    def has_stream_at_or_after(self, day: Day) -> bool:
        """Whether a stream of this date, or of the year after it, has arrived: the days before it are then complete."""
        start, end = midnight(day), midnight(day, WATERMARK_DAYS)
        return bool(self._ask("SELECT EXISTS (SELECT FROM {table} WHERE {within})", start, end))

    def unusable_instants(self) -> int:
        """Rows of the whole source that lie in no day: the instant is null, infinite, or beyond the years 1 to 9999."""
        return int(self._ask("SELECT count(*) FROM {table} WHERE {instant} IS NULL OR NOT {within}"))

    def first_day(self) -> Day | None:
        """UTC date of the first stream, or nothing where there is none; a stray instant of 1970 is one too."""
        found: Day | None = self._ask("SELECT (min({instant}) AT TIME ZONE 'UTC')::date FROM {table} WHERE {within}")
        return found

    def last_day(self) -> Day | None:
        """UTC date of the last stream, or nothing where there is none; a stray instant of the year 9999 is one too."""
        found: Day | None = self._ask("SELECT (max({instant}) AT TIME ZONE 'UTC')::date FROM {table} WHERE {within}")
        return found

    def catalogue(self, track_ids: Ids) -> pa.Table:
        """Names of tracks: track_id, title, artist, released_on (date32), ordered by track_id.

        Args:
            track_ids: the tracks wanted.

        Returns:
            One row for each wanted track that the catalogue holds (of several, the first by title, artist and date);
            an unknown name or date is null. Without a catalogue, no rows.
        """
        types = {"track_id": ID_ARROW[self._config.track_id_type], **CATALOGUE_NAMES}
        if self._catalogue is None or len(track_ids) == 0:
            return pa.schema(list(types.items())).empty_table()
        query = catalogue_query(self._catalogue, self._config.track_id_type, track_ids)
        with self._snapshot() as cursor:
            check_catalogue(cursor, self._catalogue, self._config.track_id_type)
            found = copy_out(cursor, query, types, self._catalogue.table)
        return _first_of_each_track(found.sort_by([(name, "ascending") for name in types]))

    @contextmanager
    def _snapshot(self) -> Iterator[Cursor]:
        """A cursor in one read-only snapshot; the first time, the streams' table is checked before it is read."""
        try:
            if self._connection is None:
                self._connection = connect(self._address)
            with snapshot(self._connection, self._address, self._config.statement_timeout_s) as cursor:
                self._types = self._types or check_streams(cursor, self._config)
                yield cursor
        except BaseException:
            self.close()  # whatever broke, the next question starts from a clean connection
            raise

    def _tally(self, cursor: Cursor, day: Day) -> tuple[tuple[int, ...], str | None]:
        """Rows read, private, null_id and short, and the fingerprint of the day."""
        can_hash = _can_hash(cursor)
        cursor.execute(tally_query(self._config, self._types, day, can_hash))
        *tally, checksum = _row(cursor)
        return tuple(tally), digest_of("streams", *tally, str(checksum)) if can_hash else None

    def _ask(self, question: str, start: str = FIRST_INSTANT, end: str = AFTER_LAST_INSTANT) -> Any:
        with self._snapshot() as cursor:
            cursor.execute(instants_query(question, self._config, start, end))
            return _row(cursor)[0]


def _can_hash(cursor: Cursor) -> bool:
    return cursor.connection.server_version >= HASHES_SINCE


def _row(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate always answers with one row
    return row


def _first_of_each_track(names: pa.Table) -> pa.Table:
    ids = names["track_id"].combine_chunks()
    first = np.ones(len(ids), dtype=bool)
    first[1:] = np.asarray(pc.not_equal(ids[1:], ids[:-1]))
    return names.filter(pa.array(first))
