"""Whatever happens to the source while it is read, the answer is a whole day or an error: never a part of a day."""

import threading
import time
from pathlib import Path

import psycopg2
import pytest
from conftest import execute
from source_tables import (
    DAY,
    NOON,
    OURS,
    config,
    create_streams,
    extract,
    failing_line,
    insert_many,
    killing_a_copy,
    triples,
)

from recsys_tasks.core.errors import SourceUnavailable
from recsys_tasks.partitions.extracted_day import ExtractedDay
from recsys_tasks.source.postgres import ReadSettings, Source
from recsys_tasks.steps.extract import extract_day


class TestOneSnapshot:
    def test_writer_during_extraction(self, source_dsn: str) -> None:
        """While rows come and go, each extraction is a state that the source really had: always whole batches."""
        create_streams(source_dsn)
        batch, stop, commits = 250, threading.Event(), []

        def write() -> None:
            connection = psycopg2.connect(source_dsn)
            while not stop.is_set():
                with connection, connection.cursor() as cursor:
                    number = len(commits)
                    cursor.execute(
                        "INSERT INTO streams SELECT %s + i, i, %s, %s, 40000, false FROM generate_series(1, %s) i",
                        (number * batch, number % 9, NOON, batch),
                    )
                    cursor.execute("DELETE FROM streams WHERE event_id <= %s", ((number - number % 40) * batch,))
                commits.append(number)
            connection.close()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            days: list[ExtractedDay] = []
            with Source(source_dsn, config()) as source:
                while len(days) < 30 or len({day.rows_read for day in days}) == 1:  # however slow the writer is
                    days.append(extract_day(source, DAY))
        finally:
            stop.set()
            writer.join()
        assert all(day.rows_read == day.rows_kept and day.rows_kept % batch == 0 for day in days)
        assert len({day.rows_read for day in days}) > 1

    def test_view_that_answers_differently(self, source_dsn: str) -> None:
        """A view that sends another number of rows than it counted is refused."""
        create_streams(source_dsn)
        insert_many(source_dsn, 2_000)
        execute(source_dsn, "CREATE VIEW plays AS SELECT * FROM streams WHERE event_id <= (SELECT 2000 * random())")
        with (
            Source(source_dsn, config(streams_table="plays")) as source,
            pytest.raises(SourceUnavailable, match=r"counted \d+ qualified streams of 2024-03-10 and sent \d+"),
        ):
            extract_day(source, DAY)

    def test_order_of_arrival(self, source_dsn: str) -> None:
        """The same rows in another order give the same play counts."""
        create_streams(source_dsn)
        insert_many(source_dsn, 3_000)
        before = extract(source_dsn)
        execute(source_dsn, "CREATE TABLE shuffled AS SELECT * FROM streams ORDER BY hashint8(event_id)")
        assert triples(extract(source_dsn, streams_table="shuffled")) == triples(before)


class TestBrokenOff:
    def test_backend_terminated(self, source_dsn: str) -> None:
        """An administrator ends our backend in the middle of the copy: retry, and the retry is whole."""
        create_streams(source_dsn)
        insert_many(source_dsn, 300_000)
        with Source(source_dsn, config()) as source:
            with killing_a_copy(source_dsn), pytest.raises(SourceUnavailable, match="broke off"):
                extract_day(source, DAY)
            assert extract_day(source, DAY).rows_kept == 300_000

    def test_connection_cut(self, source_dsn: str, tmp_path: Path) -> None:
        """A line that is cut after any number of bytes never yields a day."""
        create_streams(source_dsn)
        insert_many(source_dsn, 20_000)
        answer = 20_000 * 20  # bytes, about
        for share in (0.0, 0.001, 0.003, 0.1, 0.5, 0.9, 0.999):
            folder = tmp_path / str(share)
            folder.mkdir()
            with (
                failing_line(source_dsn, folder, int(share * answer)) as address,
                Source(address, config()) as source,
                pytest.raises(SourceUnavailable),
            ):
                extract_day(source, DAY)

    def test_line_that_says_nothing_more(self, source_dsn: str, tmp_path: Path) -> None:
        """A stalled proxy keeps the line open for ever; we hang up after the time that the statements may take."""
        create_streams(source_dsn)
        insert_many(source_dsn, 20_000)
        soon = ReadSettings(stall_grace_s=-1.5)  # half a second in all
        for answer in (
            450,
            1_000,
            50_000,
        ):  # bytes: within SQLAlchemy's first questions, the schema's, the rows
            folder, start = tmp_path / str(answer), time.monotonic()
            folder.mkdir()
            with (
                failing_line(source_dsn, folder, answer, stall=True) as address,
                Source(address, config(statement_timeout_s=1), settings=soon) as source,
                pytest.raises(SourceUnavailable),
            ):
                extract_day(source, DAY)
            assert time.monotonic() - start < 10

    def test_statement_that_takes_too_long(self, source_dsn: str) -> None:
        """A table that stays locked, or a query without end, is broken off after the configured time."""
        create_streams(source_dsn)
        holder = psycopg2.connect(source_dsn)
        holder.cursor().execute("LOCK TABLE streams IN ACCESS EXCLUSIVE MODE")
        with (
            Source(source_dsn, config(statement_timeout_s=1)) as source,
            pytest.raises(SourceUnavailable, match=r"query_canceled \(57014\), by source\.statement_timeout_s"),
        ):
            extract_day(source, DAY)
        holder.close()


def test_nothing_is_left_open(source_dsn: str) -> None:
    """Between two questions no transaction is open, and after the last no connection is."""
    create_streams(source_dsn)
    observer = psycopg2.connect(source_dsn)
    observer.autocommit = True
    with observer.cursor() as cursor:
        with Source(source_dsn, config()) as source:
            extract_day(source, DAY)
            cursor.execute(f"SELECT state, xact_start {OURS}")
            assert cursor.fetchall() == [("idle", None)]
        deadline, left = time.monotonic() + 30, -1
        while left and time.monotonic() < deadline:  # the server ends a session a moment after its client
            cursor.execute(f"SELECT count(*) {OURS}")
            ((left,),) = cursor.fetchall()
        assert left == 0
    observer.close()
