"""What ``recsys serve`` costs over HTTP, beside a bare FastAPI route on the same core.

    python -m benchmarks.serving [--size small|full] [--store DIR] [--switches N]

A synthetic release of three components (als, recent, neighbours; ``published``) is served by a process on one core; the
bare side is a FastAPI route on that core, of the same path and parameters, under the same uvicorn, loop and parser. It
answers with as many bytes, which are there already: the limit of a service that is built this way. The client has a
core of its own. Both sides are asked in turns, over connections that stay open: a ratio is of the same round.

*a second* is what connections without a pause get. Ids are drawn evenly, so that nearly nothing is remembered, then by
popularity (place ** 2), as people ask, and last one id again and again, which shows what everything but the list costs.
*CPU* is of the serving process, for each answer. Then one rate for a time, counted from when a request was due, and
switches to other releases of the same size under load.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.harness import FULL, SMALL, Table, keep
from benchmarks.published import Size, publish, publish_again
from recsys_tasks.release.bundle import open_users
from recsys_tasks.release.bundles import GATED, USERS, Bundles
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

COMPONENTS = ("als", "recent", "neighbours")
SIZES = {SMALL: Size(50_000, 100_000, 70, COMPONENTS), FULL: Size(500_000, 1_000_000, 70, COMPONENTS)}
SERVING, ASKING = 0, 1  # cores
ROUNDS, SECONDS, CONNECTIONS, K = 3, 4.0, 16, 30
RATE, RATE_SECONDS = 1_000, 10.0
ROUTES = {"discover": "/v1/listeners/{}/discover", "similar": "/v1/tracks/{}/similar"}
WISHES = {"discover": 1_000, "similar": 3_000}
BODY = b"x" * 6_000
EVENLY, BY_POPULARITY, THE_SAME = 1.0, 2.0, 1e9  # power of the place that is drawn
Row = dict[str, Any]


def main() -> None:
    """Publish, ask both sides in turns, switch under load; keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--store", type=Path, help="where the release is kept, and found again; default: nowhere")
    parser.add_argument("--switches", type=int, default=5, help="switches to other releases under load (5)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each question of a round (4)")
    args = parser.parse_args()
    root = args.store or Path(tempfile.mkdtemp(prefix="recsys-serving-"))
    try:
        store = PosixStore(root)
        entry = Releases(store).log().live or publish(store, SIZES[args.size])
        keep(measured(args.size, store, entry, args.switches, args.seconds))
    finally:
        if args.store is None:
            shutil.rmtree(root)


def measured(size: str, store: PosixStore, entry: Entry, switches: int, seconds: float) -> Table:
    """The table of all of it."""
    n_bytes = sum(
        path.stat().st_size for path in (store.root / "bundles").rglob("*") if path.suffix in (".npy", ".ann")
    )
    with tempfile.TemporaryDirectory() as folder, serving(store, folder) as (ours, ready), bare() as theirs:
        ids = write_ids(store, entry, Path(folder))
        rows = [row for name in ROUTES for row in compared(name, ours, theirs, ids, seconds)]
        rows.append(paced(ours, ids, RATE_SECONDS))
        resident = psutil.Process(ours[1]).memory_info().rss
        rows.append(switched(store, ours, ids, switches))
    memory = (
        f"{resident / 2**20:,.0f} MB resident, {resident / n_bytes:.2f}x of the {n_bytes / 2**20:,.0f} MB of arrays"
    )
    about = (
        f"Lists of {K} from a release of {SIZES[size].tracks:,} tracks and {SIZES[size].users:,} listeners, "
        f"{len(COMPONENTS)} components, {CONNECTIONS} connections, one core. From start to ready {ready:.1f} s, files "
        f"in the page cache; {memory}."
    )
    wished = ", ".join(f"{name} {wish:,}" for name, wish in WISHES.items())
    goal = f"asked for: answers a second of {wished}; p99 under 20 ms; no error and no mixed answer over the switches."
    return Table("serving", "The lists over HTTP, beside a bare route", size, about, [], goal, rows)


@contextmanager
def serving(store: PosixStore, folder: str) -> Iterator[tuple[tuple[int, int], float]]:
    """``recsys serve``: its port and process, and the seconds from start to ready."""
    config = Path(folder) / "serve.toml"
    config.write_text("[serve]\nport = 0\nrefresh_s = 0.2\nmax_waiting = 1024\n")
    words = [sys.executable, "-m", "recsys_tasks", "serve"]
    environment = os.environ | {
        "RECSYS_ROOT": str(store.root),
        "RECSYS_CONFIG": str(config),
        "OPENBLAS_NUM_THREADS": "1",
    }
    began = time.perf_counter()
    running = subprocess.Popen(
        on_core(words), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert running.stderr is not None  # noqa: S101
        port = int(json.loads(running.stderr.readline())["text"].rpartition(":")[2])
        while json.loads(running.stderr.readline())["event"] != "switched":
            pass
        threading.Thread(target=lambda: running.stderr and running.stderr.read(), daemon=True).start()
        yield (port, running.pid), time.perf_counter() - began
    finally:
        running.terminate()
        running.wait()


@contextmanager
def bare() -> Iterator[tuple[int, int]]:
    """The same routes without a service behind them: port and process."""
    words = [
        sys.executable,
        "-m",
        "uvicorn",
        "benchmarks.serving:bare_app",
        "--factory",
        "--port",
        "0",
        "--no-access-log",
    ]
    running = subprocess.Popen(on_core(words), stderr=subprocess.PIPE, text=True)
    try:
        assert running.stderr is not None  # noqa: S101
        found = next(each for line in running.stderr if (each := re.search(r"127\.0\.0\.1:([0-9]+)", line)))
        yield int(found[1]), running.pid
    finally:
        running.terminate()
        running.wait()


def bare_app() -> Any:
    """FastAPI alone."""
    from fastapi import FastAPI, Response

    app = FastAPI()

    async def answer(wanted: str, k: int = K) -> Response:
        return Response(BODY, media_type="application/json")

    for path in ROUTES.values():
        app.add_api_route(path.replace("{}", "{wanted}"), answer)
    return app


def compared(
    name: str, ours: tuple[int, int], theirs: tuple[int, int], ids: dict[str, str], seconds: float
) -> list[Row]:
    """One route: ours with ids drawn evenly and by popularity, and the bare one, in turns."""
    sides = {
        f"{name}, ids drawn evenly": (ours, EVENLY),
        f"{name}, by popularity": (ours, BY_POPULARITY),
        f"{name}, the same again": (ours, THE_SAME),
        f"{name}, bare": (theirs, EVENLY),
    }
    found: dict[str, list[Row]] = {side: [] for side in sides}
    for number in range(ROUNDS):
        for side, (at, power) in sides.items():
            found[side].append(asked(at, name, ids, seconds=seconds, seed=number, power=power))
    base = found[f"{name}, bare"]
    return [row(side, rounds, base) for side, rounds in found.items()]


def asked(at: tuple[int, int], name: str, ids: dict[str, str], **options: Any) -> Row:
    """What a client was answered, and the processor time that it took to serve."""
    path = f"{ROUTES[name]}?k={K}"
    given = {"cores": [ASKING], "port": at[0], "path": path, "ids": ids[name], "connections": CONNECTIONS} | options
    before = cpu_of(at[1])
    words = [sys.executable, "-m", "benchmarks.http_load", json.dumps(given)]
    said: Row = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return said | {"cpu_ms": 1000 * (cpu_of(at[1]) - before) / max(said["answers"], 1), "seconds": options["seconds"]}


def row(side: str, rounds: list[Row], base: list[Row]) -> Row:
    """A line of the table: medians of the rounds; the ratio to the bare route is of the same round."""
    middle = {
        name: float(np.median([each[name] for each in rounds])) for name in ("answers", "p50_ms", "p99_ms", "cpu_ms")
    }
    ratio = float(np.median([own["cpu_ms"] / other["cpu_ms"] for own, other in zip(rounds, base, strict=True)]))
    return {
        "asked": side,
        "a second": f"{middle['answers'] / rounds[0]['seconds']:,.0f}",
        "median": f"{middle['p50_ms']:.1f} ms",
        "p99": f"{middle['p99_ms']:.1f} ms",
        "CPU": f"{middle['cpu_ms']:.2f} ms",
        "CPU / bare": f"{ratio:.1f}",
        "errors": sum(each["errors"] for each in rounds),
    }


def paced(ours: tuple[int, int], ids: dict[str, str], seconds: float) -> Row:
    """So many requests a second, whether they are answered in time or not."""
    said = asked(ours, "discover", ids, seconds=seconds, rate=RATE, power=BY_POPULARITY, connections=64)
    return row(f"discover, {RATE:,} a second for {seconds:.0f} s, by popularity", [said], [said]) | {"CPU / bare": ""}


def switched(store: PosixStore, ours: tuple[int, int], ids: dict[str, str], switches: int) -> Row:
    """Answers while one release after the other is published, verified, opened and switched to."""
    over = threading.Event()

    def publish_on() -> None:
        for _ in range(switches):
            publish_again(store, Releases(store).log().require_live())
            if over.wait(RATE_SECONDS):
                return

    publisher = threading.Thread(target=publish_on)
    publisher.start()
    said = asked(ours, "discover", ids, seconds=switches * RATE_SECONDS, power=BY_POPULARITY, check=True)
    over.set()
    publisher.join()
    found = row(f"discover, under {switches} switches; {said['releases']} releases answered", [said], [said])
    return found | {"CPU / bare": ""}


def write_ids(store: PosixStore, entry: Entry, folder: Path) -> dict[str, str]:
    """Files of the ids that are asked for."""
    parts = Bundles(store).verify(entry)
    listeners, tracks = open_users(parts[USERS]).ids, parts[GATED].table("tracks").column("id")
    paths = {"discover": folder / "listeners.npy", "similar": folder / "tracks.npy"}
    for path, column in zip(paths.values(), (listeners, tracks), strict=True):
        np.save(path, column.to_numpy())
    return {name: str(path) for name, path in paths.items()}


def on_core(words: list[str]) -> list[str]:
    """A command that runs on the serving core."""
    return ["taskset", "-c", str(SERVING), *words]


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    return sum(psutil.Process(pid).cpu_times()[:2])


if __name__ == "__main__":
    main()
