"""The whole catalogue, as the source has it: names, dates, features, and one row a track."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from conftest import execute
from source_tables import HOSTILE, config, create_streams, refusal

from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.core.source import CATALOGUE_COLUMNS, CatalogueConfig
from recsys_tasks.source.postgres import Source

ALL = CatalogueConfig(
    table="tracks",
    artist_id="artist_id",
    kind="kind",
    available="available",
    features={"tempo": "bpm", "year": "year", "price": "price", "live": "live", "mood": "mood", "tags": "tags"},
)
COLUMNS = (
    "track_id {}, title text, artist varchar, released_on date, artist_id {}, kind text, available boolean, bpm real, "
    "year smallint, price numeric(8, 2), live boolean, mood text, tags text[]"
)


def catalogue_of(dsn: str, names: CatalogueConfig, kind: Any = "bigint") -> pa.Table:
    """The catalogue of a source whose tracks have ids of this kind."""
    with Source(dsn, config(track_id_type=kind), names) as source:
        source.check()
        return source.catalogue()


class TestNames:
    def test_one_row_of_every_track(self, source_dsn: str) -> None:
        """Every track with an id comes back, in order, one row each, with missing names as nulls."""
        create_streams(source_dsn, track="text")
        execute(source_dsn, "CREATE TABLE tracks (track_id text, title text, artist varchar, released_on date)")
        hostile = [each for each in HOSTILE if len(each) < 100]
        rows = [f"({_quoted(each)}, {_quoted(each)}, '', '2024-02-29')" for each in hostile]
        rows += ["('t1', NULL, 'b', 'infinity')", "('t1', 'z', 'a', NULL)", "('t2', '', '', '0044-03-15 BC')",
                 "(NULL, 'n', '', NULL)", "('', 'n', '', NULL)"]  # fmt: skip
        execute(source_dsn, f"INSERT INTO tracks VALUES {', '.join(rows)}")
        found = catalogue_of(source_dsn, CatalogueConfig(table="tracks"), "text")
        expected = [(each, each, "", date(2024, 2, 29)) for each in hostile]
        expected += [("t1", "z", "a", None), ("t2", "", "", None)]
        names = found.select(["track_id", "title", "artist", "released_on"])
        assert [tuple(row.values()) for row in names.to_pylist()] == sorted(expected, key=lambda row: row[0].encode())
        assert found.schema.field("released_on").type == pa.date32()

    @pytest.mark.parametrize(("kind", "ids"), [("bigint", [5, -1]), ("uuid", ["00000000-0000-4000-8000-00000000000a"])])
    def test_other_ids(self, source_dsn: str, kind: Any, ids: list[Any]) -> None:
        """Integers and uuids come back as themselves; columns that the source lacks are null."""
        create_streams(source_dsn, track=kind)
        execute(source_dsn, f"CREATE TABLE tracks (track_id {kind}, title text, artist text)")
        execute(source_dsn, *(f"INSERT INTO tracks VALUES ('{each}', 'title', NULL)" for each in ids))
        found = catalogue_of(source_dsn, CatalogueConfig(table="tracks", released_on=None), kind).to_pylist()
        blank = dict.fromkeys(CATALOGUE_COLUMNS[2:]) | {"title": "title"}
        assert found == [{"track_id": each, **blank} for each in sorted(ids)]

    def test_a_name_ends_where_nobody_would_read_on(self, source_dsn: str) -> None:
        """A title of megabytes is cut where it is read, by characters; an id is never cut."""
        create_streams(source_dsn, track="text")
        execute(source_dsn, "CREATE TABLE tracks (track_id text, title text, artist text, released_on date)")
        execute(source_dsn, f"INSERT INTO tracks VALUES ('{'i' * 600}', repeat('é', 3000000), repeat('b', 501), NULL)")
        (found,) = catalogue_of(source_dsn, CatalogueConfig(table="tracks"), "text").to_pylist()
        assert (found["track_id"], found["title"], found["artist"]) == ("i" * 600, "é" * 500, "b" * 500)

    def test_a_catalogue_without_artists(self, source_dsn: str) -> None:
        """Without such a column nothing is known of any artist; a name that there is not is still refused."""
        create_streams(source_dsn)
        execute(source_dsn, "CREATE TABLE tracks (track_id bigint, title text)", "INSERT INTO tracks VALUES (1, 'a')")
        (found,) = catalogue_of(source_dsn, CatalogueConfig(table="tracks", artist="", released_on="")).to_pylist()
        assert (found["title"], found["artist"]) == ("a", None)
        with pytest.raises(SourceMismatch, match="no column artist"):
            catalogue_of(source_dsn, CatalogueConfig(table="tracks", released_on=""))

    def test_no_catalogue(self, source_dsn: str) -> None:
        """Without a catalogue there are no names, and the table has its columns all the same."""
        with Source(source_dsn, config()) as source:
            assert tuple(source.catalogue().column_names) == CATALOGUE_COLUMNS

    def test_empty_catalogue(self, source_dsn: str) -> None:
        """A table without a row gives no rows, of the same types as one with rows."""
        fill(source_dsn)
        full = catalogue_of(source_dsn, ALL)
        execute(source_dsn, "TRUNCATE tracks")
        assert catalogue_of(source_dsn, ALL).schema == full.schema


def fill(dsn: str, *rows: str, kind: str = "bigint") -> None:
    """A catalogue with all columns: by default of one track, of which everything is known."""
    create_streams(dsn)
    execute(dsn, f"CREATE TABLE tracks ({COLUMNS.format('bigint', kind)})")
    known = (
        "(7, 'Song', 'Band', '2024-02-29', 5, 'music', true, 0.1, 1999, 1.25, false, 'calm', '{a,\"b \\\" ,c\",{}}')"
    )
    execute(dsn, f"INSERT INTO tracks VALUES {', '.join(rows) or known.replace('{}', 'null')}")


class TestFeatures:
    def test_everything_that_is_known(self, source_dsn: str) -> None:
        """Numbers, booleans, texts and tags come back as what they are; an unknown tag is left out."""
        fill(source_dsn)
        (found,) = catalogue_of(source_dsn, ALL).to_pylist()
        assert found == {
            "track_id": 7, "title": "Song", "artist": "Band", "artist_id": 5, "released_on": date(2024, 2, 29),
            "kind": "music", "available": True, "tempo": pytest.approx(0.1), "year": 1999, "price": 1.25, "live": False,
            "mood": "calm", "tags": ["a", 'b " ,c'],
        }  # fmt: skip

    def test_everything_that_is_not_known(self, source_dsn: str) -> None:
        """Null stays null, in every column; an empty text and an empty list of tags stay empty."""
        nulls = ", ".join(["NULL"] * 12)
        fill(source_dsn, f"(1, {nulls})", "(2, '', '', NULL, NULL, '', false, NULL, NULL, NULL, NULL, '', '{}')")
        found = catalogue_of(source_dsn, ALL).to_pylist()
        assert set(found[0].values()) == {1, None}
        assert [found[1][name] for name in ("title", "artist", "kind", "available", "mood", "tags")] == [
            "", "", "", False, "", []
        ]  # fmt: skip

    def test_numbers_that_are_not_finite(self, source_dsn: str) -> None:
        """A feature that is infinite or not a number is not known."""
        rows = [f"({n}, '', '', NULL, 1, '', true, '{bpm}', 1, '{price}', true, '', NULL)"
                for n, (bpm, price) in enumerate([("infinity", "NaN"), ("-infinity", "1"), ("NaN", "2")])]  # fmt: skip
        fill(source_dsn, *rows)
        found = catalogue_of(source_dsn, ALL)
        assert found["tempo"].to_pylist() == [None] * 3
        assert found["price"].to_pylist() == [None, 1.0, 2.0]

    def test_which_of_several_rows_stays(self, source_dsn: str) -> None:
        """Title, artist and date decide, and only then the artist's id, and the other columns in their order."""
        row = "(7, 'a', 'b', {}, {}, 'k', true, 1, {}, 1, true, 'm', ARRAY['{}'])"
        day = "'2024-01-01'"
        rows = [("NULL", 1, 1, "x"), (day, 2, 1, "x"), (day, 3, 0, "x"), (day, 2, 0, "z"), (day, 2, 0, "y")]
        fill(source_dsn, *(row.format(*each) for each in rows))
        (found,) = catalogue_of(source_dsn, ALL).to_pylist()
        assert (found["artist_id"], found["year"], found["tags"]) == (2, 0, ["y"])

    @pytest.mark.parametrize(("kind", "expected"), [("uuid", pa.string()), ("text", pa.string()), ("int", pa.int64())])
    def test_ids_of_artists(self, source_dsn: str, kind: str, expected: pa.DataType) -> None:
        """An artist's id has the type that the source gives it."""
        fill(source_dsn, f"(1{', NULL' * 12})", kind=kind)
        assert catalogue_of(source_dsn, ALL).schema.field("artist_id").type == expected

    def test_feature_of_another_type(self, source_dsn: str) -> None:
        """A feature that is no number, boolean, text or array of texts is refused by its name, and so is a kind."""
        fill(source_dsn)
        for column, kind, said in (
            ("bpm", "timestamptz", "Column bpm of tracks is timestamp with time zone, and catalogue.features.tempo"),
            ("tags", "integer[]", "Column tags of tracks is integer[], and catalogue.features.tags needs"),
            ("kind", "integer", "Column kind of tracks is integer, and catalogue.kind needs text"),
            ("artist_id", "numeric", "Column artist_id of tracks is numeric, and catalogue.artist_id needs"),
            ("available", "integer", "catalogue.available needs boolean"),
        ):
            execute(source_dsn, f"ALTER TABLE tracks RENAME {column} TO was", f"ALTER TABLE tracks ADD {column} {kind}")
            assert said in refusal(source_dsn, SourceMismatch, ALL)
            execute(source_dsn, f"ALTER TABLE tracks DROP {column}", f"ALTER TABLE tracks RENAME was TO {column}")
        execute(source_dsn, "ALTER TABLE tracks DROP mood")
        assert "no column mood" in refusal(source_dsn, SourceMismatch, ALL)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
