"""Settings that the server's owner made for our role or database neither change what is extracted nor break it."""

import select
from datetime import date
from typing import Any

import psycopg2
import pytest
from conftest import execute
from source_tables import DAY, config, create_streams, insert, refusal, triples

from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.core.source import CatalogueConfig
from recsys_tasks.partitions.extracted_day import ExtractedDay
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day

CATALOGUE = CatalogueConfig(table="tracks", features={"tempo": "tempo"})
SETTINGS = {
    "TimeZone": "Pacific/Kiritimati",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "quote_all_identifiers": "on",
    "search_path": "shadows, pg_catalog, public",
    "client_encoding": "SQL_ASCII",
    "lc_monetary": "C.UTF-8",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "on",
    "idle_in_transaction_session_timeout": "50ms",
    "idle_session_timeout": "0",
    "statement_timeout": "500ms",
    "client_min_messages": "debug5",
    "plan_cache_mode": "force_generic_plan",
    "enable_indexscan": "off",
    "xmloption": "document",
    "row_security": "on",
}
"""Each with a value that is far from ours."""


def set_for_database(dsn: str, **settings: str) -> None:
    """Give each session of the database a setting, as ALTER ROLE would."""
    name = psycopg2.extensions.parse_dsn(dsn)["dbname"]
    execute(dsn, *(f"ALTER DATABASE {name} SET {key} = {value}" for key, value in settings.items()))


def served(dsn: str, **fields: Any) -> tuple[ExtractedDay, str | None, list[dict[str, Any]]]:
    """The day, its fingerprint, and the catalogue."""
    with Source(dsn, config(**fields), CATALOGUE) as source:
        source.check()
        return extract_day(source, DAY), source.fingerprint(DAY), source.catalogue().to_pylist()


@pytest.fixture
def service(source_dsn: str) -> str:
    """Streams whose event ids are times of a double, and a catalogue with fractions; operators that lie in wait."""
    create_streams(source_dsn, user="text", event="double precision")
    insert(source_dsn, [(0.1 + 0.2, "back\\slash", 70), (0.3, "back\\slash", 70), (3, "it's", 71), (3, "it's", 71)])
    execute(
        source_dsn,
        "CREATE TABLE tracks (track_id bigint, title text, artist text, released_on date, tempo double precision)",
        "INSERT INTO tracks VALUES (70, 'NULL', '', '2024-02-01', 0.1 + 0.2), (71, 'it''s', E'\\\\', NULL, 1e-300)",
        "CREATE SCHEMA shadows",
        "CREATE FUNCTION shadows.count(anyelement) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
        "CREATE FUNCTION shadows.nullif(text, text) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
        "CREATE FUNCTION shadows.never(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR shadows.>= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = shadows.never)",
    )
    return source_dsn


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_the_server_changes_nothing(service: str, setting: str) -> None:
    """Under each setting the day, its fingerprint and the catalogue are what they are without it."""
    before = served(service, user_id_type="text")
    assert triples(before[0]) == [("back\\slash", 70, 2), ("it's", 71, 1)]
    set_for_database(service, **{setting: SETTINGS[setting] if setting == "search_path" else f"'{SETTINGS[setting]}'"})
    found = served(service, user_id_type="text")
    assert triples(found[0]) == triples(before[0])
    assert (found[0].dropped, found[1:]) == (before[0].dropped, before[1:])
    assert found[2][0]["released_on"] == date(2024, 2, 1)


def test_a_session_that_waits_in_its_transaction_lives(service: str) -> None:
    """The server that ends idle transactions at once does not end ours while rows are counted on our side."""
    set_for_database(service, idle_in_transaction_session_timeout="'1s'")
    observer = psycopg2.connect(service, options="-c idle_in_transaction_session_timeout=0")
    observer.autocommit = True
    with (
        Source(service, config(user_id_type="text"), CATALOGUE) as source,
        source.open_day(DAY) as opened,
        observer.cursor() as cursor,
    ):
        waited = False
        while not waited:  # longer than the server would let it live
            cursor.execute(
                "SELECT clock_timestamp() - state_change > '1.5s' FROM pg_stat_activity WHERE state LIKE 'idle in%' "
                "AND application_name = 'recsys' AND datname = current_database()"
            )
            ((waited,),) = cursor.fetchall()
        assert opened.tally().rows_read == 4
    observer.close()


def test_a_session_that_was_ended_between_two_questions_is_opened_again(service: str) -> None:
    """Storing a day takes longer than idle_session_timeout, or a pooler, may grant: the next question reconnects."""
    ours = "application_name = 'recsys' AND datname = current_database()"
    with Source(service, config(user_id_type="text"), CATALOGUE) as source:
        before = source.fingerprint(DAY)
        assert source._connection is not None
        execute(service, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        select.select([source._connection.connection.driver_connection], [], [])  # the server's farewell
        assert source.fingerprint(DAY) == before


class TestSearchPath:
    def test_a_name_in_two_schemas_is_refused(self, service: str) -> None:
        """Where the path finds two such tables, the message names them; with a schema before it, each is read."""
        execute(service, "CREATE SCHEMA app", "CREATE TABLE app.streams AS SELECT * FROM streams LIMIT 2")
        assert len(triples(served(service, user_id_type="text")[0])) == 2
        set_for_database(service, search_path="app, public")
        message = refusal(service, SourceMismatch, user_id_type="text")
        assert message == (
            "The source has several tables streams in the schemas that are searched. "
            "Write source.streams_table = app.streams or public.streams."
        )
        assert served(service, user_id_type="text", streams_table="app.streams")[0].rows_read == 2
        assert served(service, user_id_type="text", streams_table="public.streams")[0].rows_read == 4

    def test_a_schema_of_the_readers_name_does_not_choose(self, service: str, reader: tuple[str, str]) -> None:
        """Whoever may make a schema cannot slip another table under an unqualified name."""
        name, address = reader
        execute(service, f"GRANT SELECT ON streams, tracks TO {name}", f"CREATE SCHEMA {name}")
        assert served(address, user_id_type="text")[0].rows_read == 4
        execute(
            service,
            f"CREATE TABLE {name}.streams AS SELECT * FROM streams LIMIT 1",
            f"GRANT USAGE ON SCHEMA {name} TO {name}",
            f"GRANT SELECT ON {name}.streams TO {name}",
        )
        assert f"source.streams_table = {name}.streams or public.streams" in refusal(
            address, SourceMismatch, user_id_type="text"
        )

    def test_the_path_is_asked_once(self, service: str) -> None:
        """A table that is made later, before ours on the path, is not read: what was found goes by its full name."""
        execute(service, "CREATE SCHEMA app")
        set_for_database(service, search_path="app, public")
        with Source(service, config(user_id_type="text"), CATALOGUE) as source:
            assert source.check() == ("public.streams", "public.tracks")
            execute(service, "CREATE TABLE app.streams AS SELECT * FROM streams WHERE false")
            assert extract_day(source, DAY).rows_read == 4

    def test_a_temporary_table_of_a_shared_session_is_not_read(self, service: str) -> None:
        """Behind a pooler somebody else's temporary table may lie in the session, before all schemas."""
        with Source(service, config(user_id_type="text"), CATALOGUE) as source:
            assert source.check() == ("public.streams", "public.tracks")
            assert source._connection is not None
            driver = source._connection.connection.driver_connection
            driver.set_session(readonly=False)
            with driver, driver.cursor() as cursor:
                cursor.execute("CREATE TEMP TABLE streams AS SELECT * FROM streams LIMIT 1")
            driver.set_session(readonly=True)
            source._streams = None
            assert source.check() == ("public.streams", "public.tracks")
            assert extract_day(source, DAY).rows_read == 4

    def test_functions_of_a_view_find_what_they_found(self, service: str) -> None:
        """What a view's function looks up by the role's own path is still found."""
        execute(
            service,
            "CREATE TABLE shadows.bots AS SELECT 'it''s'::text AS user_id",
            "CREATE FUNCTION is_bot(who text) RETURNS boolean LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN who IN (SELECT user_id FROM bots); END $$",
            "CREATE VIEW plays AS SELECT * FROM streams WHERE NOT is_bot(user_id)",
        )
        set_for_database(service, search_path="public, shadows")
        assert triples(served(service, user_id_type="text", streams_table="plays")[0]) == [("back\\slash", 70, 2)]
