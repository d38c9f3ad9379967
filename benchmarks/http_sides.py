"""The two processes that ``benchmarks.serving`` asks: ``recsys serve``, and a bare FastAPI route."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from recsys_tasks.storage.posix import PosixStore

SERVING = 0  # core
ROUTES = {"discover": "/v1/listeners/{}/discover", "similar": "/v1/tracks/{}/similar"}
K, BODY = 30, b"x" * 6_000


@contextmanager
def serving(store: PosixStore, folder: str) -> Iterator[tuple[tuple[int, int], tuple[float, float]]]:
    """``recsys serve``: its port and process, and the seconds and processor seconds from start to ready."""
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
        yield (port, running.pid), (time.perf_counter() - began, cpu_of(running.pid))
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
        "benchmarks.http_sides:bare_app",
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


def on_core(words: list[str]) -> list[str]:
    """A command that runs on the serving core."""
    return ["taskset", "-c", str(SERVING), *words]


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    return sum(psutil.Process(pid).cpu_times()[:2])
