"""Names of tracks, as the source's catalogue has them."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from conftest import execute
from source_tables import HOSTILE, config, create_streams

from recsys_tasks.core.config import CatalogueConfig
from recsys_tasks.source.postgres import Source


class TestCatalogue:
    def test_names_of_the_tracks_asked_for(self, source_dsn: str) -> None:
        """Only the tracks asked for come back, in order, one row each, with missing names as nulls."""
        create_streams(source_dsn, track="text")
        execute(source_dsn, "CREATE TABLE tracks (track_id text, title text, artist varchar, released_on date)")
        hostile = [each for each in HOSTILE if len(each) < 100]
        rows = [f"({_quoted(each)}, {_quoted(each)}, '', '2024-02-29')" for each in hostile]
        rows += [
            "('t1', NULL, 'b', 'infinity')",
            "('t1', 'z', 'a', NULL)",
            "('other', '', '', NULL)",
            "(NULL, 'n', '', NULL)",
        ]
        execute(source_dsn, f"INSERT INTO tracks VALUES {', '.join(rows)}")
        with Source(source_dsn, config(track_id_type="text"), CatalogueConfig(table="tracks")) as source:
            source.check()
            found = source.catalogue(pa.array([*hostile, "t1", "unknown"]))
        expected = [(each, each, "", date(2024, 2, 29)) for each in hostile] + [("t1", "z", "a", None)]
        rows_found = [tuple(row.values()) for row in found.to_pylist()]
        assert rows_found == sorted(expected, key=lambda row: row[0].encode())
        assert found.schema.field("released_on").type == pa.date32()

    @pytest.mark.parametrize(("kind", "ids"), [("bigint", [5, -1]), ("uuid", ["00000000-0000-4000-8000-00000000000a"])])
    def test_other_ids(self, source_dsn: str, kind: Any, ids: list[Any]) -> None:
        """Integers and uuids are asked for as themselves; a catalogue without dates gives null dates."""
        create_streams(source_dsn, track=kind)
        execute(source_dsn, f"CREATE TABLE tracks (track_id {kind}, title text, artist text)")
        execute(source_dsn, *(f"INSERT INTO tracks VALUES ('{each}', 'title', NULL)" for each in ids))
        names = CatalogueConfig(table="tracks", released_on=None)
        with Source(source_dsn, config(track_id_type=kind), names) as source:
            found = source.catalogue(pa.array(ids)).to_pylist()
        blank = {"title": "title", "artist": None, "released_on": None}
        assert found == [{"track_id": each, **blank} for each in sorted(ids)]

    def test_no_catalogue(self, source_dsn: str) -> None:
        """Without a catalogue there are no names, and the table has its columns all the same."""
        with Source(source_dsn, config()) as source:
            assert source.catalogue(pa.array([1])).column_names == ["track_id", "title", "artist", "released_on"]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
