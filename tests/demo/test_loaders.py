"""Real logs into our tables: what is written in a file arrives as it was meant."""

import gzip
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import fetch
from log_texts import PLAIN, write

from recsys_tasks.demo.columns import Layout
from recsys_tasks.demo.loaders import NamesFile, load_table
from recsys_tasks.demo.log_files import TextFormat

UUIDS = ("0b5e3f14-0c1f-4a7e-9f61-3a6d2c9f5b10", "9A5E3F14-0C1F-4A7E-9F61-3A6D2C9F5B11")


class TestTable:
    def test_a_csv_with_all_columns(self, tmp_path, source_dsn):
        """Ids, instants with any offset, milliseconds, flags and event ids arrive as they were written."""
        path = write(
            tmp_path / "log.csv",
            "n,what,who,when,ms,secret,id\n"
            "1,7,3,2026-01-05T18:30:00Z,31000,true,a\n"
            "2,8,4,2026-01-05 18:30:00.25+02:00,0,0,b\n",
        )
        layout = Layout("who", "what", "when", "ms", "secret", "id", "bigint", "bigint")
        report = load_table(source_dsn, path, layout)
        assert fetch(source_dsn, "SELECT * FROM streams ORDER BY event_id") == [
            ("a", 3, 7, datetime(2026, 1, 5, 18, 30, tzinfo=UTC), 31_000, True),
            ("b", 4, 8, datetime(2026, 1, 5, 16, 30, 0, 250_000, tzinfo=UTC), 0, False),
        ]
        assert (report.streams, report.first.hour, report.last.hour) == (2, 16, 18)

    def test_without_event_ids_equal_rows_are_one_event(self, tmp_path, source_dsn):
        """Two rows with equal user, track and instant share an event id, others do not."""
        path = write(tmp_path / "log.tsv", "who\twhat\twhen\n" + "u\tt\t60\n" * 2 + "u\tt\t61\n" + "v\tt\t60\n")
        load_table(source_dsn, path, Layout("who", "what", "when", time_format="seconds"))
        assert fetch(source_dsn, "SELECT count(*), count(DISTINCT event_id) FROM streams") == [(4, 3)]

    def test_a_row_without_milliseconds_counts_as_long_enough(self, tmp_path, source_dsn):
        """A log that does not say how long a track played loses no row to the 30-second rule."""
        load_table(source_dsn, write(tmp_path / "a.csv", "who,what,when\nu,t,2026-01-05T00:00:00Z\n"), PLAIN)
        assert fetch(source_dsn, "SELECT ms_played, private_session FROM streams") == [(30_000, False)]

    @pytest.mark.parametrize(("form", "number"), [("seconds", "1767637800"), ("milliseconds", "1767637800000")])
    def test_unix_times(self, tmp_path, source_dsn, form, number):
        """Whole seconds or milliseconds since 1970 name the same instant."""
        path = write(tmp_path / "log.csv", f"who,what,when\nu,t,{number}\n")
        report = load_table(source_dsn, path, Layout("who", "what", "when", time_format=form))
        assert report.first == datetime(2026, 1, 5, 18, 30, tzinfo=UTC)

    def test_a_named_zone_places_naive_times(self, tmp_path, source_dsn):
        """With a zone named, a naive time is read in it, summer time included."""
        path = write(tmp_path / "log.csv", "who,what,when\nu,t,2026-01-05 12:00:00\nu,t,2026-07-05 12:00:00\n")
        report = load_table(source_dsn, path, Layout("who", "what", "when", zone="Europe/Berlin"))
        assert (report.first.hour, report.last.hour) == (11, 10)

    def test_uuids(self, tmp_path, source_dsn):
        """UUIDs of either case go into uuid columns."""
        path = write(tmp_path / "log.csv", f"who,what,when\n{UUIDS[0]},{UUIDS[1]},2026-01-05T00:00:00Z\n")
        load_table(source_dsn, path, Layout("who", "what", "when", user_id_type="uuid", track_id_type="uuid"))
        assert fetch(source_dsn, "SELECT user_id::text, track_id::text FROM streams") == [(UUIDS[0], UUIDS[1].lower())]

    def test_parquet_with_typed_columns(self, tmp_path, source_dsn):
        """Integers, zoned timestamps and booleans of a Parquet file need no text form."""
        when = pa.array([1_767_637_800_000], pa.timestamp("ms", "America/New_York"))
        path = tmp_path / "log.parquet"
        table = pa.table({"who": [3], "what": ["t"], "when": when, "ms": [40_000], "secret": [True]})
        pq.write_table(table, path)
        load_table(source_dsn, path, Layout("who", "what", "when", "ms", "secret", user_id_type="bigint"))
        assert fetch(source_dsn, "SELECT user_id, streamed_at, ms_played, private_session FROM streams") == [
            (3, datetime(2026, 1, 5, 18, 30, tzinfo=UTC), 40_000, True)
        ]

    def test_compressed_and_latin_text(self, tmp_path, source_dsn):
        """A gzipped semicolon file in another encoding is read when both are named."""
        path = tmp_path / "log.csv.gz"
        path.write_bytes(gzip.compress("who;what;when\nBjörk;t;2026-01-05T00:00:00Z\n".encode("latin-1")))
        load_table(source_dsn, path, PLAIN, text=TextFormat(delimiter=";", encoding="latin-1"))
        assert fetch(source_dsn, "SELECT user_id FROM streams") == [("Björk",)]

    def test_names_beside_the_log(self, tmp_path, source_dsn):
        """A names file fills the tracks; quotes, commas and empty names are kept apart."""
        log = write(tmp_path / "log.csv", "who,what,when\nu,1,2026-01-05T00:00:00Z\n")
        names = write(tmp_path / "names.csv", 'id,title,by\n1,"Say ""hi"", twice",坂本龍一\n2,,X\n')
        layout = Layout("who", "what", "when", track_id_type="bigint")
        report = load_table(source_dsn, log, layout, names=NamesFile(names, "id", "title", "by"))
        assert report.named_tracks == 2
        assert fetch(source_dsn, "SELECT track_id, title, artist FROM tracks ORDER BY 1") == [
            (1, 'Say "hi", twice', "坂本龍一"),
            (2, None, "X"),
        ]

    def test_two_files_add_up(self, tmp_path, source_dsn):
        """A second load of the same types adds to the first one, and renames what it names again."""
        for name, user in (("a.csv", "u"), ("b.csv", "v")):
            log = write(tmp_path / name, f"who,what,when,title\n{user},t,2026-01-05T00:00:00Z,{name}\n")
            load_table(source_dsn, log, PLAIN, names=NamesFile(log, "what", "title"))
        assert fetch(source_dsn, "SELECT count(*) FROM streams") == [(2,)]
        assert fetch(source_dsn, "SELECT title FROM tracks") == [("b.csv",)]
