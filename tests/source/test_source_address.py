"""A source that cannot be reached is named by host and database, and no message repeats a password."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import execute
from source_tables import config, refusal
from sqlalchemy.dialects.postgresql.base import PGDialect

from recsys_tasks.core.errors import ConfigError, SourceMismatch, SourceUnavailable
from recsys_tasks.source.connection import connect, parse_address
from recsys_tasks.source.postgres import Source

CANARY = "c4n@ry/pass word"
CANARY_ENCODED = "c4n%40ry%2Fpass%20word"


@contextmanager
def hostile_server(said: bytes) -> Iterator[int]:
    """The port of something that refuses every login in these words."""
    parts = b"SFATAL\0C28000\0M" + said + b"\0\0"
    refusing = b"E" + (len(parts) + 4).to_bytes(4, "big") + parts

    class Refusing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while len(self.request.recv(4096)) == 8:  # asks for TLS or GSSAPI first
                self.request.sendall(b"N")
            self.request.sendall(refusing)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class TestAddress:
    @pytest.mark.parametrize(
        "password", [CANARY_ENCODED, "c4n@ry", "c4n/ry", "12/c4n", "c4n?ry", "c4n#ry", "c4n%ry", "c4n ry"]
    )
    def test_unreachable(self, password: str) -> None:
        """Nobody answers: host and database are named, and the password, well encoded or not, is not."""
        for address in (
            f"postgresql://me:{password}@127.0.0.1:1/music",
            f"host=127.0.0.1 port=1 dbname=music password={password}",
        ):
            with pytest.raises((SourceUnavailable, ConfigError)) as caught, Source(address, config()) as source:
                source.check()
            message = str(caught.value)
            assert "c4n" not in message
            assert "\n" not in message
            assert "database music at 127.0.0.1:1" in message or isinstance(caught.value, ConfigError)

    @pytest.mark.parametrize(
        "address", ["", " ", "nonsense", "mysql://me:c4n@host/music", "postgresql://me:c4n@host:port/music"]
    )
    def test_no_address(self, address: str) -> None:
        """What is not a connection string is refused without a look at the network."""
        with pytest.raises(ConfigError, match="postgresql://user:password@host:port/database"):
            Source(address, config())

    def test_server_that_is_not_postgresql(self, source_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that speaks PostgreSQL's protocol under another name is a mismatch."""

        def unreadable(*_: Any) -> None:
            raise AssertionError("Could not determine version from string 'CockroachDB CCL v23.1.0'")

        monkeypatch.setattr(PGDialect, "_get_server_version_info", unreadable)
        assert "another server than PostgreSQL" in refusal(source_dsn, SourceMismatch)

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            (b"\x1b[2J\x1b]0;pwn\x07 one\ntwo \xe2\x80\xae", "FATAL: \ufffd[2J\ufffd]0;pwn\ufffd one two \ufffd."),
            (b"x" * 20_000, "x…."),
            (b"\xff\xfe", "no UTF-8."),
        ],
        ids=["escapes", "endless", "no UTF-8"],
    )
    def test_what_an_unknown_server_says_is_shown_as_one_short_line(self, said: bytes, shown: str) -> None:
        """Before the login anybody may answer at the address: a terminal and a log get printable characters."""
        with hostile_server(said) as port, pytest.raises(SourceUnavailable, match="cannot be reached") as caught:
            connect(parse_address(f"postgresql://me@127.0.0.1:{port}/music"), 5)
        message = str(caught.value)
        assert shown in message
        assert message.isprintable()
        assert len(message) < 500

    def test_missing_database(self, postgres: Any) -> None:
        """A database that is not there may come: retry."""
        assert "database nowhere at" in refusal(postgres.get_uri(database="nowhere"), SourceUnavailable)

    def test_wrong_password(self, postgres: Any, source_dsn: str, reader: tuple[str, str]) -> None:
        """A refused password is not repeated, in its raw or its encoded form."""
        name, address = reader
        execute(source_dsn, f"ALTER ROLE {name} PASSWORD 'the right one'")
        rules = Path(postgres.pgdata) / "pg_hba.conf"
        before = rules.read_text()
        rules.write_text(f"local all {name} scram-sha-256\n{before}")
        execute(source_dsn, "SELECT pg_reload_conf()")
        try:
            message = refusal(address.replace(f"{name}@", f"{name}:{CANARY_ENCODED}@"), SourceUnavailable)
        finally:
            rules.write_text(before)
            execute(source_dsn, "SELECT pg_reload_conf()")
        assert "password authentication failed" in message
        assert "c4n" not in message

    def test_password_in_the_servers_words(self) -> None:
        """Should another program repeat the password, the message does not."""
        address = parse_address(f"postgresql://me:{CANARY_ENCODED}@host/music")
        said = address.without_secrets(f"no: {CANARY}\n and {CANARY_ENCODED}.\n")
        assert said == "no: *** and ***"
        assert "c4n" not in repr(address)
