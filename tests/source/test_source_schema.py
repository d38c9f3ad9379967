"""What is wrong with the source's tables or rights is said in one clear line, before a row is read."""

import uuid
from typing import Any

import pytest
from conftest import execute
from source_tables import DAY, NOON, config, create_streams, extract, insert, refusal, triples

from recsys_tasks.core.errors import ConfigError, SourceMismatch
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.source import CatalogueConfig
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day


class TestTables:
    def test_missing_table(self, source_dsn: str) -> None:
        """The message names tables of a like name."""
        execute(
            source_dsn,
            'CREATE TABLE "Streams" (i int)',
            "CREATE TABLE other (i int)",
            "CREATE INDEX streams ON other (i)",
        )
        message = refusal(source_dsn, SourceMismatch)
        assert "no table or view streams (names like it: public.Streams)" in message
        assert "source.streams_table" in message

    def test_name_of_three_parts(self, source_dsn: str) -> None:
        """A name that is neither name nor schema.name is the configuration's fault."""
        for name in ("a.b.c", ".b", "", "a\0b", "a\u202eb"):
            assert repr(name) in refusal(source_dsn, ConfigError, streams_table=name)

    def test_names_that_a_terminal_obeys(self, source_dsn: str) -> None:
        """What the owner of a table calls its columns reaches a message as one short line of printable characters."""
        many = ", ".join(f'"{"x" * 50}{number}" int' for number in range(900))
        execute(source_dsn, f'CREATE TABLE streams ("\x1b[2J\u202e" int, "two\nlines" int, {many})')
        message = refusal(source_dsn, SourceMismatch)
        assert "streams has no column user_id; it has \ufffd[2J\ufffd, two lines, xxx" in message
        assert message.isprintable()
        assert len(message) < 500

    def test_missing_column(self, source_dsn: str) -> None:
        """The message lists the columns that are there, without those that were dropped."""
        create_streams(source_dsn)
        execute(source_dsn, "ALTER TABLE streams RENAME ms_played TO milliseconds", "ALTER TABLE streams DROP event_id")
        message = refusal(source_dsn, SourceMismatch, event_id=None)
        assert "no column ms_played; it has user_id, track_id, streamed_at, milliseconds, private_session" in message

    def test_naive_timestamp(self, source_dsn: str) -> None:
        """A timestamp without time zone is refused, with what to do."""
        create_streams(source_dsn)
        execute(source_dsn, "ALTER TABLE streams ALTER streamed_at TYPE timestamp")
        message = refusal(source_dsn, SourceMismatch)
        assert "is timestamp without time zone" in message
        assert "AT TIME ZONE" in message

    def test_column_of_another_type(self, source_dsn: str) -> None:
        """A type that would lose or invent something is refused, with the setting that fits where there is one."""
        for column, kind, advice in (
            ("user_id", "text", 'Set source.user_id_type = "text".'),
            ("track_id", "uuid", 'Set source.track_id_type = "uuid".'),
            ("user_id", "numeric", "Cast it in a view"),
            ("track_id", "double precision", "Cast it in a view"),
            ("ms_played", "double precision", "needs smallint or integer or bigint"),
            ("private_session", "integer", "needs boolean"),
            ("streamed_at", "date", "needs timestamp with time zone"),
        ):
            execute(source_dsn, "DROP TABLE IF EXISTS streams")
            create_streams(source_dsn)
            execute(source_dsn, f"ALTER TABLE streams DROP {column}", f"ALTER TABLE streams ADD {column} {kind}")
            message = refusal(source_dsn, SourceMismatch)
            assert f"Column {column} of streams is {kind}" in message
            assert advice in message

    def test_table_altered_between_days(self, source_dsn: str) -> None:
        """A column that vanishes after the check is a mismatch too, and the next question names it."""
        create_streams(source_dsn)
        with Source(source_dsn, config()) as source:
            source.check()
            execute(source_dsn, "ALTER TABLE streams DROP user_id")
            with pytest.raises(SourceMismatch, match=r"asked of streams .*: undefined_column \(42703\)"):
                extract_day(source, DAY)
            with pytest.raises(SourceMismatch, match="has no column user_id"):
                extract_day(source, DAY)

    def test_type_that_sqlalchemy_does_not_know(self, source_dsn: str, recwarn: pytest.WarningsRecorder) -> None:
        """A type of one's own is refused where a column needs another, and says nothing where it is not read."""
        create_streams(source_dsn)
        insert(source_dsn, [(1, 7, 70)])
        execute(source_dsn, "CREATE TYPE pair AS (x int, y int)", "ALTER TABLE streams ADD place pair, ADD at point")
        assert triples(extract(source_dsn)) == [(7, 70, 1)]
        message = refusal(source_dsn, SourceMismatch, user_id="place")
        assert "Column place of streams is of no common type, and source.user_id needs smallint" in message
        assert [str(each.message) for each in recwarn if "recognize" in str(each.message)] == []

    def test_names_like_the_missing_one(self, source_dsn: str) -> None:
        """Views, materialized views and partitioned tables of any schema are named where theirs is nearly the name."""
        execute(
            source_dsn,
            'CREATE SCHEMA "Music"',
            'CREATE VIEW "Music".streamz AS SELECT 1 AS i',
            'CREATE MATERIALIZED VIEW "Music".stream AS SELECT 1 AS i',
            "CREATE TABLE Xstreams (i int) PARTITION BY RANGE (i)",
        )
        message = refusal(source_dsn, SourceMismatch)
        assert all(name in message for name in ("Music.streamz", "Music.stream", "public.xstreams"))

    @pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW", "partitioned"])
    def test_other_relations(self, source_dsn: str, kind: str) -> None:
        """A view, a materialized view and a partitioned table are as good as a table; so is a domain as its type."""
        create_streams(source_dsn)
        insert(source_dsn, [(1, 7, 70)])
        if kind == "partitioned":
            execute(
                source_dsn,
                "CREATE DOMAIN person AS bigint",
                "CREATE DOMAIN listener AS person",
                "CREATE TABLE plays (event_id int, user_id listener, track_id bigint, streamed_at timestamptz, "
                "ms_played integer, private_session boolean) PARTITION BY RANGE (streamed_at)",
                "CREATE TABLE all_plays PARTITION OF plays DEFAULT",
                "INSERT INTO plays SELECT * FROM streams",
            )
        else:
            execute(source_dsn, f"CREATE {kind} plays AS SELECT * FROM streams")
        assert triples(extract(source_dsn, streams_table="plays")) == [(7, 70, 1)]

    def test_catalogue(self, source_dsn: str) -> None:
        """The catalogue is held to the configuration as well."""
        create_streams(source_dsn)
        tracks = CatalogueConfig(table="tracks")
        assert "no table or view tracks" in refusal(source_dsn, SourceMismatch, tracks)
        execute(source_dsn, "CREATE TABLE tracks (track_id text, title text, artist text, released_on timestamp)")
        assert 'Set source.track_id_type = "text"' in refusal(source_dsn, SourceMismatch, tracks)
        execute(source_dsn, "ALTER TABLE tracks DROP track_id", "ALTER TABLE tracks ADD track_id int")
        assert "released_on of tracks is timestamp without time zone" in refusal(source_dsn, SourceMismatch, tracks)


class TestRights:
    def test_select_alone(self, source_dsn: str, reader: tuple[str, str]) -> None:
        """SELECT suffices, even if only on the columns that are named; nothing can be written on the way."""
        name, address = reader
        create_streams(source_dsn)
        insert(source_dsn, [(1, 7, 70)])
        execute(source_dsn, "ALTER TABLE streams ADD secret text")
        columns = "event_id, user_id, track_id, streamed_at, ms_played, private_session"
        execute(source_dsn, f"GRANT SELECT ({columns}) ON streams TO {name}")
        assert triples(extract(address)) == [(7, 70, 1)]

    def test_no_rights(self, source_dsn: str, reader: tuple[str, str]) -> None:
        """The message is the GRANT that is missing: on the schema, on the table, or behind a view."""
        name, address = reader
        execute(source_dsn, 'CREATE SCHEMA "Music"', 'CREATE TABLE "Music".streams (i int)')
        assert "GRANT USAGE on the schema" in refusal(address, SourceMismatch, streams_table="Music.streams")
        create_streams(source_dsn)
        message = refusal(address, SourceMismatch)
        assert f'GRANT SELECT ON "public"."streams" TO {name};' in message
        assert "may not read event_id, ms_played" in message

    def test_rights_missing_behind_a_view(self, source_dsn: str, reader: tuple[str, str]) -> None:
        """A view that reads with its reader's rights is refused by the server, in one line as well."""
        name, address = reader
        create_streams(source_dsn)
        execute(source_dsn, "CREATE VIEW plays WITH (security_invoker) AS SELECT * FROM streams")
        execute(source_dsn, f"GRANT SELECT ON plays TO {name}")
        with Source(address, config(streams_table="plays")) as source:
            source.check()
            with pytest.raises(SourceMismatch, match=r"read plays .*: insufficient_privilege \(42501\)\. GRANT"):
                extract_day(source, DAY)

    def test_view_that_writes(self, source_dsn: str) -> None:
        """Even a superuser's view cannot write to the source through us."""
        create_streams(source_dsn)
        insert(source_dsn, [(1, 7, 70)])
        execute(
            source_dsn,
            "CREATE TABLE log (t timestamptz)",
            "CREATE FUNCTION note() RETURNS boolean LANGUAGE sql AS 'INSERT INTO log VALUES (now()) RETURNING false'",
            "CREATE VIEW plays AS "
            "SELECT event_id, user_id, track_id, streamed_at, ms_played, note() AS private_session FROM streams",
        )
        with (
            Source(source_dsn, config(streams_table="plays")) as source,
            pytest.raises(SourceMismatch, match="read_only_sql_transaction"),
        ):
            extract_day(source, DAY)

    def test_value_that_cannot_be_converted(self, source_dsn: str) -> None:
        """A view that fails on a row is a mismatch, and the value, which may be somebody's id, is not repeated."""
        create_streams(source_dsn, user="text")
        insert(source_dsn, [(1, "somebody", 70)])
        columns = "event_id, user_id::bigint AS user_id, track_id, streamed_at, ms_played, private_session"
        execute(source_dsn, f"CREATE VIEW plays AS SELECT {columns} FROM streams")
        with (
            Source(source_dsn, config(streams_table="plays")) as source,
            pytest.raises(SourceMismatch, match="22P02") as caught,
        ):
            extract_day(source, DAY)
        assert "somebody" not in str(caught.value)

    @pytest.mark.parametrize("table", ["hours", "segments", "never_again"])
    def test_a_view_that_fails_is_named(self, source_dsn: str, table: str) -> None:
        """What was read when it failed is the view of the products, not the streams, as the configuration names it."""
        create_streams(source_dsn)
        columns = "1 / (user_id - user_id) AS user_id, 1 / (user_id - user_id) AS track_id, 'a' AS segment"
        execute(source_dsn, f"CREATE VIEW failing AS SELECT {columns}, 3 AS hour, 1 AS plays FROM streams")
        insert(source_dsn, [(1, 1, 1)])
        products = ProductsConfig(**{f"{table}_table": "failing"})
        read = {
            "hours": lambda source: source.hours(products),
            "segments": lambda source: source.segments(products),
            "never_again": lambda source: source.never_again(products, DAY),
        }[table]
        with (
            Source(source_dsn, config()) as source,
            pytest.raises(SourceMismatch, match=rf"failing \(products\.{table}_table\): division_by_zero"),
        ):
            read(source)

    def test_text_that_is_not_utf8(self, postgres: Any) -> None:
        """Bytes that are no UTF-8, which a database without an encoding may hold, are a mismatch and stay unsaid."""
        name = f"test_{uuid.uuid4().hex}"
        execute(postgres.get_uri(), f"CREATE DATABASE {name} ENCODING SQL_ASCII TEMPLATE template0 LOCALE 'C'")
        try:
            dsn = postgres.get_uri(database=name)
            create_streams(dsn, user="text")
            execute(dsn, rf"INSERT INTO streams VALUES (1, E'caf\xe9', 70, '{NOON}', 200000, false)")
            with Source(dsn, config(user_id_type="text")) as source, pytest.raises(SourceMismatch, match="22021"):
                extract_day(source, DAY)
        finally:
            execute(postgres.get_uri(), f"DROP DATABASE {name} WITH (FORCE)")
