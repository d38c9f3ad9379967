"""A world in PostgreSQL: every row arrives, days come in order, and nobody's own tables are touched."""

import pytest
from conftest import execute, fetch
from worlds import day_of

from recsys_tasks.core.errors import ConfigError, SourceMismatch, SourceUnavailable
from recsys_tasks.demo.world import day_streams, write_world


class TestWrite:
    def test_the_database_holds_exactly_the_generated_rows(self, tiny, source_dsn):
        """Every field of every row arrives, and the counts reported are those of the tables."""
        written = write_world(source_dsn, tiny)
        expected = []
        for index in range(4):
            s = day_streams(tiny, day_of(tiny, index))
            expected += zip(s.event_id, s.user_id, s.track_id, s.streamed_at, s.ms_played, s.private, strict=True)
        found = fetch(
            source_dsn,
            "SELECT event_id, user_id, track_id, (extract(epoch FROM streamed_at) * 1000000)::bigint, ms_played, "
            "private_session FROM streams",
        )
        assert sorted(found) == sorted(expected)
        for table, count in written.items():
            assert fetch(source_dsn, f"SELECT count(*) FROM {table}") == [(count,)]

    def test_every_streamed_track_has_a_name_and_was_out(self, tiny, source_dsn):
        """The catalogue covers the log, and its release dates are not after the first stream."""
        write_world(source_dsn, tiny)
        bad = "SELECT count(*) FROM streams LEFT JOIN tracks USING (track_id) WHERE title IS NULL OR artist IS NULL "
        assert fetch(source_dsn, bad + "OR album IS NULL OR released_on > streamed_at::date") == [(0,)]

    def test_days_can_be_added_in_order_only(self, tiny, source_dsn):
        """Two halves give the same database as the whole; a day twice or a day left out is refused."""
        write_world(source_dsn, tiny, last=2)
        with pytest.raises(ConfigError, match="in order"):
            write_world(source_dsn, tiny, first=3)
        write_world(source_dsn, tiny, first=2)
        with pytest.raises(ConfigError, match="in order"):
            write_world(source_dsn, tiny, first=2)
        digest = "SELECT md5(string_agg({0}::text, '|' ORDER BY {0}::text)) FROM {0}"
        halves = [fetch(source_dsn, digest.format(table)) for table in ("streams", "tracks", "albums", "artists")]
        write_world(source_dsn, tiny, replace=True)
        assert halves == [fetch(source_dsn, digest.format(t)) for t in ("streams", "tracks", "albums", "artists")]

    def test_tables_with_rows_are_never_dropped_unasked(self, tiny, source_dsn):
        """Somebody's own streams survive a world made at the wrong address."""
        execute(source_dsn, "CREATE TABLE streams (mine text)", "INSERT INTO streams VALUES ('precious')")
        with pytest.raises(ConfigError, match="--replace"):
            write_world(source_dsn, tiny)
        assert fetch(source_dsn, "SELECT * FROM streams") == [("precious",)]

    def test_an_empty_table_of_another_shape_is_told(self, tiny, source_dsn):
        """A streams table with other columns is a mismatch that names the column."""
        execute(source_dsn, "CREATE TABLE streams (user_id text)")
        with pytest.raises(SourceMismatch, match="user_id"):
            write_world(source_dsn, tiny)

    def test_an_interrupted_world_leaves_nothing(self, tiny, source_dsn):
        """When the second day fails, neither tables nor rows of the first one remain."""

        def fail(line: str) -> None:
            if "2026-01-06" in line:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_world(source_dsn, tiny, progress=fail)
        assert fetch(source_dsn, "SELECT to_regclass('streams')") == [(None,)]

    def test_progress_names_every_day(self, tiny, source_dsn):
        """Whoever waits sees which day is being written."""
        lines: list[str] = []
        write_world(source_dsn, tiny, progress=lines.append)
        assert [line.split(":")[0] for line in lines[1:]] == [day_of(tiny, index).isoformat() for index in range(4)]

    @pytest.mark.parametrize(
        ("dsn", "error"),
        [
            (None, ConfigError),
            ("nonsense", ConfigError),
            ("postgresql:///x?host=/nonexistent&connect_timeout=2", SourceUnavailable),
        ],
    )
    def test_no_database_is_one_line(self, tiny, dsn, error):
        """A missing, wrong or dead address is told apart in one line."""
        with pytest.raises(error) as caught:
            write_world(dsn, tiny)
        assert "\n" not in str(caught.value)

    def test_a_range_outside_the_world_is_refused(self, tiny):
        """Days that the world does not have are refused before anything is opened."""
        with pytest.raises(ConfigError, match="range"):
            write_world("unused", tiny, first=2, last=9)
        with pytest.raises(ConfigError, match="has no"):
            day_streams(tiny, day_of(tiny, 4))
