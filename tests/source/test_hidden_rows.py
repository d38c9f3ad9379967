"""Rows that row-level security would hide are refused, never left out in silence."""

from collections.abc import Iterator

import psycopg2
import pytest
from conftest import execute, fetch
from source_tables import DAY, config, create_streams, insert

from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.core.source import CatalogueConfig
from recsys_tasks.source.connection import set_where_known
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day

CATALOGUE = CatalogueConfig(table="tracks", released_on=None)


@pytest.fixture
def guarded(source_dsn: str, reader: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """A role that a policy shows every second listener's streams, and its address."""
    name, address = reader
    create_streams(source_dsn)
    insert(source_dsn, [(event, event, 1) for event in range(10)])
    execute(
        source_dsn,
        "CREATE TABLE tracks (track_id bigint, title text, artist text)",
        f"GRANT SELECT ON streams, tracks TO {name}",
        "ALTER TABLE streams ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY half ON streams USING (user_id % 2 = 0)",
    )
    yield name, address
    execute(source_dsn, f"ALTER ROLE {name} NOBYPASSRLS")


def rows_kept(address: str) -> int:
    """Streams of the day that are extracted."""
    with Source(address, config()) as source:
        return extract_day(source, DAY).rows_kept


class TestRowLevelSecurity:
    def test_the_policy_would_hide_rows_in_silence(self, guarded: tuple[str, str]) -> None:
        """Whoever only selects gets half of the rows, and no word of it."""
        assert fetch(guarded[1], "SELECT count(*) FROM streams") == [(5,)]

    def test_a_day_with_hidden_rows_is_refused(self, guarded: tuple[str, str]) -> None:
        """The message says what hides the rows, of which table, and what to do; nothing is extracted."""
        with pytest.raises(SourceMismatch) as caught:
            rows_kept(guarded[1])
        assert str(caught.value).endswith(
            "hides rows of streams (source.streams_table) from this role by row-level security. A day without them "
            "would pass for the whole day. As a superuser: ALTER ROLE of the reader BYPASSRLS, or name a view whose "
            "owner may see every row."
        )

    def test_a_role_that_sees_every_row_is_served(self, source_dsn: str, guarded: tuple[str, str]) -> None:
        """With the advice taken the same role reads the whole day."""
        execute(source_dsn, f"ALTER ROLE {guarded[0]} BYPASSRLS")
        assert rows_kept(guarded[1]) == 10

    def test_a_policy_of_another_table_matters_nothing(self, source_dsn: str, guarded: tuple[str, str]) -> None:
        """Only tables that are read can hide rows from us."""
        execute(
            source_dsn,
            "ALTER TABLE streams DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE tracks ENABLE ROW LEVEL SECURITY",
        )
        assert rows_kept(guarded[1]) == 10
        with (
            Source(guarded[1], config(), CATALOGUE) as source,
            pytest.raises(SourceMismatch, match=r"tracks \(catalogue\.table\)"),
        ):
            source.catalogue()

    def test_a_view_above_the_table_is_refused_too(self, source_dsn: str, guarded: tuple[str, str]) -> None:
        """A view that asks with the reader's rights hides what the table hides."""
        execute(
            source_dsn,
            "CREATE VIEW seen WITH (security_invoker) AS SELECT * FROM streams",
            f"GRANT SELECT ON seen TO {guarded[0]}",
        )
        with (
            Source(guarded[1], config(streams_table="seen")) as source,
            pytest.raises(SourceMismatch, match="row-level security"),
        ):
            extract_day(source, DAY)

    def test_a_server_that_does_not_know_the_setting_is_served(self, source_dsn: str) -> None:
        """An unknown setting is left out, and what a server refuses leaves the transaction as it was."""
        connection = psycopg2.connect(source_dsn)
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 12345")
            set_where_known(cursor, {"no_such_setting": "off", "lc_monetary": "no such locale"})
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("12345ms",)
        connection.close()
