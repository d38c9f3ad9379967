"""The source breaks while it is read, or is written to: a partition is a whole day of one snapshot, or is not there."""

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

import psycopg2
from conftest import execute
from settings import config
from source_tables import DAY as FULL_DAY
from source_tables import NOON, OURS, create_streams, failing_line

from faults.ground import DAY, Ground, own_server
from faults.invariants import bytes_of, differences, violations
from faults.outcome import Outcome
from faults.working import FAST
from recsys_tasks.core.errors import SourceUnavailable
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.source.postgres import ReadSettings, Source
from recsys_tasks.steps import Workplace, extract_streams
from recsys_tasks.storage.posix import PosixStore

BATCH = 250
PATIENCE_S = 30
QUICK = FAST.model_copy(update={"source": FAST.source.model_copy(update={"statement_timeout_s": 1})})


class Impatient(Workplace):
    """A workplace that waits half a second for a silent source, where statements may take one second."""

    def source(self) -> Source:
        """As ``Workplace``."""
        assert self.dsn is not None
        return Source(self.dsn, self.config.source, self.config.catalogue, ReadSettings(stall_grace_s=-1.5))


def broken_source(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Extract twelve days while the server, its process for us or the line to it is ended at any moment."""
    with own_server() as server:
        execute(server.get_uri(), "CREATE DATABASE small_world")
        dsn = server.get_uri(database="small_world")
        write_world(dsn, build_world(PRESETS["small"]))
        whole = ground.folder / "whole"
        began = monotonic()
        extract_streams(Workplace(PosixStore(whole), FAST, dsn), DAY)
        seconds, expected = monotonic() - began, bytes_of(whole)
        ways: list[Callable[..., Any]] = [_server_killed, _server_stopped, _terminated, _cut, _stalled]
        for n in range(count):
            root, way = ground.folder / f"source-{n}", ways[n % len(ways)]
            with way(server, dsn, random.uniform(0, 1.1 * seconds), random) as address:
                workplace = Impatient if way is _stalled else Workplace
                said = _extracted(workplace(PosixStore(root), QUICK, address))
            outcome.tally("broken off", said is not None)
            broken = violations(PosixStore(root)) + _partial(root, expected)
            _wait(dsn)
            again = _extracted(Workplace(PosixStore(root), FAST, dsn))
            broken += [f"the retry was refused: {again}"] * (again is not None)
            outcome.add(f"{way.__name__.strip('_')} ({said})", broken + differences(root, expected))
            shutil.rmtree(root)


def busy_source(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Extract while whole batches are committed: what is stored is a number of batches that the source really had."""
    execute(ground.dsn, "CREATE DATABASE busy")
    dsn = ground.dsn.replace("/small_world", "/busy")
    create_streams(dsn)
    begun, done, stop = [0], [0], threading.Event()

    def write() -> None:
        connection = psycopg2.connect(dsn)
        while not stop.wait(0.02):
            begun[0] += 1
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO streams SELECT %s + i, i, i %% 40, %s, 40000, false FROM generate_series(1, %s) i",
                    (begun[0] * BATCH, NOON, BATCH),
                )
            done[0] += 1
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while done[0] < 2:
            sleep(0.01)
        policy = config(source={"history_start": FULL_DAY})
        for _ in range(count):
            root = Path(tempfile.mkdtemp(dir=ground.folder))
            least = done[0]
            extract_streams(Workplace(PosixStore(root), policy.model_copy(update={"catalogue": None}), dsn), FULL_DAY)
            outcome.add(f"after {least} batches", _not_one_snapshot(PosixStore(root), least, begun[0]))
            shutil.rmtree(root)
    finally:
        stop.set()
        writer.join()
    outcome.tally("rows written", done[0] * BATCH)
    execute(ground.dsn, "DROP DATABASE busy WITH (FORCE)")


def _not_one_snapshot(store: PosixStore, least: int, most: int) -> list[str]:
    """What is wrong with a stored day of batches, of which so many were there before and after."""
    partition = Partitions(store).newest(FULL_DAY)
    assert partition is not None
    rows = partition.figures.rows_read
    stored = int(Partitions(store).load(FULL_DAY, partition.digest).plays.sum())
    if stored == rows == partition.figures.rows_kept and rows % BATCH == 0 and least <= rows // BATCH <= most:
        return []
    return [f"I4: {rows} rows read and {stored} stored of {least} to {most} batches of {BATCH}"]


def _extracted(at: Workplace) -> str | None:
    """Why an extraction was refused."""
    try:
        extract_streams(at, DAY)
    except SourceUnavailable as error:
        return str(error)
    return None


def _partial(root: Path, expected: dict[str, str]) -> list[str]:
    """Partitions that are there and not whole; counts without a manifest are no partition."""
    found = bytes_of(root)
    return [f"I5: {name} is not what it must be" for name in found if found[name] != expected.get(name)]


@contextmanager
def _later(seconds: float, fault: Callable[[], Any]) -> Iterator[None]:
    """Let something happen after so many seconds, and see that it has happened."""
    timer = threading.Timer(seconds, fault)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@contextmanager
def _server_killed(server: Any, dsn: str, seconds: float, random: Random) -> Iterator[str]:
    """kill -9 of one of its processes: the server ends all others and recovers."""

    def kill() -> None:
        for process in _our_processes(dsn):
            os.kill(process, signal.SIGKILL)

    with _later(seconds, kill):
        yield dsn


@contextmanager
def _server_stopped(server: Any, dsn: str, seconds: float, random: Random) -> Iterator[str]:
    """An immediate stop, as by the power switch, and a start."""
    with _later(seconds, lambda: os.kill(server.get_pid(), signal.SIGQUIT)):
        yield dsn
    deadline = monotonic() + PATIENCE_S
    while (server.pgdata / "postmaster.pid").exists() and monotonic() < deadline:
        sleep(0.02)
    server.ensure_postgres_running()


@contextmanager
def _terminated(server: Any, dsn: str, seconds: float, random: Random) -> Iterator[str]:
    """An administrator ends our session."""
    with _later(seconds, lambda: execute(dsn, f"SELECT pg_terminate_backend(pid) {OURS}")):
        yield dsn


@contextmanager
def _cut(server: Any, dsn: str, seconds: float, random: Random) -> Iterator[str]:
    """The line is cut after some bytes."""
    with tempfile.TemporaryDirectory() as folder, failing_line(dsn, Path(folder), _some_bytes(random)) as address:
        yield address


@contextmanager
def _stalled(server: Any, dsn: str, seconds: float, random: Random) -> Iterator[str]:
    """The line stays open and says nothing more after some bytes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        failing_line(dsn, Path(folder), _some_bytes(random), stall=True) as address,
    ):
        yield address


def _some_bytes(random: Random) -> int:
    return int(10 ** random.uniform(2, 6.3))


def _our_processes(dsn: str) -> list[int]:
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT pid {OURS}")
        found = [pid for (pid,) in cursor.fetchall()]
    connection.close()
    return found


def _wait(dsn: str) -> None:
    """Until the server answers again."""
    deadline = monotonic() + PATIENCE_S
    while monotonic() < deadline:
        with suppress(psycopg2.OperationalError):
            psycopg2.connect(dsn).close()
            return
        sleep(0.05)
