"""How the server finds what it is asked for: no question of an ordinary day reads the whole history."""

from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from conftest import execute
from source_tables import DAY, LONG, NOON, config, create_streams

from recsys_tasks.source import postgres, tally
from recsys_tasks.source.plans import WayToADay
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day


def test_every_question_goes_by_the_index(source_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six years of streams with an index on the instant: a day, and what is asked of all rows, are looked up in it."""
    create_streams(source_dsn)
    hourly = f"i, i % 9, i % 7, '{NOON}'::timestamptz - i * interval '80 minutes', {LONG}, false"
    execute(source_dsn, f"INSERT INTO streams SELECT {hourly} FROM generate_series(1, 40000) i",
            "CREATE INDEX ON streams (streamed_at)", "ANALYZE streams")  # fmt: skip
    asked: list[Any] = []
    for module, name in ((postgres, "instants_query"), (tally, "tally_query"), (postgres, "streams_query")):
        made = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *of, made=made: asked.append(made(*of)) or asked[-1])
    with Source(source_dsn, config()) as source:
        extract_day(source, DAY)
        source.fingerprint(DAY)
        source.unusable_instants()
        source.has_begun(DAY + timedelta(days=1), NOON + timedelta(days=2))
        source.first_day()
        source.last_day()
    connection = psycopg2.connect(source_dsn)
    with connection.cursor() as cursor:
        for question in asked:
            cursor.execute("EXPLAIN " + question.as_string(cursor))
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "streams_streamed_at_idx" in plan
            assert "Seq Scan" not in plan
    connection.close()
    assert len(asked) == 7


class TestWayToADay:
    def way(self, dsn: str, table: str, column: str = "streamed_at") -> WayToADay:
        """How a day of a table is found."""
        with Source(dsn, config(streams_table=table, streamed_at=column)) as source:
            return source.way_to_a_day(DAY)

    def test_below_a_view_the_tables_own_names_are_told(self, source_dsn: str) -> None:
        """The statement names the table and the column that the view reads; once made, the index is found."""
        create_streams(source_dsn)
        execute(
            source_dsn,
            'CREATE SCHEMA "Raw"',
            'ALTER TABLE streams SET SCHEMA "Raw"',
            'ALTER TABLE "Raw".streams RENAME streamed_at TO "At"',
            'CREATE VIEW plays AS SELECT event_id, user_id, track_id, "At" AS streamed_at, ms_played, private_session '
            'FROM "Raw".streams',
        )
        statement = self.way(source_dsn, "plays").create_index
        assert statement == 'CREATE INDEX CONCURRENTLY ON "Raw"."streams" ("At");'
        execute(
            source_dsn,
            statement,
            f"INSERT INTO \"Raw\".streams SELECT i, i, i, '{NOON}', {LONG}, false FROM generate_series(1, 9) i",
            'ANALYZE "Raw".streams',  # so few rows that the server would read them all on an ordinary day
        )
        assert self.way(source_dsn, "plays") == WayToADay("index streams_At_idx")

    def test_below_a_view_that_names_the_zone_the_expression_is_told(self, source_dsn: str) -> None:
        """The view that init prints for naive timestamps: no view takes an index, and the column's own would not do."""
        create_streams(source_dsn)
        execute(
            source_dsn,
            "ALTER TABLE streams ALTER streamed_at TYPE timestamp USING streamed_at AT TIME ZONE 'UTC'",
            'ALTER TABLE streams RENAME streamed_at TO "playedAt"',
            "CREATE VIEW recsys_streams AS SELECT event_id, user_id, track_id, ms_played, private_session, "
            "\"playedAt\" AT TIME ZONE 'UTC' AS streamed_at FROM streams",
        )
        statement = self.way(source_dsn, "recsys_streams").create_index
        assert statement == """CREATE INDEX CONCURRENTLY ON "public"."streams" (("playedAt" AT TIME ZONE 'UTC'));"""
        execute(
            source_dsn,
            statement,
            f"INSERT INTO streams SELECT i, i, i, '{NOON}', {LONG}, false FROM generate_series(1, 9) i",
            "ANALYZE streams",
        )
        assert self.way(source_dsn, "recsys_streams").create_index == ""

    def test_partitions_need_no_index_of_their_own(self, source_dsn: str) -> None:
        """By the instant they are as good as an index; by anything else, the index belongs on the parent."""
        columns = (
            "event_id int, user_id int, track_id int, streamed_at timestamptz, ms_played int, private_session bool"
        )
        for name, by in (("daily", "streamed_at"), ("by_user", "user_id")):
            execute(
                source_dsn,
                f"CREATE TABLE {name} ({columns}) PARTITION BY RANGE ({by})",
                f"CREATE TABLE {name}_all PARTITION OF {name} DEFAULT",
            )
        assert self.way(source_dsn, "daily").create_index == ""
        assert "partitions by the instant" in self.way(source_dsn, "daily").found_by
        assert self.way(source_dsn, "by_user").create_index == "CREATE INDEX ON by_user (streamed_at);"
