"""Real logs into our tables: what is read, what is refused with its line, and that a refused load leaves nothing."""

import argparse
import gzip
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import execute

from recsys_tasks.cli import demo as commands
from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.errors import BadData, ConfigError, SourceMismatch
from recsys_tasks.demo import log_files
from recsys_tasks.demo.columns import Layout
from recsys_tasks.demo.loaders import NamesFile, load_lastfm1k, load_table
from recsys_tasks.demo.log_files import TextFormat
from recsys_tasks.demo.tables import create_tables

SHARED = Path(__file__).parents[3] / "shared" / "data"
PLAIN = Layout(user="who", track="what", time="when")
UUIDS = ("0b5e3f14-0c1f-4a7e-9f61-3a6d2c9f5b10", "9A5E3F14-0C1F-4A7E-9F61-3A6D2C9F5B11")


def shared(name: str) -> Path:
    """A file of real data beside the project, or a skip."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data is not on this machine: {name}")
    return path


def fetch(dsn: str, statement: str) -> list[tuple]:
    """All rows of a query."""
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def write(path: Path, text: str) -> Path:
    """A small file."""
    path.write_bytes(text.encode())
    return path


def run(dsn: str | None, *argv: object) -> Answer:
    """A command as the command line runs it."""
    parser = argparse.ArgumentParser()
    parser.set_defaults(dsn=dsn)
    commands.register(parser.add_subparsers(required=True))
    args = parser.parse_args([str(word) for word in argv])
    return args.handler(args)


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


class TestRefused:
    @pytest.mark.parametrize(
        ("rows", "why"),
        [
            ("u,t,2026-01-05T00:00:00Z\nu,t\n", r"Row #3: Expected 3 columns, got 2"),
            ("u,t,2026-01-05T00:00:00Z\nu,t,noon\n", r"line 3: when = 'noon'"),
            ("u,t,2026-01-05T00:00:00\n", r"line 2: when = .* --zone"),
            ("u,t,2026-01-05T00:00:00Z\n,t,2026-01-05T00:00:00Z\n", r"line 3: column who is empty"),
            ("u,t,\n", r"line 2: column when is empty"),
            ("\n", r"line 2: column who is empty"),
            ("u,t\0,2026-01-05T00:00:00Z\n", r"line 2: what = .* NUL"),
        ],
    )
    def test_a_bad_row_names_its_line_and_nothing_stays(self, tmp_path, source_dsn, rows, why):
        """Short rows, unusable times, naive times and empty values refuse the file; the table stays empty."""
        create_tables(source_dsn, "text", "text", "text")
        with pytest.raises(BadData, match=why) as caught:
            load_table(source_dsn, write(tmp_path / "log.csv", "who,what,when\n" + rows), PLAIN)
        assert "log.csv" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert fetch(source_dsn, "SELECT count(*) FROM streams") == [(0,)]

    def test_a_bad_row_far_down_leaves_nothing_of_the_batches_before(self, tmp_path, source_dsn, monkeypatch):
        """Rows already handed to the database are taken back, and the line is counted across batches."""
        monkeypatch.setattr(log_files, "BLOCK_BYTES", 1 << 12)
        path = write(tmp_path / "log.csv", "who,what,when\n" + "u,t,60\n" * 2_000 + "u,t,6x\n")
        seen: list[str] = []
        with pytest.raises(BadData, match="line 2002: when = '6x'"):
            load_table(source_dsn, path, Layout("who", "what", "when", time_format="seconds"), progress=seen.append)
        assert len(seen) > 2
        assert fetch(source_dsn, "SELECT to_regclass('streams')") == [(None,)]

    @pytest.mark.parametrize(
        ("layout", "value"),
        [
            (Layout("who", "what", "when", user_id_type="bigint"), "u,t,2026-01-05T00:00:00Z,1,true"),
            (Layout("who", "what", "when", user_id_type="bigint"), "9223372036854775808,t,2026-01-05T00:00:00Z,1,true"),
            (Layout("who", "what", "when", track_id_type="uuid"), "u,t,2026-01-05T00:00:00Z,1,true"),
            (Layout("who", "what", "when", ms_played="ms"), "u,t,2026-01-05T00:00:00Z,-1,true"),
            (Layout("who", "what", "when", private="secret"), "u,t,2026-01-05T00:00:00Z,1,perhaps"),
            (Layout("who", "what", "when", time_format="seconds"), "u,t,1767637800000,1,true"),
            (Layout("who", "what", "when", time_format="seconds"), "u,t,1.5,1,true"),
        ],
    )
    def test_a_value_of_another_kind_is_refused(self, tmp_path, source_dsn, layout, value):
        """Ids, milliseconds, flags and numbers of another kind than told are refused, never bent; so are
        milliseconds given as seconds, which would be the year 57,984.
        """
        with pytest.raises(BadData, match="line 2"):
            load_table(source_dsn, write(tmp_path / "log.csv", f"who,what,when,ms,secret\n{value}\n"), layout)

    def test_naive_parquet_timestamps_are_refused_without_a_zone(self, tmp_path, source_dsn):
        """A timestamp type without zone is as naive as a text, and a zone heals both."""
        path = tmp_path / "log.parquet"
        when = pa.array([datetime(2026, 1, 5, 12)], pa.timestamp("us"))
        pq.write_table(pa.table({"who": ["u"], "what": ["t"], "when": when}), path)
        with pytest.raises(BadData, match=r"row 1: when .* --zone"):
            load_table(source_dsn, path, PLAIN)
        report = load_table(source_dsn, path, Layout("who", "what", "when", zone="Europe/Berlin"))
        assert report.first.hour == 11

    def test_wrong_names_are_told_with_the_right_ones(self, tmp_path, source_dsn):
        """A column that the file lacks is a configuration error that lists what is there."""
        path = write(tmp_path / "log.csv", "user,what,when\n")
        with pytest.raises(ConfigError, match=r"no column who\. It has: user, what, when"):
            load_table(source_dsn, path, PLAIN)

    def test_files_that_cannot_be_read(self, tmp_path, source_dsn):
        """A missing file, an empty one, bytes of another encoding and a broken Parquet file each say so."""
        with pytest.raises(ConfigError, match="No such file"):
            load_table(source_dsn, tmp_path / "none.csv", PLAIN)
        with pytest.raises(BadData, match="Empty"):
            load_table(source_dsn, write(tmp_path / "empty.csv", ""), PLAIN)
        with pytest.raises(BadData, match=r"broken\.parquet"):
            load_table(source_dsn, write(tmp_path / "broken.parquet", "PAR1"), PLAIN)
        (tmp_path / "latin.csv").write_bytes("who,what,when\nBjörk,t,2026-01-05T00:00:00Z\n".encode("latin-1"))
        with pytest.raises(BadData, match="UTF8"):
            load_table(source_dsn, tmp_path / "latin.csv", PLAIN)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Layout("a", "b", "c", zone="Mars/Olympus"),
            lambda: Layout("a", "b", "c", time_format="days"),
            lambda: TextFormat(delimiter="||"),
            lambda: TextFormat(encoding="klingon"),
        ],
    )
    def test_impossible_arguments(self, make):
        """Zones, time formats, delimiters and encodings that do not exist are refused before a file is opened."""
        with pytest.raises(ConfigError):
            make()

    def test_tables_of_other_id_types_stay(self, tmp_path, source_dsn):
        """A load into tables with other id types is refused, and --replace is what changes them."""
        create_tables(source_dsn, "bigint", "bigint")
        path = write(tmp_path / "log.csv", "who,what,when\nu,t,2026-01-05T00:00:00Z\n")
        with pytest.raises(SourceMismatch, match="--replace"):
            load_table(source_dsn, path, PLAIN)
        assert load_table(source_dsn, path, PLAIN, anew=True).streams == 1

    def test_replace_is_taken_back_when_the_load_fails(self, tmp_path, source_dsn):
        """A refused load with --replace leaves the rows that were there."""
        load_table(source_dsn, write(tmp_path / "a.csv", "who,what,when\nu,t,2026-01-05T00:00:00Z\n"), PLAIN)
        with pytest.raises(BadData):
            load_table(source_dsn, write(tmp_path / "b.csv", "who,what,when\nu,t,never\n"), PLAIN, anew=True)
        assert fetch(source_dsn, "SELECT count(*) FROM streams") == [(1,)]

    def test_an_unknown_id_type_is_refused(self, source_dsn):
        """Table definitions take the three id types of the configuration and nothing else."""
        with pytest.raises(ConfigError, match="bigint, text, uuid"):
            create_tables(source_dsn, "bigint; DROP TABLE x", "text")

    def test_a_table_that_refuses_the_rows_is_a_mismatch(self, tmp_path, source_dsn):
        """A constraint of the user's own table ends the load in one line."""
        create_tables(source_dsn, "text", "text", "text")
        execute(source_dsn, "ALTER TABLE streams ADD CHECK (user_id <> 'u')")
        path = write(tmp_path / "log.csv", "who,what,when\nu,t,2026-01-05T00:00:00Z\n")
        with pytest.raises(SourceMismatch, match="nothing was kept"):
            load_table(source_dsn, path, PLAIN)


class TestLastfm1k:
    LINES = (
        'user_1\t2009-05-04T23:08:57Z\ta1\t坂本龍一\t\tMc2 "live\n'
        "user_1\t2009-05-03T23:08:57Z\ta1\t坂本龍一\tf1b1cf71-bd35-4e99-8624-24a6e15f133a\tHibari\n"
        'user_2\t2009-05-02T23:08:57Z\ta1\t坂本龍一\t\tMc2 "live\n'
    )

    def test_tracks_without_id_get_the_same_one_everywhere(self, tmp_path, source_dsn):
        """Artist and title make the id, so that two listeners of one song share it; quotes mean nothing."""
        report = load_lastfm1k(source_dsn, write(tmp_path / "log.tsv", self.LINES))
        assert (report.streams, report.named_tracks) == (3, 2)
        ids = fetch(source_dsn, "SELECT track_id FROM streams ORDER BY streamed_at")
        assert ids[0] == ids[2] == (str(uuid.uuid5(uuid.NAMESPACE_URL, '坂本龍一\x1fMc2 "live')),)
        assert ids[1] == ("f1b1cf71-bd35-4e99-8624-24a6e15f133a",)
        assert fetch(source_dsn, "SELECT title, artist FROM tracks ORDER BY title") == [
            ("Hibari", "坂本龍一"),
            ('Mc2 "live', "坂本龍一"),
        ]

    def test_a_row_without_any_name_of_the_track_is_refused(self, tmp_path, source_dsn):
        """Neither id nor artist nor title: there is nothing to recommend."""
        path = write(tmp_path / "log.tsv", self.LINES + "user_1\t2009-05-01T00:00:00Z\t\t\t\t\n")
        with pytest.raises(BadData, match="line 4: column track_id is empty"):
            load_lastfm1k(source_dsn, path)

    def test_the_real_log(self, source_dsn):
        """The head of the real log loads whole: 5,000 streams of two listeners, newest first, names in any script."""
        path = shared("lastfm-1k-head/userid-timestamp-artid-artname-traid-traname.tsv")
        report = load_lastfm1k(source_dsn, path)
        assert report.streams == 5_000
        assert (report.first.year, report.last.date().isoformat()) == (2008, "2009-05-04")
        assert fetch(source_dsn, "SELECT count(DISTINCT user_id) FROM streams") == [(2,)]
        nameless = "SELECT count(*) FROM streams LEFT JOIN tracks USING (track_id) WHERE title IS NULL"
        assert fetch(source_dsn, nameless) == [(0,)]


class TestCommands:
    def test_load_a_real_ratings_log(self, source_dsn):
        """The music purchases load by their unix seconds, with text ids, from the command line."""
        path = shared("amazon-music/ratings.tsv")
        words = ("--user", "user_id", "--track", "item_id", "--time", "unix_seconds", "--time-format", "seconds")
        answer = run(source_dsn, "load", "table", path, *words)
        assert answer.data["streams"] == 95_075
        assert "from 1998-12-17 to 2018-09-26" in answer.text

    def test_load_integers_with_titles(self, source_dsn):
        """Integer ids and quoted titles of a names file, from the command line."""
        path, movies = shared("ml-latest-small/ratings.csv"), shared("ml-latest-small/movies.csv")
        words = ("--user", "userId", "--track", "movieId", "--time", "timestamp", "--time-format", "seconds")
        types = ("--user-id-type", "bigint", "--track-id-type", "bigint")
        answer = run(source_dsn, "load", "table", path, *words, *types, "--names", movies, "--names-track", "movieId")
        assert (answer.data["streams"], answer.data["named_tracks"]) == (100_004, 9_125)

    def test_load_names_in_another_encoding(self, tmp_path, source_dsn):
        """The tab-separated artists of the real Last.fm-2K file name the ids of a log."""
        artists = shared("lastfm-2k/artists.dat")
        log = write(tmp_path / "log.csv", "who,what,when\nu,1,2026-01-05T00:00:00Z\n")
        words = ("--user", "who", "--track", "what", "--time", "when", "--track-id-type", "bigint")
        names = ("--names", artists, "--names-track", "id", "--names-title", "name")
        assert run(source_dsn, "load", "table", log, *words, *names).data["named_tracks"] == 17_632
        assert fetch(source_dsn, "SELECT title FROM tracks WHERE track_id = 1") == [("MALICE MIZER",)]

    def test_make_a_world_and_look_at_it(self, tmp_path, source_dsn, capsys):
        """A world of given size is written, its parameters kept, and its realism told; progress goes to stderr."""
        truth = tmp_path / "truth.json"
        sizes = ("--users", 300, "--tracks", 500, "--days", 3, "--seed", 9, "--start", "2026-03-01")
        answer = run(source_dsn, "world", "make", "--preset", "small", *sizes, "--truth", truth)
        assert json.loads(truth.read_text())["start"] == "2026-03-01"
        assert fetch(source_dsn, "SELECT count(*) FROM streams") == [(answer.data["written"]["streams"],)]
        assert json.loads(json.dumps(answer.data, default=str))["params"]["users"] == 300
        seen = capsys.readouterr()
        assert "2026-03-03" in seen.err
        assert seen.out == ""
        assert run(source_dsn, "world", "realism").data["plays"] == answer.data["realism"]["plays"]

    def test_realism_of_an_empty_log_says_what_to_do(self, source_dsn):
        """Without tables or streams there is an instruction, not a division by zero."""
        create_tables(source_dsn)
        with pytest.raises(Exception, match="world make"):
            run(source_dsn, "world", "realism")

    @pytest.mark.parametrize("words", [("world", "make"), ("world", "realism"), ("load", "lastfm1k", "x")])
    def test_no_address_is_a_configuration_error(self, words):
        """Every command that needs the database says which variable to set."""
        with pytest.raises(ConfigError, match="RECSYS_SOURCE_DSN"):
            run(None, *words)

    @pytest.mark.parametrize(
        "words", [("world", "make"), ("load", "table"), ("load", "lastfm1k"), ("world", "realism")]
    )
    def test_every_help_text_teaches_with_an_example(self, words, capsys):
        """--help shows a whole command to copy."""
        with pytest.raises(SystemExit):
            run(None, *words, "--help")
        assert "python -m recsys_tasks " + " ".join(words) in capsys.readouterr().out
