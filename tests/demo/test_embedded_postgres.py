"""The demo's own PostgreSQL: it answers its owner alone, and nothing of it stays behind."""

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from processes import is_alive

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.demo.embedded_postgres import check_reachable, running_postgres


class TestPostgres:
    @pytest.fixture
    def home(self) -> Iterator[Path]:
        """A directory that another account may enter, as pytest's own is not when we are root."""
        with tempfile.TemporaryDirectory(prefix="recsys-test-") as name:
            Path(name).chmod(0o755)
            yield Path(name)

    def test_it_answers_and_goes(self, home: Path) -> None:
        """What a killed start left is made anew; it has no TCP port; no process of it is left afterwards."""
        (home / "postgres").mkdir()
        (home / "postgres" / "postmaster.pid").write_text("1\n")
        with running_postgres(home) as server:
            connection = psycopg2.connect(server.create_database("one"))
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_database(), current_setting('listen_addresses'), pg_backend_pid()")
                row = cursor.fetchone()
            assert row is not None
            assert row[:2] == ("one", "")
            assert server.sqlalchemy_url("one").startswith("postgresql+psycopg2://postgres@/one?host=")
        connection.close()
        assert not is_alive(row[2])

    def test_a_path_too_long_for_a_socket(self, home: Path) -> None:
        """A deep clone gets its socket elsewhere, in a directory of its own that is removed."""
        deep = home / ("d" * 60) / ("e" * 60)
        deep.mkdir(parents=True)
        with running_postgres(deep) as server:
            server.create_database("one")
            sockets = server.socket_directory
            assert deep not in sockets.parents
        assert not sockets.exists()

    def test_a_place_that_the_servers_account_cannot_enter(self, home: Path) -> None:
        """As root, a closed parent directory is refused with its name, and not opened to everybody."""
        closed = home / "closed"
        closed.mkdir(mode=0o700)
        with pytest.raises(ConfigError, match=f"{closed} is closed to other accounts"):
            check_reachable(closed / "data", "somebody")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        check_reachable(closed / "data", "")
