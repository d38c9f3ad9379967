"""How the server finds what it is asked for: no question of an ordinary day reads the whole history."""

from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from conftest import execute
from source_tables import DAY, LONG, NOON, config, create_streams

from recsys_tasks.source import postgres as source_module
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day


def test_every_question_goes_by_the_index(source_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six years of streams with an index on the instant: a day, and what is asked of all rows, are looked up in it."""
    create_streams(source_dsn)
    hourly = f"i, i % 9, i % 7, '{NOON}'::timestamptz - i * interval '80 minutes', {LONG}, false"
    execute(source_dsn, f"INSERT INTO streams SELECT {hourly} FROM generate_series(1, 40000) i",
            "CREATE INDEX ON streams (streamed_at)", "ANALYZE streams")  # fmt: skip
    asked: list[Any] = []
    for name in ("instants_query", "tally_query", "streams_query"):
        made = getattr(source_module, name)
        monkeypatch.setattr(source_module, name, lambda *of, made=made: asked.append(made(*of)) or asked[-1])
    with Source(source_dsn, config()) as source:
        extract_day(source, DAY)
        source.fingerprint(DAY)
        source.unusable_instants()
        source.has_stream_at_or_after(DAY + timedelta(days=1))
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
