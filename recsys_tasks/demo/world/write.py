"""From the world into PostgreSQL, over COPY: text for the catalogue, binary for the streams."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, text

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.demo.tables import create_tables, cursor_of, finish_load, holds_rows, transaction
from recsys_tasks.demo.world.days import DayStreams, World
from recsys_tasks.demo.world.labels import genres_and_tags, measured
from recsys_tasks.demo.world.names import album_titles, artist_names, genre_name, genre_of, titles
from recsys_tasks.demo.world.streams import DAY_US, day_streams

Progress = Callable[[str], None]
POSTGRES_EPOCH_US = 10_957 * DAY_US  # 2000-01-01 in microseconds since 1970
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("event_id_size", ">i4"), ("event_id", ">i8"),
        ("user_id_size", ">i4"), ("user_id", ">i8"),
        ("track_id_size", ">i4"), ("track_id", ">i8"),
        ("streamed_at_size", ">i4"), ("streamed_at", ">i8"),
        ("ms_played_size", ">i4"), ("ms_played", ">i4"),
        ("private_session_size", ">i4"), ("private_session", "u1"),
    ]
)  # fmt: skip
COLUMNS = ("event_id", "user_id", "track_id", "streamed_at", "ms_played", "private_session")


def write_world(
    dsn: str | None,
    world: World,
    *,
    first: int = 0,
    last: int | None = None,
    replace: bool = False,
    progress: Progress = lambda line: None,
) -> dict[str, int]:
    """Write the days ``first`` .. ``last`` - 1 of a world (all of them by default), and the tracks out by then.

    One transaction: either all of it is there afterwards or nothing. With ``first`` above 0 the days are added to a
    world that is there already; the tables are made (or with ``replace`` made anew) when it is 0.

    Returns:
        How many streams, tracks, albums and artists were written.

    Raises:
        ConfigError: the range of days is empty or outside the world, or does not follow the days that are there; or the
            tables hold rows and ``replace`` is false.
        SourceMismatch: tables of these names have other columns.
        SourceUnavailable: the database cannot be reached, or broke off.
    """
    last = world.params.days if last is None else last
    if not 0 <= first < last <= world.params.days:
        raise ConfigError(f"Days {first} to {last} of a world of {world.params.days} days. Choose a range within it.")
    with transaction(dsn) as connection, cursor_of(connection) as cursor:
        if first == 0:
            _make_room(connection, replace)
        else:
            _check_follows(connection, world, first)
        written = _write_catalogue(cursor, world, first, last)
        progress(f"{written['tracks']:,} tracks of {written['artists']:,} artists")
        written["streams"] = 0
        for index in range(first, last):
            day = world.params.start + timedelta(days=index)
            streams = day_streams(world, day)
            copy_streams(cursor, streams)
            written["streams"] += len(streams)
            progress(f"{day}: {len(streams):,} streams")
        finish_load(connection)
    return written


def holds_a_world(dsn: str | None) -> bool:
    """Whether the database holds streams or tracks: those of a whole world, for one transaction writes it.

    Raises:
        SourceUnavailable: the database cannot be reached, or broke off.
    """
    with transaction(dsn) as connection:
        return _holds_any(connection)


def _holds_any(connection: Connection) -> bool:
    return any(holds_rows(connection, table) for table in ("streams", "tracks"))


def _make_room(connection: Connection, replace: bool) -> None:
    if not replace and _holds_any(connection):
        raise ConfigError("The tables streams or tracks hold rows already. Use another database, or --replace.")
    create_tables(connection, replace=replace)


def _check_follows(connection: Connection, world: World, first: int) -> None:
    """The newest stream must be of the day before, or days would be missing or written twice."""
    newest = None
    if holds_rows(connection, "streams"):
        newest = connection.scalar(text("SELECT (max(streamed_at) AT TIME ZONE 'UTC')::date FROM streams"))
    before = world.params.start + timedelta(days=first - 1)
    if newest != before:
        raise ConfigError(f"The newest stream is of {newest}, not of {before}. Write the days in order.")


def copy_streams(cursor: Any, streams: DayStreams) -> None:
    """Hand the rows of a day to PostgreSQL."""
    sql = f"COPY streams ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
    body = COPY_HEADER + binary_rows(streams).tobytes() + COPY_TRAILER
    cursor.copy_expert(sql, io.BytesIO(body), size=1 << 20)


def binary_rows(streams: DayStreams) -> npt.NDArray[np.void]:
    """The rows as PostgreSQL reads them: each field behind its length, big-endian."""
    rows = np.empty(len(streams), ROW)
    rows["fields"] = len(COLUMNS)
    for name in COLUMNS:
        rows[f"{name}_size"] = ROW[name].itemsize
    rows["event_id"], rows["user_id"], rows["track_id"] = streams.event_id, streams.user_id, streams.track_id
    rows["streamed_at"] = streams.streamed_at - POSTGRES_EPOCH_US
    rows["ms_played"], rows["private_session"] = streams.ms_played, streams.private
    return rows


def _write_catalogue(cursor: Any, world: World, first: int, last: int) -> dict[str, int]:
    """Artists once; albums and tracks that come out in the days to write (with the first day: all older ones too)."""
    catalogue, params = world.catalogue, world.params
    names, songs = artist_names(params, catalogue), titles(params, catalogue)
    albums = album_titles(params, catalogue, songs)
    rows = np.flatnonzero((catalogue.release_day < last) & ((catalogue.release_day >= first) | (first == 0)))
    rows = rows[np.argsort(catalogue.track_ids[rows])]
    day_of = [params.start + timedelta(days=int(day)) for day in catalogue.release_day[rows]]
    artist, album = catalogue.artist_of[rows], catalogue.album_of[rows]
    _, heads = np.unique(album, return_index=True)
    genres = genre_of(catalogue, np.arange(len(names)))
    artists = [(a + 1, names[a], genre_name(genres[a])) for a in range(len(names))] if first == 0 else []
    track_genres, tags = genres_and_tags(params, catalogue)
    numbers = measured(params, catalogue)
    _copy_text(cursor, "artists", artists)
    _copy_text(cursor, "albums", [(album[h] + 1, artist[h] + 1, albums[album[h]], day_of[h]) for h in heads])
    _copy_text(
        cursor,
        "tracks",
        (
            (
                *(catalogue.track_ids[row], songs[row], names[a], albums[b], a + 1, b + 1, out),
                *(track_genres[row], _array(tags[row]), catalogue.duration_ms[row], *numbers[row]),
            )
            for row, a, b, out in zip(rows, artist, album, day_of, strict=True)
        ),
    )
    return {"artists": len(artists), "albums": len(heads), "tracks": len(rows)}


def _array(texts: list[str]) -> str:
    """An array of texts as PostgreSQL reads it; none of ours holds a quote or a backslash."""
    return "{" + ",".join(f'"{text}"' for text in texts) + "}"


def _copy_text(cursor: Any, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Hand rows in the order of the table's columns to PostgreSQL."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", buffer)
