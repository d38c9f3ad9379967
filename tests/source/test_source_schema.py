"""What is wrong with the source's tables or address is said in one clear line, before a row is read."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import execute
from source_tables import DAY, NOON, config, create_streams, extract, insert, triples

from recsys_tasks.core.config import CatalogueConfig
from recsys_tasks.core.errors import ConfigError, RecsysError, SourceMismatch, SourceUnavailable
from recsys_tasks.source.postgres import Source

CANARY = "c4n@ry/pass word"
CANARY_ENCODED = "c4n%40ry%2Fpass%20word"


def refusal(dsn: str, kind: type[RecsysError], catalogue: CatalogueConfig | None = None, **fields: Any) -> str:
    """The one line with which both the check and the extraction refuse."""
    with Source(dsn, config(**fields), catalogue) as source, pytest.raises(kind) as caught:
        source.check()
    if catalogue is None:
        with Source(dsn, config(**fields)) as source, pytest.raises(kind):
            source.extract_day(DAY)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def reader(source_dsn: str) -> Iterator[tuple[str, str]]:
    """A role without any rights, and its address."""
    name = f"reader_{uuid.uuid4().hex[:12]}"
    execute(source_dsn, f"CREATE ROLE {name} LOGIN")
    yield name, source_dsn.replace("postgres:@", f"{name}@")
    execute(source_dsn, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


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
        for name in ("a.b.c", ".b", ""):
            assert repr(name) in refusal(source_dsn, ConfigError, streams_table=name)

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
        """A column that vanishes after the check is a mismatch too."""
        create_streams(source_dsn)
        with Source(source_dsn, config()) as source:
            source.check()
            execute(source_dsn, "ALTER TABLE streams DROP user_id")
            with pytest.raises(SourceMismatch, match="user_id"):
                source.extract_day(DAY)

    @pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW", "partitioned"])
    def test_other_relations(self, source_dsn: str, kind: str) -> None:
        """A view, a materialized view and a partitioned table are as good as a table; so is a domain as its type."""
        create_streams(source_dsn)
        insert(source_dsn, [(1, 7, 70)])
        if kind == "partitioned":
            execute(
                source_dsn,
                "CREATE DOMAIN listener AS bigint",
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
        assert f'GRANT SELECT ON "streams" TO {name};' in message
        assert "may not read event_id, ms_played" in message

    def test_rights_missing_behind_a_view(self, source_dsn: str, reader: tuple[str, str]) -> None:
        """A view that reads with its reader's rights is refused by the server, in one line as well."""
        name, address = reader
        create_streams(source_dsn)
        execute(source_dsn, "CREATE VIEW plays WITH (security_invoker) AS SELECT * FROM streams")
        execute(source_dsn, f"GRANT SELECT ON plays TO {name}")
        with Source(address, config(streams_table="plays")) as source:
            source.check()
            with pytest.raises(SourceMismatch, match=r"permission denied for table streams\. GRANT"):
                source.extract_day(DAY)

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
            pytest.raises(SourceMismatch, match="read-only transaction"),
        ):
            source.extract_day(DAY)

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
            source.extract_day(DAY)
        assert "somebody" not in str(caught.value)

    def test_text_that_is_not_utf8(self, postgres: Any) -> None:
        """Bytes that are no UTF-8, which a database without an encoding may hold, are a mismatch and stay unsaid."""
        name = f"test_{uuid.uuid4().hex}"
        execute(postgres.get_uri(), f"CREATE DATABASE {name} ENCODING SQL_ASCII TEMPLATE template0 LOCALE 'C'")
        try:
            dsn = postgres.get_uri(database=name)
            create_streams(dsn, user="text")
            execute(dsn, rf"INSERT INTO streams VALUES (1, E'caf\xe9', 70, '{NOON}', 200000, false)")
            with Source(dsn, config(user_id_type="text")) as source, pytest.raises(SourceMismatch, match="22021"):
                source.extract_day(DAY)
        finally:
            execute(postgres.get_uri(), f"DROP DATABASE {name} WITH (FORCE)")


class TestAddress:
    @pytest.mark.parametrize(
        "password", [CANARY_ENCODED, "c4n@ry", "c4n/ry", "12/c4n", "c4n?ry", "c4n#ry", "c4n%ry", "c4n ry"]
    )
    def test_unreachable(self, password: str) -> None:
        """Nobody answers: host and database are named, and the password, well encoded or not, is not."""
        for address in (
            f"postgresql://me:{password}@127.0.0.1:1/music",
            f"host=127.0.0.1 port=1 dbname=music password={password}",
        ):
            with pytest.raises((SourceUnavailable, ConfigError)) as caught, Source(address, config()) as source:
                source.check()
            message = str(caught.value)
            assert "c4n" not in message
            assert "\n" not in message
            assert "database music at 127.0.0.1:1" in message or isinstance(caught.value, ConfigError)

    @pytest.mark.parametrize(
        "address", ["", " ", "nonsense", "mysql://me:c4n@host/music", "postgresql://me:c4n@host:port/music"]
    )
    def test_no_address(self, address: str) -> None:
        """What is not a connection string is refused without a look at the network."""
        with pytest.raises(ConfigError, match="postgresql://user:password@host:port/database"):
            Source(address, config())

    def test_missing_database(self, postgres: Any) -> None:
        """A database that is not there may come: retry."""
        assert "database nowhere at" in refusal(postgres.get_uri(database="nowhere"), SourceUnavailable)

    def test_wrong_password(self, postgres: Any, source_dsn: str, reader: tuple[str, str]) -> None:
        """A refused password is not repeated, in its raw or its encoded form."""
        name, address = reader
        execute(source_dsn, f"ALTER ROLE {name} PASSWORD 'the right one'")
        rules = Path(postgres.pgdata) / "pg_hba.conf"
        before = rules.read_text()
        rules.write_text(f"local all {name} scram-sha-256\n{before}")
        execute(source_dsn, "SELECT pg_reload_conf()")
        try:
            message = refusal(address.replace(f"{name}@", f"{name}:{CANARY_ENCODED}@"), SourceUnavailable)
        finally:
            rules.write_text(before)
            execute(source_dsn, "SELECT pg_reload_conf()")
        assert "password authentication failed" in message
        assert "c4n" not in message

    def test_password_in_the_servers_words(self) -> None:
        """Should another program repeat the password, the message does not."""
        from recsys_tasks.source.connection import parse_address

        address = parse_address(f"postgresql://me:{CANARY_ENCODED}@host/music")
        said = address.words(f"no: {CANARY}\n and {CANARY_ENCODED}.\n")
        assert said == "no: *** and ***"
        assert "c4n" not in repr(address)
