"""kill -9 at each point of a delivery: the tables are the old ones or the new ones, the rerun leaves the new ones."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import sleep
from typing import Any, NamedTuple

from conftest import execute, fetch

from faults.ground import Ground, own_server
from faults.invariants import bytes_of, violations
from faults.outcome import Outcome
from faults.source import OURS
from faults.working import FAST, SIGNED, Worker
from recsys_tasks.core.config import Config
from recsys_tasks.core.delivering import DeliverConfig
from recsys_tasks.steps import Workplace, roll_back
from recsys_tasks.steps.deliver import load_delivery, make_delivery
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.temporary import TEMPORARY

PRODUCTS = ("discover", "popular")
DELIVERING: Config = FAST.model_copy(update={"deliver": DeliverConfig(products=PRODUCTS, batch_listeners=500)})
WRITES = ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "tempfile.mkdtemp")
"""What Python tells of before it does it; opening a file to write is looked at beside them."""
OLD, NEW = 3, 2
"""Releases: the third was live and is delivered, then a rollback made the second live."""
TABLES = [f"{product}{end}" for product in PRODUCTS for end in ("", "_previous")]


class Errand(NamedTuple):
    """What a process is to deliver."""

    root: Path
    sink: str
    killed_at: int  # number of the point before which it kills itself; 0: it is not killed


class Prepared(NamedTuple):
    """A store in which the second release is live again, and a database that holds the third."""

    root: Path
    server: Any
    points: int  # of an undisturbed delivery
    expected: dict[str, str]  # bytes of the deliveries that it leaves


def a_delivery(pipe: Connection, errand: Errand) -> None:
    """Deliver what is live, counting the points."""
    points = [0]

    def point(*_args: Any, **_more: Any) -> None:
        points[0] += 1
        if points[0] == errand.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    at = Workplace(PosixStore(errand.root), DELIVERING)
    _watch(errand.root, point)
    load_delivery(at, make_delivery(at, SIGNED), errand.sink, SIGNED)
    pipe.send(("points", points[0]))


def _watch(root: Path, point: Callable[..., None]) -> None:
    """Call before every statement, every block of rows, the commit, and every change below a folder."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from recsys_tasks.delivery.copying import RowsAsCsv

    event.listen(Engine, "before_cursor_execute", point)
    event.listen(Engine, "commit", point)
    read = RowsAsCsv.read

    def watched(self: RowsAsCsv, size: int) -> bytes:
        point()
        return read(self, size)

    RowsAsCsv.read = watched  # type: ignore[method-assign]
    sys.addaudithook(lambda name, args: point() if _changes(name, args, str(root)) else None)


def _changes(name: str, args: tuple[Any, ...], root: str) -> bool:
    """Whether an audited event is about to change something below a folder."""
    written = name == "open" and isinstance(args[1], str) and bool(set(args[1]) & set("wxa"))
    return (written or name in WRITES) and str(args[0]).startswith(root)


def deliveries(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Kill a delivery before one of its points, look at tables and store, deliver again."""
    with _prepared(ground) as prepared:
        outcome.tally("points in a delivery", prepared.points)
        chosen = random.sample(range(1, prepared.points + 1), min(count, prepared.points))
        for number in sorted(chosen):
            with _case(ground, prepared) as (root, sink):
                worker = Worker(a_delivery, Errand(root, sink, number)).go().finish()
                outcome.tally("killed there", worker.refusal.startswith("died"))
                broken = [*_seen(root, sink, {OLD, NEW}), *violations(PosixStore(root))]
                again = Worker(a_delivery, Errand(root, sink, 0)).go().finish()
                broken += [f"the rerun {again.refusal}"] * bool(again.refusal)
                outcome.add(f"point {number}", [*broken, *_seen(root, sink, {NEW}), *_finished(root, prepared)])


@contextmanager
def _prepared(ground: Ground) -> Iterator[Prepared]:
    with own_server() as server:
        execute(server.get_uri(), "CREATE DATABASE before")
        root = ground.clone(ground.done)
        at = Workplace(PosixStore(root), DELIVERING)
        load_delivery(at, make_delivery(at, SIGNED), server.get_uri(database="before"), SIGNED)
        roll_back(at, NEW, SIGNED)
        bare = Prepared(root, server, 0, {})
        with _case(ground, bare) as (undisturbed, sink):
            worker = Worker(a_delivery, Errand(undisturbed, sink, 0)).go().finish()
            if worker.refusal:
                raise RuntimeError(f"An undisturbed delivery failed: {worker.refusal}")
            points = next(message[1] for message in worker.messages if message[0] == "points")
            yield bare._replace(points=points, expected=_stored(undisturbed))


@contextmanager
def _case(ground: Ground, prepared: Prepared) -> Iterator[tuple[Path, str]]:
    """A copy of store and database."""
    root = ground.clone(prepared.root)
    execute(prepared.server.get_uri(), f"CREATE DATABASE {(name := root.name.replace('-', '_'))} TEMPLATE before")
    try:
        yield root, prepared.server.get_uri(database=name)
    finally:
        execute(prepared.server.get_uri(), f"DROP DATABASE {name} WITH (FORCE)")
        ground.remove(root)


def _seen(root: Path, sink: str, releases: set[int]) -> Iterator[str]:
    """What is wrong with the tables: of two releases, half full, or beside them a table that should not be there."""
    while fetch(sink, f"SELECT 1 {OURS}"):
        sleep(0.01)  # the server has yet to see that its client is gone
    tables = [name for (name,) in fetch(sink, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
    if not set(PRODUCTS) <= set(tables) <= set(TABLES):
        yield f"the tables are {tables}"
        return
    found = {product: fetch(sink, f"SELECT release, count(*) FROM {product} GROUP BY 1") for product in PRODUCTS}
    shown = {row[0] for rows in found.values() for row in rows}
    if len(shown) != 1 or not shown <= releases:
        yield f"the tables are of releases {sorted(shown)}"
    at = Workplace(PosixStore(root), DELIVERING)
    for name in at.deliveries.names():
        figures = at.deliveries.open(name).figures["products"]
        if {at.deliveries.key(name).release} == shown:
            yield from (
                f"{product} is not whole" for product in PRODUCTS if found[product][0][1] != figures[product]["rows"]
            )


def _finished(root: Path, prepared: Prepared) -> Iterator[str]:
    """What is wrong after a delivery that was not disturbed."""
    if _stored(root) != prepared.expected:
        yield "I5: the deliveries have other bytes"
    yield from (f"I11: {path.name} is left" for path in (root / TEMPORARY).glob("*"))


def _stored(root: Path) -> dict[str, str]:
    return {name: digest for name, digest in bytes_of(root).items() if name.startswith("deliveries/")}
