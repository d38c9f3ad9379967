"""Logs that do not fit: each is refused with its line, and a refused load leaves nothing."""

from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import execute, fetch
from demo_tables import make_tables
from log_texts import PLAIN, write

from recsys_tasks.core.errors import BadData, ConfigError, SourceMismatch
from recsys_tasks.demo.columns import Layout
from recsys_tasks.demo.loaders import load_table
from recsys_tasks.demo.log_files import TextFormat


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
        make_tables(source_dsn, "text", "text", "text")
        with pytest.raises(BadData, match=why) as caught:
            load_table(source_dsn, write(tmp_path / "log.csv", "who,what,when\n" + rows), PLAIN)
        assert "log.csv" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert fetch(source_dsn, "SELECT count(*) FROM streams") == [(0,)]

    def test_a_bad_row_far_down_leaves_nothing_of_the_batches_before(self, tmp_path, source_dsn):
        """Rows already handed to the database are taken back, and the line is counted across batches."""
        path = write(tmp_path / "log.csv", "who,what,when\n" + "u,t,60\n" * 2_000 + "u,t,6x\n")
        seen: list[str] = []
        layout, text = Layout("who", "what", "when", time_format="seconds"), TextFormat(block_bytes=1 << 12)
        with pytest.raises(BadData, match="line 2002: when = '6x'"):
            load_table(source_dsn, path, layout, text=text, progress=seen.append)
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
        make_tables(source_dsn, "bigint", "bigint")
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
            make_tables(source_dsn, "bigint; DROP TABLE x", "text")

    def test_a_table_that_refuses_the_rows_is_a_mismatch(self, tmp_path, source_dsn):
        """A constraint of the user's own table ends the load in one line."""
        make_tables(source_dsn, "text", "text", "text")
        execute(source_dsn, "ALTER TABLE streams ADD CHECK (user_id <> 'u')")
        path = write(tmp_path / "log.csv", "who,what,when\nu,t,2026-01-05T00:00:00Z\n")
        with pytest.raises(SourceMismatch, match="nothing was kept"):
            load_table(source_dsn, path, PLAIN)
