"""The commands that fill the source: the Last.fm-1K log, other real logs, and a made-up world."""

import argparse
import json
import uuid
from pathlib import Path

import pytest
from conftest import fetch
from demo_tables import make_tables
from log_texts import write

from recsys_tasks.cli import demo as commands
from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.demo.loaders import load_lastfm1k

SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared(name: str) -> Path:
    """A file of real data beside the project, or a skip."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data is not on this machine: {name}")
    return path


def run(dsn: str | None, *argv: object) -> Answer:
    """A command as the command line runs it."""
    parser = argparse.ArgumentParser()
    parser.set_defaults(dsn=dsn)
    commands.register(parser.add_subparsers(required=True))
    args = parser.parse_args([str(word) for word in argv])
    return args.handler(args)


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

    def test_make_a_world_where_there_is_none(self, source_dsn):
        """Asked again, it ends well and changes nothing; without the option it still refuses."""
        words = ("world", "make", "--preset", "small", "--users", 300, "--tracks", 500, "--days", 3)
        first = run(source_dsn, *words, "--if-empty")
        again = run(source_dsn, *words, "--if-empty")
        assert (again.exit_code, again.data) == (0, {"written": {}})
        assert fetch(source_dsn, "SELECT count(*) FROM streams") == [(first.data["written"]["streams"],)]
        with pytest.raises(ConfigError, match="hold rows already"):
            run(source_dsn, *words)

    def test_realism_of_an_empty_log_says_what_to_do(self, source_dsn):
        """Without tables or streams there is an instruction, not a division by zero."""
        make_tables(source_dsn)
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
        assert "recsys " + " ".join(words) in capsys.readouterr().out
