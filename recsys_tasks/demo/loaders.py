"""Readers of real logs into the demonstration tables: the Last.fm-1K log, and any table with named columns.

A load is one transaction. A row that cannot be read is never skipped in silence: the load is refused with the file
and the line, and nothing of it stays.
"""

import io
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from sqlalchemy import Connection
from sqlalchemy import text as sql_text

from recsys_tasks.demo import columns
from recsys_tasks.demo.columns import Layout, Place
from recsys_tasks.demo.log_files import Batch, TextFormat, batches
from recsys_tasks.demo.tables import create_tables, cursor_of, finish_load, transaction

Progress = Callable[[str], None]
LONG_ENOUGH_MS = 30_000  # what a row without milliseconds counts as
STREAM_COLUMNS = ("event_id", "user_id", "track_id", "streamed_at", "ms_played", "private_session")
BY_SUFFIX = TextFormat()
LASTFM_1K_COLUMNS = ["user_id", "time", "artist_id", "artist", "track_id", "title"]
LASTFM_1K = Layout(user="user_id", track="track_id", time="time")


@dataclass(frozen=True)
class NamesFile:
    """A file that gives tracks their names: its path and the columns to take."""

    path: Path
    track: str
    title: str
    artist: str | None = None
    text: TextFormat = BY_SUFFIX


@dataclass(frozen=True)
class Loaded:
    """What a load brought in."""

    streams: int
    named_tracks: int
    first: datetime | None
    last: datetime | None


class _Load:
    """A load in its transaction: takes batches, counts, and reports."""

    def __init__(self, connection: Connection, layout: Layout, progress: Progress) -> None:
        self._connection, self._cursor = connection, cursor_of(connection)
        self._layout, self._progress = layout, progress
        self.report = Loaded(0, 0, None, None)

    def streams(self, batch: Batch, place: Place) -> None:
        """Hand a batch of rows to PostgreSQL."""
        table = _streams(batch, self._layout, place)
        _copy(self._cursor, "streams", STREAM_COLUMNS, table)
        span = pc.min_max(table["streamed_at"]).as_py()
        seen = [when for when in (self.report.first, self.report.last, *span.values()) if when is not None]
        self.report = replace(
            self.report,
            streams=self.report.streams + len(table),
            first=min(seen, default=None),
            last=max(seen, default=None),
        )
        self._progress(f"{self.report.streams:,} streams")

    def names(self, track_ids: pa.Array, title: pa.Array, artist: pa.Array) -> None:
        """Name tracks; of two names for one track the later batch wins."""
        rows = pa.table({"track_id": track_ids, "title": _or_null(title), "artist": _or_null(artist)})
        rows = rows.group_by("track_id", use_threads=False).aggregate([("title", "first"), ("artist", "first")])
        self._cursor.execute("TRUNCATE named")
        _copy(self._cursor, "named", ("track_id", "title", "artist"), rows)
        self._cursor.execute(
            "INSERT INTO tracks (track_id, title, artist) SELECT * FROM named "
            "ON CONFLICT (track_id) DO UPDATE SET title = EXCLUDED.title, artist = EXCLUDED.artist"
        )

    def finish(self) -> None:
        """Index what came, and count the names once: with every batch it would cost more than the batch."""
        finish_load(self._connection)
        self._cursor.execute("SELECT count(*) FROM tracks")
        self.report = replace(self.report, named_tracks=int(self._cursor.fetchone()[0]))


@contextmanager
def _load(dsn: str | None, layout: Layout, anew: bool, progress: Progress) -> Iterator[_Load]:
    """One transaction around a whole load."""
    with transaction(dsn) as connection:
        create_tables(connection, layout.user_id_type, layout.track_id_type, "text", replace=anew)
        named = "CREATE TEMP TABLE named ON COMMIT DROP AS SELECT track_id, title, artist FROM tracks LIMIT 0"
        connection.execute(sql_text(named))
        load = _Load(connection, layout, progress)
        yield load
        load.finish()


def _streams(batch: Batch, layout: Layout, place: Place) -> pa.Table:
    """The columns of our table out of a batch."""
    n = len(batch[layout.user])
    users = columns.ids(batch[layout.user], layout.user_id_type, place, layout.user)
    tracks = columns.ids(batch[layout.track], layout.track_id_type, place, layout.track)
    instants = columns.instants(batch[layout.time], layout, place)
    ms_played, private = pa.repeat(pa.scalar(LONG_ENOUGH_MS, pa.int32()), n), pa.repeat(False, n)
    if layout.ms_played is not None:
        ms_played = columns.milliseconds(batch[layout.ms_played], place, layout.ms_played)
    if layout.private is not None:
        private = columns.flags(batch[layout.private], place, layout.private)
    if layout.event is not None:
        events = columns.ids(batch[layout.event], "text", place, layout.event)
    else:
        parts = [pc.cast(values, pa.string()) for values in (users, tracks, pc.cast(instants, pa.int64()))]
        events = pc.binary_join_element_wise(*parts, "|")
    return pa.table([events, users, tracks, instants, ms_played, private], names=STREAM_COLUMNS)


def _or_null(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _copy(cursor: Any, table: str, names: tuple[str, ...], rows: pa.Table) -> None:
    """Hand rows to PostgreSQL as CSV; Arrow quotes every string, so that an empty one differs from a null."""
    buffer = io.BytesIO()
    pa_csv.write_csv(rows, buffer, pa_csv.WriteOptions(include_header=False))
    buffer.seek(0)
    cursor.copy_expert(f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT csv)", buffer, size=1 << 20)


def load_table(
    dsn: str | None,
    path: Path,
    layout: Layout,
    *,
    text: TextFormat = BY_SUFFIX,
    names: NamesFile | None = None,
    anew: bool = False,
    progress: Progress = lambda line: None,
) -> Loaded:
    """Load a CSV, TSV or Parquet file with named columns; rows are added to those already there.

    Raises:
        ConfigError: a file is missing or has no column of a name given.
        BadData: a row cannot be read; the message names its line.
        SourceMismatch: tables with other id types are there.
        SourceUnavailable: the database cannot be reached, or broke off.
    """
    with _load(dsn, layout, anew, progress) as load:
        for batch, line in batches(path, layout.columns, text):
            load.streams(batch, Place(path, line))
        if names is not None:
            wanted = [name for name in (names.track, names.title, names.artist) if name]
            for batch, line in batches(names.path, wanted, names.text):
                keys = columns.ids(batch[names.track], layout.track_id_type, Place(names.path, line), names.track)
                artist = batch[names.artist] if names.artist else pa.nulls(len(keys), pa.string())
                load.names(keys, batch[names.title], artist)
    return load.report


def load_lastfm1k(dsn: str | None, path: Path, *, anew: bool = False, progress: Progress = lambda line: None) -> Loaded:
    """Load the Last.fm-1K log: tab-separated, no header, no quoting, newest first, track ids missing here and there.

    A track without id gets one made of artist and title, the same in every load. Raises as ``load_table``.
    """
    text = TextFormat(delimiter="\t", quotes=False)
    with _load(dsn, LASTFM_1K, anew, progress) as load:
        for batch, line in batches(path, LASTFM_1K_COLUMNS, text, header=False):
            known = batch | {"track_id": _track_ids(batch)}
            load.streams(known, Place(path, line))
            load.names(known["track_id"], batch["title"], batch["artist"])
    return load.report


def _track_ids(batch: Batch) -> pa.Array:
    """The ids of the log; where there is none, a name-based UUID of artist and title; neither: empty, so refused."""
    missing = pc.equal(batch["track_id"], "")
    name = pc.binary_join_element_wise(batch["artist"], batch["title"], "\x1f")
    coded = name.filter(missing).dictionary_encode()
    names = coded.dictionary.to_pylist()
    made = [str(uuid.uuid5(uuid.NAMESPACE_URL, text)) if text.strip("\x1f") else "" for text in names]
    filled = pa.array(made, pa.string()).take(coded.indices)
    return pc.replace_with_mask(batch["track_id"], missing, filled)
