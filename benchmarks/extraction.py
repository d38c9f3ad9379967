"""How long a day of streams takes from PostgreSQL to play counts, beside other clients and beside the server itself.

    python -m benchmarks.extraction --size small|full

An embedded server is started, filled with one day (2 % private, 10 % short, 1 % delivered twice) and removed. The sides
get rid of what does not qualify and of what came twice, and count the pairs; ours alone also accounts for every row
that was dropped, and takes a fingerprint of the others, for which it asks the server a second time, in the same
snapshot. A later run asks for the fingerprint alone, and moves the rows again only if it is another one.

The limits, each a part of the next:

- ``count(*)``: the server looks at each row of the day, on all its cores;
- rows to nobody: it looks at each row with one process, as a query that gives rows has it, and writes what qualifies in
  its binary form to /dev/null (a superuser may). No client can have the rows sooner than that;
- rows to a client that forgets them: what any client of libpq pays;
- pairs counted by the server: the other way round, almost nothing is sent.

What a schedule may gain has a limit too: the seconds of CPU that ours takes of client and server together, spread over
all cores without a pause.

``fetchall`` makes Python tuples and has counted nothing yet. ADBC is not part of the program: it brings the rows
into Arrow tables, and the counting behind it is ours.
"""

import argparse
import os
import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, Literal

import numpy as np
import psutil
import psycopg2
import pyarrow as pa

from benchmarks.harness import FULL, SMALL, Line, Side, Table, compare, keep
from benchmarks.source_day import embedded_server
from recsys_tasks.core.source import SourceConfig
from recsys_tasks.partitions.extracted_day import ExtractedDay
from recsys_tasks.partitions.stream_counting import count_plays
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day

ROWS = {SMALL: 200_000, FULL: 2_000_000}
ROUNDS = 7
DAY = date(2024, 3, 10)
WITHIN_DAY = "streamed_at >= '2024-03-10 00:00:00+00' AND streamed_at < '2024-03-11 00:00:00+00'"
QUALIFIED = f"FROM streams WHERE {WITHIN_DAY} AND NOT private_session AND ms_played >= 30000"
STREAMS = f"SELECT user_id, track_id, event_id {QUALIFIED}"
PAIRS = (
    "SELECT count(*), sum(plays) FROM (SELECT count(*) AS plays FROM "
    f"(SELECT DISTINCT event_id, user_id, track_id {QUALIFIED}) AS once GROUP BY user_id, track_id) AS pairs"
)
Kind = Literal["bigint", "text", "uuid"]
IDS: dict[Kind, str] = {"bigint": "{}", "text": "'spotify:id:' || {}", "uuid": "md5(({})::text)::uuid"}
GOALS: dict[Kind, float] = {"bigint": 1.5, "text": 2.5}
COUNT, NOBODY, FORGOTTEN = "count(*)", "COPY BINARY to /dev/null of the server", "COPY BINARY to a client that forgets"
UNCHANGED, COUNTING = "ours, of a day that did not change", "ours, the counting alone"
PANDAS, ADBC = "pandas.read_sql, drop_duplicates, groupby", "ADBC to Arrow, counted as ours"


class Nowhere:
    """A file that forgets."""

    def write(self, received: bytes) -> None:
        """Forget."""


def main() -> None:
    """Integers and texts, of a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--ids", choices=tuple(IDS), nargs="*", default=list(GOALS))
    args = parser.parse_args()
    with embedded_server() as dsn:
        for kind in args.ids:
            fill(dsn, ROWS[args.size], kind)
            keep(table(dsn, args.size, kind))


def fill(dsn: str, rows: int, ids: Kind) -> None:
    """One day of streams, of which a few listeners and tracks have most."""
    user, track = "(random() ^ 2 * 200000)::bigint * 7919", "(random() ^ 3 * 500000)::bigint * 104729"
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in (
            "SELECT setseed(0.5)",
            "DROP TABLE IF EXISTS streams",
            f"CREATE TABLE streams (event_id bigint, user_id {ids}, track_id {ids}, streamed_at timestamptz, "
            "ms_played integer, private_session boolean)",
            f"INSERT INTO streams SELECT i, {IDS[ids].format(user)}, {IDS[ids].format(track)}, "
            f"timestamptz '2024-03-10 00:00:00+00' + i * (interval '86399 seconds' / {rows}), "
            f"(random() * 300000)::int, random() < 0.02 FROM generate_series(1, {rows}) i",
            "INSERT INTO streams SELECT * FROM streams WHERE event_id % 100 = 0",
            "CREATE INDEX ON streams (streamed_at)",
            "VACUUM ANALYZE streams",
        ):
            cursor.execute(statement)
    connection.close()


def table(dsn: str, size: str, ids: Kind) -> Table:
    """Let the sides take turns, after a look that they agree."""
    connection = psycopg2.connect(dsn)
    cursor = connection.cursor()
    cursor.execute(PAIRS)
    pairs, plays = cursor.fetchone() or (0, 0)
    with Source(dsn, SourceConfig(history_start=DAY, user_id_type=ids, track_id_type=ids)) as source:
        found = extract_day(source, DAY)
        streams = rows_of(found)
        assert (len(found.counts), found.rows_kept) == (pairs, plays), "ours and the server's differ"  # noqa: S101
        ours = [
            Side("ours", lambda: extract_day(source, DAY), "accounts for every dropped row as well"),
            Side(UNCHANGED, lambda: source.fingerprint(DAY), "a late day; no row moves"),
            Side(COUNTING, lambda: count_plays(streams), "of rows that are there; no duplicates among them"),
        ]
        lines = compare([*ours, *limits(cursor), *peers(dsn, ids, pairs)], ROUNDS)
        work = statistics.median(cpu_seconds(connection, ours[0].work) for _ in range(ROUNDS))
    connection.close()
    about = (
        f"{found.rows_read:,} rows of a day with {ids} ids, of which {found.rows_kept:,} are kept in {pairs:,} pairs "
        "of a user and a track. Memory is the client's."
    )
    return Table(f"extraction-{ids}", f"Extraction of a day, {ids} ids", size, about, lines, goal(lines, ids, work))


def cpu_seconds(connection: psycopg2.extensions.connection, work: Callable[[], Any]) -> float:
    """What one call takes of this process and of all processes of the server, to the clock's tick (10 ms) of each."""
    server = psutil.Process(psutil.Process(connection.info.backend_pid).ppid())

    def taken() -> float:
        seconds = sum(server.cpu_times()[2:4])  # of the processes that ended
        for process in (psutil.Process(), server, *server.children()):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                seconds += sum(process.cpu_times()[:2])
        return float(seconds)

    before = taken()
    work()
    return taken() - before


def rows_of(found: ExtractedDay) -> pa.Table:
    """The streams of a day as they come from the source, in another order and without those that were dropped."""
    counts, n = found.counts, found.rows_kept
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts.plays))
    events, nothing = np.arange(n), pa.nulls(n, pa.timestamp("us", "UTC"))
    columns = {"user_id": counts.user_ids.take(rows), "track_id": counts.track_ids.take(rows)}
    return pa.table(columns | {"event_id": events, "instant": nothing})


def limits(cursor: Any) -> list[Side]:
    """What the server needs by itself, and what receiving needs."""

    def answer(question: str) -> None:
        cursor.execute(question)
        cursor.fetchall()

    def forgotten() -> None:
        cursor.copy_expert(f"COPY ({STREAMS}) TO STDOUT (FORMAT binary)", Nowhere())

    return [
        Side(COUNT, lambda: answer(f"SELECT count(*) FROM streams WHERE {WITHIN_DAY}"), "of the same day", limit=True),
        Side(NOBODY, lambda: cursor.execute(f"COPY ({STREAMS}) TO '/dev/null' (FORMAT binary)"), limit=True),
        Side(FORGOTTEN, forgotten, limit=True),
        Side("pairs counted by the server", lambda: answer(PAIRS), "its own memory is not seen", limit=True, rounds=2),
        Side("psycopg2 fetchall", lambda: answer(STREAMS), "has counted nothing yet", rounds=3),
    ]


def peers(dsn: str, ids: Kind, pairs: int) -> list[Side]:
    """Other clients with a count of their own; one that is not installed is left out."""
    sides = []
    for name, made in ((PANDAS, with_pandas), (ADBC, with_adbc)):
        try:
            work = made(dsn, ids)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        assert work() == pairs, f"{name} counts otherwise"  # noqa: S101
        sides.append(Side(name, work))
    return sides


def with_pandas(dsn: str, ids: Kind) -> Callable[[], int]:
    """The usual few lines of a notebook."""
    import pandas
    from sqlalchemy import create_engine

    engine = create_engine(dsn.replace("postgresql://", "postgresql+psycopg2://"))

    def work() -> int:
        streams = pandas.read_sql(STREAMS, engine).drop_duplicates("event_id")
        return len(streams.groupby(["user_id", "track_id"]).size())

    return work


def with_adbc(dsn: str, ids: Kind) -> Callable[[], int]:
    """Arrow's own driver, which reads COPY BINARY."""
    from adbc_driver_postgresql import dbapi

    form = "::text" if ids == "uuid" else ""

    def work() -> int:
        question = f"SELECT user_id{form}, track_id{form}, event_id, NULL::timestamptz AS instant {QUALIFIED}"
        with dbapi.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute(question)
            return len(count_plays(cursor.fetch_arrow_table()))

    return work


def goal(lines: Sequence[Line], ids: Kind, work: float) -> str:
    """What was asked for, and what the limits leave of it. work: seconds of CPU of ours."""
    ratio = {line.name: line.ratio for line in lines}
    to_count, floor = 1 / ratio[COUNT], ratio[NOBODY] / ratio[COUNT]
    said = f"Ours takes {to_count:.1f} x {COUNT}. "
    if asked := GOALS.get(ids):
        said += f"Asked for: at most {asked} x. "
        if to_count > asked:
            said += f"Not met{' by anything that moves rows' if floor > asked else ''}: "
    said += f"the server alone, writing the rows to nobody, takes {floor:.1f} x, and with a client that forgets them "
    said += f"{ratio[FORGOTTEN] / ratio[COUNT]:.1f} x; ours takes {1 / ratio[FORGOTTEN]:.1f} x of that last."
    if PANDAS in ratio:
        met = "met" if ratio[PANDAS] >= 5 else "not met"
        least = ratio[FORGOTTEN] + ratio[UNCHANGED]
        said += f" Asked for: at least 5 times as fast as pandas; it is {ratio[PANDAS]:.1f} times ({met}). A client "
        said += "that asks what was dropped, takes a fingerprint, and forgets the rows, is "
        said += f"{ratio[PANDAS] / least:.1f} times as fast, and {ratio[PANDAS] / (least + ratio[COUNTING]):.1f} times "
        said += "with our counting after it."
        cores, pandas = os.cpu_count() or 1, next(line.seconds for line in lines if line.name == PANDAS)
        said += f" Ours takes {work:.2g} s of CPU, client and server together: {cores} cores that never wait would be "
        said += f"{pandas / (work / cores):.1f} times as fast as pandas."
    return said


if __name__ == "__main__":
    main()
