"""A stranger's first command: the file that it writes works as it is, on differently shaped services."""

import json
import tomllib
from datetime import UTC, datetime, timedelta

import pytest
from conftest import execute

from recsys_tasks.core.config import load_config
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()
FIRST = YESTERDAY - timedelta(days=40)
HOURLY = f"generate_series(timestamptz '{FIRST} 00:30Z', '{YESTERDAY} 23:30Z', '1 hour') WITH ORDINALITY AS g(at, n)"
UUID_OF = "md5((n % {})::text)::uuid"


def plays_of(tmp_path, dsn, day=YESTERDAY):
    """How many streams of a day the written file extracts, with its catalogue."""
    config = load_config(tmp_path / "recsys.toml")
    with Source(dsn, config.source, config.catalogue) as source:
        source.check()
        names = source.catalogue()
        return extract_day(source, day).rows_kept, len(names)


def written(tmp_path):
    """The file's tables."""
    return tomllib.loads((tmp_path / "recsys.toml").read_text())


class TestShapes:
    def test_the_demos_own(self, world_dsn, recsys, tmp_path):
        """The default names: streams, tracks, their first date, and how a day is found; it extracts without an edit."""
        done = recsys(world_dsn, "init")
        assert done.returncode == 0, done.stderr
        assert "Streams: public.streams (table)" in done.stdout
        assert "First date with streams: 2026-01-05." in done.stdout
        assert "A day is found by index streams_streamed_at." in done.stdout
        assert "The catalogue has album (text), album_id (bigint), genre (text), tags (text[])" in done.stdout
        assert "Not found" not in done.stdout
        source, catalogue = (written(tmp_path)[name] for name in ("source", "catalogue"))
        assert (source["streams_table"], catalogue["table"]) == ("public.streams", "public.tracks")
        assert (source["user_id_type"], str(source["history_start"])) == ("bigint", "2026-01-05")
        rows, names = plays_of(tmp_path, world_dsn, source["history_start"])
        assert rows > 1000
        assert names > 1000
        assert "postgresql" not in (tmp_path / "recsys.toml").read_text()

    def test_a_partitioned_table_with_uuids_and_a_catalogue_view(self, source_dsn, reader, recsys, tmp_path):
        """In a schema off the search path, SELECT alone on some tables: partitions and other tables are no choice."""
        name, address = reader
        execute(
            source_dsn,
            "CREATE SCHEMA listening",
            "CREATE TABLE listening.plays (play_uuid uuid, account_id uuid, track_ref text, song_id text, "
            "played_at timestamptz, played_ms integer, incognito boolean, device text) PARTITION BY RANGE (played_at)",
            f"CREATE TABLE listening.plays_old PARTITION OF listening.plays FOR VALUES FROM (MINVALUE) TO ('{FIRST}')",
            f"CREATE TABLE listening.plays_new PARTITION OF listening.plays FOR VALUES FROM ('{FIRST}') TO (MAXVALUE)",
            f"INSERT INTO listening.plays SELECT md5(n::text)::uuid, {UUID_OF.format(9)}, '', "
            f"'T-' || n % 7, at, 60000, n % 10 = 0, 'phone' FROM {HOURLY}",
            "CREATE INDEX ON listening.plays (played_at)",
            "CREATE TABLE listening.songs (song text, name text, band integer, released date)",
            "INSERT INTO listening.songs SELECT 'T-' || n, 'Song ' || n, n, '2020-01-01' FROM generate_series(0, 6) n",
            "CREATE VIEW listening.song_catalogue AS SELECT song AS song_id, name AS song_title, "
            "'Band ' || band AS performer, band AS performer_id, released AS release_date FROM listening.songs",
            "CREATE TABLE listening.logins (user_id uuid, item_id text, created_at timestamptz)",
            f"GRANT USAGE ON SCHEMA listening TO {name}",
            f"GRANT SELECT ON listening.plays, listening.song_catalogue TO {name}",
        )
        done = recsys(address, "init", "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert "listening.plays (partitioned table)" in said["found"][0]
        assert "listening.song_catalogue (view)" in said["found"][1]
        assert said["missing"] == []
        source, catalogue = (written(tmp_path)[name] for name in ("source", "catalogue"))
        assert {name: source[name] for name in ("user_id", "track_id", "event_id", "private_session")} == {
            "user_id": "account_id",
            "track_id": "song_id",
            "event_id": "play_uuid",
            "private_session": "incognito",
        }
        assert (source["user_id_type"], source["track_id_type"]) == ("uuid", "text")
        assert (catalogue["title"], catalogue["artist"], catalogue["artist_id"]) == (
            "song_title",
            "performer",
            "performer_id",
        )
        assert source["history_start"] == FIRST
        rows, names = plays_of(tmp_path, address)
        assert (rows, names) in {(21, 7), (22, 7)}  # of 24 every tenth was private

    def test_codes_and_an_instant_of_any_name(self, source_dsn, recsys, tmp_path):
        """A thing's code is its id, and the only timestamp with time zone is the instant, whatever it is called."""
        execute(
            source_dsn,
            "CREATE SCHEMA listening",
            "CREATE TABLE listening.plays (play_id uuid, account_code text, song_code text, started timestamptz)",
            f"INSERT INTO listening.plays SELECT md5(n::text)::uuid, 'A' || n % 5, 'S' || n % 7, at FROM {HOURLY}",
        )
        assert recsys(source_dsn, "init").returncode == 0
        source = written(tmp_path)["source"]
        assert [source[name] for name in ("user_id", "track_id", "streamed_at")] == [
            "account_code",
            "song_code",
            "started",
        ]

    @pytest.mark.parametrize(
        "names",
        [
            ("PlayHistory", "id", "userId", "trackId", "playedAt", "msPlayed", "isPrivate", "trackTitle", "artistName"),
            ("Music Plays", "Play ID", "User Id", "Track-ID", "Played At", "ms Played", "Private?", "Title", "Artist"),
        ],
    )
    def test_words_are_joined_as_the_owner_likes(self, source_dsn, recsys, tmp_path, names):
        """Capitals, spaces and marks in names hide no column, of which the private sessions matter most."""
        plays, event, user, track, instant, ms, private, title, artist = names
        execute(
            source_dsn,
            f'CREATE TABLE "{plays}" ("{event}" uuid, "{user}" uuid, "{track}" text, "{instant}" timestamptz, '
            f'"{ms}" integer, "{private}" boolean)',
            f"INSERT INTO \"{plays}\" SELECT md5(n::text)::uuid, {UUID_OF.format(5)}, 'T' || n % 7, at, 60000, "
            f"n % 4 = 0 FROM {HOURLY}",
            f'CREATE TABLE "Songs" ("{track}" text, "{title}" text, "{artist}" text)',
            "INSERT INTO \"Songs\" VALUES ('T1', 'a', 'b')",
        )
        done = recsys(source_dsn, "init")
        assert done.returncode == 0, done.stdout
        source, catalogue = (written(tmp_path)[name] for name in ("source", "catalogue"))
        fields = ("event_id", "user_id", "track_id", "streamed_at", "ms_played", "private_session")
        assert tuple(source[name] for name in fields) == names[1:7]
        assert tuple(catalogue[name] for name in ("track_id", "title", "artist")) == (track, title, artist)
        assert plays_of(tmp_path, source_dsn) == (18, 1)

    def test_integers_under_other_names_and_no_event_id(self, source_dsn, recsys, tmp_path):
        """What is not there is told with what that means; without an index on the instant the statement is given."""
        execute(
            source_dsn,
            'CREATE TABLE "Listens" (member integer, recording integer, listened_at timestamptz, session_id bigint)',
            f'INSERT INTO "Listens" SELECT n % 5, n % 3, at, 1 FROM {HOURLY}',
        )
        done = recsys(source_dsn, "init")
        assert done.returncode == 0, done.stderr
        assert 'CREATE INDEX CONCURRENTLY ON "public"."Listens" (listened_at);' in done.stdout
        for said in (
            "No column tells private sessions",
            "the id of an event",
            "milliseconds played",
            "No table of the",
        ):
            assert said in done.stdout
        source = written(tmp_path)["source"]
        assert (source["user_id"], source["track_id"], source["event_id"]) == ("member", "recording", "")
        assert "catalogue" not in written(tmp_path)
        assert plays_of(tmp_path, source_dsn) == (24, 0)
        execute(source_dsn, 'CREATE INDEX CONCURRENTLY ON "public"."Listens" (listened_at);')
        again = recsys(source_dsn, "init", "--replace")
        assert "A day is found by index" in again.stdout
        assert "was replaced" in again.stdout

    def test_nothing_suitable(self, source_dsn, recsys, tmp_path):
        """It says what it looked for and what it may read, and writes nothing."""
        execute(source_dsn, "CREATE TABLE invoices (invoice_id int, user_id int, paid_at timestamptz)")
        done = recsys(source_dsn, "init")
        assert done.returncode == 1
        assert "looks like the streams" in done.stdout
        assert "public.invoices" in done.stdout
        assert not (tmp_path / "recsys.toml").exists()

    def test_two_that_are_equally_good(self, source_dsn, recsys, tmp_path):
        """Nothing is guessed: both are named, and one that is named is taken."""
        for name in ("plays", "streams"):
            execute(
                source_dsn,
                f"CREATE TABLE {name} (user_id int, track_id int, played_at timestamptz)",
                f"INSERT INTO {name} SELECT n % 5, n % 3, at FROM {HOURLY}",
            )
        done = recsys(source_dsn, "init")
        assert done.returncode == 1
        assert "public.plays and public.streams look equally like the streams" in done.stdout
        assert not (tmp_path / "recsys.toml").exists()
        assert recsys(source_dsn, "init", "--streams", "public.streams").returncode == 0
        assert written(tmp_path)["source"]["streams_table"] == "public.streams"

    def test_two_catalogues_that_are_equally_good(self, source_dsn, recsys, tmp_path):
        """A catalogue is optional: both are named, none is written."""
        execute(source_dsn, f"CREATE TABLE plays AS SELECT n % 5 AS user_id, n % 3 AS track_id, at FROM {HOURLY}")
        for name in ("tracks", "songs"):
            execute(source_dsn, f"CREATE TABLE {name} (track_id bigint, title text, artist text)")
        done = recsys(source_dsn, "init")
        assert done.returncode == 0, done.stderr
        assert "public.songs and public.tracks look equally like the catalogue" in done.stdout
        assert "catalogue" not in written(tmp_path)

    def test_a_catalogue_is_found_by_a_column_in_capitals_that_the_streams_have_too(self, source_dsn, recsys, tmp_path):
        """The column that is named for the streams is looked for in the catalogue, however it is written."""
        execute(
            source_dsn,
            'CREATE TABLE edits (who text, "File Path" text, at timestamptz)',
            f"INSERT INTO edits SELECT n % 5, n % 3, at FROM {HOURLY}",
            'CREATE TABLE names (path text, "File Path" text, title text, artist text)',
        )
        done = recsys(source_dsn, "init", "--streams", "public.edits", "--set", "source.track_id=File Path")
        assert done.returncode == 0, done.stderr
        assert written(tmp_path)["catalogue"]["track_id"] == "File Path"

    def test_a_number_is_written_as_one(self, source_dsn, recsys, tmp_path):
        """What is typed after ``--set`` is a number where the field holds one, and refused where it is none."""
        execute(source_dsn, f"CREATE TABLE plays AS SELECT n % 5 AS user_id, n % 3 AS track_id, at FROM {HOURLY}")
        asked = ("init", "--set", "source.late_window_days=1", "--set")
        assert recsys(source_dsn, *asked, "source.connections=2").returncode == 0
        assert written(tmp_path)["source"].items() >= {"late_window_days": 1, "connections": 2}.items()
        refused = recsys(source_dsn, *asked, "source.connections=two", "--replace")
        assert "source.connections: Input should be a number, without quotes (found 'two')" in refused.stderr

    def test_a_catalogue_without_artists_is_taken_where_somebody_says_so(self, source_dsn, recsys, tmp_path):
        """By itself a table of ids and titles is not taken for one: albums and genres have them too."""
        execute(source_dsn, f"CREATE TABLE plays AS SELECT n % 5 AS user_id, n % 3 AS track_id, at FROM {HOURLY}")
        execute(source_dsn, "CREATE TABLE songs (track_id bigint, title text)")
        asked = ("init", "--catalogue", "public.songs")
        refused = recsys(source_dsn, *asked)
        assert "--set catalogue.artist= where there is none" in refused.stderr
        assert recsys(source_dsn, *asked, "--set", "catalogue.artist=").returncode == 0
        assert written(tmp_path)["catalogue"]["artist"] == ""


class TestMends:
    @pytest.mark.parametrize("duration", ["seconds integer", "duration interval", "seconds double precision"])
    def test_the_printed_view_mends_instant_and_duration(self, source_dsn, reader, recsys, tmp_path, duration):
        """A naive instant stops it; the statements that it prints make a view that is then found and read."""
        name, address = reader
        value = "interval '45 seconds'" if "interval" in duration else "45"
        execute(
            source_dsn,
            f"CREATE TABLE plays (id bigint, user_id int, track_id int, played_at timestamp, {duration}, private int)",
            f"INSERT INTO plays SELECT n, n % 5, n % 3, at AT TIME ZONE 'UTC', {value}, n % 2 FROM {HOURLY}",
            f"GRANT SELECT ON plays TO {name}",
        )
        done = recsys(address, "init")
        assert done.returncode == 1
        assert "timestamp without time zone" in done.stdout
        statements = [line.strip() for line in done.stdout.splitlines() if line.strip().startswith(("CREATE", "GRANT"))]
        execute(source_dsn, *statements)
        again = recsys(address, "init")
        assert again.returncode == 0, again.stdout
        assert written(tmp_path)["source"]["streams_table"] == "public.recsys_streams"
        assert written(tmp_path)["source"]["ms_played"] == "ms_played"
        assert plays_of(tmp_path, address)[0] == 12

    def test_a_duration_in_seconds_alone_is_told(self, source_dsn, recsys, tmp_path):
        """The file is written, every stream counts, and the view that would change it is printed."""
        execute(
            source_dsn,
            f"CREATE TABLE plays AS SELECT n % 5 AS user_id, n % 3 AS track_id, at, 45 AS seconds FROM {HOURLY}",
        )
        done = recsys(source_dsn, "init")
        assert done.returncode == 0, done.stderr
        assert "seconds (integer) can be used by way of a view" in done.stdout
        assert '("seconds" * 1000)::bigint AS ms_played' in done.stdout
        assert written(tmp_path)["source"]["ms_played"] == ""

    @pytest.mark.parametrize(("duration", "found"), [("msListened", "msListened"), ("minutes_listened", "")])
    def test_a_duration_in_another_unit_is_not_taken_for_seconds(self, source_dsn, recsys, tmp_path, duration, found):
        """Milliseconds are what is needed; no view makes of minutes what it would make of seconds."""
        execute(
            source_dsn,
            f'CREATE TABLE plays AS SELECT n % 5 AS user_id, n % 3 AS track_id, at, 45 AS "{duration}" FROM {HOURLY}',
        )
        done = recsys(source_dsn, "init")
        assert done.returncode == 0, done.stderr
        assert "CREATE VIEW" not in done.stdout
        assert written(tmp_path)["source"]["ms_played"] == found


class TestCorrections:
    @pytest.fixture
    def odd(self, source_dsn):
        """A table whose names say little."""
        execute(
            source_dsn,
            "CREATE TABLE t (a int, b int, c timestamptz, d boolean)",
            f"INSERT INTO t SELECT n % 5, n % 3, at, false FROM {HOURLY}",
        )
        return source_dsn

    NAMED = ("--streams", "t", "--set", "source.user_id=a", "--set", "source.track_id=b", "--set",
             "source.streamed_at=c", "--set", "source.private_session=d")  # fmt: skip

    def test_columns_that_are_named_are_taken(self, odd, recsys, tmp_path):
        """Every part may be named, and the first date as well."""
        assert recsys(odd, "init").returncode == 1
        done = recsys(odd, "init", *self.NAMED, "--set", f"source.history_start={YESTERDAY}")
        assert done.returncode == 0, done.stderr
        source = written(tmp_path)["source"]
        assert (source["user_id"], source["private_session"], source["history_start"]) == ("a", "d", YESTERDAY)
        assert plays_of(tmp_path, odd)[0] == 24

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--streams", "nowhere"), "may read no table or view nowhere"),
            (("--set", "user_id=a"), "source.FIELD=VALUE"),
            ((*NAMED, "--set", "source.event_id=zz"), "with the columns that --set names"),
            ((*NAMED, "--set", "source.private_session=a"), "Column a of public.t is integer"),
            ((*NAMED, "--set", "source.colour=a"), "source.colour"),
            ((*NAMED, "--catalogue", "t"), "t lacks a track id of the streams' type"),
        ],
    )
    def test_a_correction_that_does_not_fit_is_refused(self, odd, recsys, tmp_path, words, said):
        """The message names it, and nothing is written."""
        done = recsys(odd, "init", *words)
        assert done.returncode in {1, 2}
        assert said in done.stdout + done.stderr
        assert not (tmp_path / "recsys.toml").exists()

    def test_a_file_that_is_there_is_not_overwritten(self, odd, recsys, tmp_path):
        """It says so, and leaves it as it was."""
        (tmp_path / "recsys.toml").write_text("# mine\n")
        done = recsys(odd, "init", *self.NAMED)
        assert (done.returncode, "is there already" in done.stderr) == (2, True)
        assert (tmp_path / "recsys.toml").read_text() == "# mine\n"

    def test_without_an_address_it_says_which_variable(self, recsys):
        """The address comes from the environment alone."""
        done = recsys("", "init")
        assert (done.returncode, "RECSYS_SOURCE_DSN" in done.stderr) == (2, True)


class TestFirstDate:
    def test_it_is_bounded_in_time(self, source_dsn, recsys, tmp_path):
        """A view that takes longer than the bound: a date stands in, and both that and the way out are said."""
        execute(
            source_dsn,
            "CREATE FUNCTION late(n bigint) RETURNS bigint LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(0.05); RETURN n; END $$",
            f"CREATE TABLE t AS SELECT n % 5 AS user_id, n % 3 AS track_id, at FROM {HOURLY}",
            "CREATE VIEW streams AS SELECT user_id, track_id, at FROM t WHERE late(track_id) >= 0",
        )
        done = recsys(source_dsn, "init", "--streams", "public.streams", "--timeout", "1")
        assert done.returncode == 0, done.stderr
        assert "The first date with streams was not found" in done.stdout
        assert f"history_start = {written(tmp_path)['source']['history_start']} stands for it" in done.stdout

    def test_strays_and_no_streams_are_told(self, source_dsn, recsys, tmp_path):
        """A stream of 1970 begins no history, and commands to type name the newest date all the same; a table without
        any stands for one that begins now."""
        execute(source_dsn, "CREATE TABLE streams (user_id int, track_id int, at timestamptz)")
        assert "no stream before today" in recsys(source_dsn, "init").stdout
        execute(
            source_dsn,
            "INSERT INTO streams VALUES (1, 1, '1970-01-01 00:00Z')",
            f"INSERT INTO streams SELECT n % 5, n % 3, at FROM {HOURLY} WHERE at < date '{FIRST}' + 9",
        )
        done = recsys(source_dsn, "init", "--replace")
        assert "the first of 1970-01-01, are taken for strays" in done.stdout
        assert "--set source.history_start=1970-01-01" in done.stdout
        assert f"recsys run --date {FIRST + timedelta(days=8)}" in done.stdout
        assert written(tmp_path)["source"]["history_start"] == FIRST

    def test_an_archive_that_is_all_of_last_century_is_history(self, source_dsn, recsys, tmp_path):
        """Where every stream is older than any service, they are no strays: the history begins with them."""
        execute(
            source_dsn,
            "CREATE TABLE streams (user_id int, track_id int, at timestamptz)",
            "INSERT INTO streams VALUES (1, 1, '1997-09-20 03:00Z'), (2, 1, '1998-04-22 23:00Z')",
        )
        done = recsys(source_dsn, "init")
        assert "First date with streams: 1997-09-20." in done.stdout
        assert "strays" not in done.stdout
        assert "recsys run --date 1998-04-22" in done.stdout
