"""The process: it opens the release, listens, follows the log, and ends when it is told to."""

import asyncio
import gc
import logging
import signal
import socket
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import msgspec
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.serving.http.access_log import AccessLog
from recsys_tasks.serving.http.app import Surroundings, create_app
from recsys_tasks.serving.http.live import LiveRelease
from recsys_tasks.serving.http.metrics import Metrics
from recsys_tasks.serving.http.protocol import Bounds, bounded
from recsys_tasks.serving.http.tokens import TokenFile, require_loopback
from recsys_tasks.storage.store import ArtefactStore

Tell: TypeAlias = Callable[[str, str], None]
KEEP_ALIVE = 60
"""Seconds for which a connection without a request stays open."""


def serve(store: ArtefactStore, bounds: ServeConfig, products: ProductsConfig) -> None:
    """Answer until SIGTERM or SIGINT.

    Args:
        store: where the releases lie.
        bounds: where to listen, and what may be asked for.
        products: what the lists look like.

    Raises:
        ConfigError: no tokens and an address that others reach, tokens that cannot be read, or a port that is taken.
    """
    log = AccessLog(sys.stdout.buffer)
    listening = listen(bounds)
    before = signal.signal(signal.SIGTERM, _end)  # uvicorn raises the signal again when it has drained
    try:
        server_of(store, bounds, products, log, tell, set_aside).run([listening])
    finally:
        signal.signal(signal.SIGTERM, before)
        listening.close()
        log.close()
    tell("ended", "All answers under way were given.")


def server_of(
    store: ArtefactStore,
    bounds: ServeConfig,
    products: ProductsConfig,
    log: AccessLog,
    tell: Tell,
    settle: Callable[[], None] = lambda: None,
) -> uvicorn.Server:
    """The server of a store, which follows its log.

    Args:
        store, bounds, products: as for ``serve``.
        log: of the requests.
        tell: is told of an event in a word, and in a sentence.
        settle: is called before a release answers for the first time.

    Raises:
        ConfigError: as for ``serve``.
    """
    tokens = TokenFile(Path(bounds.tokens_file), tell) if bounds.tokens_file else None
    if tokens is None:
        require_loopback(bounds.host)
    live = LiveRelease(store, products, bounds, time.monotonic, tell, settle)

    def look() -> None:
        live.look()
        if tokens is not None:
            tokens.look()

    metrics = Metrics()
    app = create_app(
        Surroundings(
            live=live,
            bounds=bounds,
            tokens=lambda: tokens.tokens if tokens else None,
            log=log,
            metrics=metrics,
            clock=time.monotonic,
            now=lambda: datetime.now(UTC),
            lifespan=following(look, bounds.refresh_s),
        )
    )
    logging.getLogger("uvicorn").handlers = [Told(tell)]
    logging.getLogger("uvicorn").propagate = False
    limits = Bounds(bounds.max_connections, bounds.receive_s, metrics.connections_refused.inc)
    return Server(_uvicorn(app, limits, bounds.drain_s), tell)


def set_aside() -> None:
    """Keep the garbage collector from whatever stays, such as modules and an open release.

    Its full collections stop all answers for as long as it looks at that: 40 to 70 ms at a million listeners. What the
    release before has left in circles is found at the next call.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _uvicorn(app: ASGIApp, limits: Bounds, drain_s: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=bounded(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody looks at the address of a client
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=drain_s,  # type: ignore[arg-type]
    )


class Server(uvicorn.Server):
    """uvicorn, which says where it listens."""

    def __init__(self, config: uvicorn.Config, tell: Tell) -> None:
        super().__init__(config)
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        for each in sockets or ():
            host, port = each.getsockname()[:2]
            self._tell("listening", f"http://{f'[{host}]' if ':' in host else host}:{port}")


def _end(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM is no failure."""


def listen(bounds: ServeConfig) -> socket.socket:
    """The socket that the service answers on.

    Raises:
        ConfigError: the address is none of this machine's, or is taken.
    """
    try:
        family = socket.AF_INET6 if ":" in bounds.host else socket.AF_INET
        return socket.create_server((bounds.host, bounds.port), family=family, backlog=1024)
    except OSError as error:
        raise ConfigError(
            f"{bounds.host} port {bounds.port}: {error.strerror}. Choose another one: --host, --port, or [serve]."
        ) from None


def following(look: Callable[[], None], every: float) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The life of an app in which a thread looks at the log of releases, again and again."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        looker = ThreadPoolExecutor(1, "recsys-looks")

        async def keep_looking() -> None:
            while True:
                await asyncio.get_running_loop().run_in_executor(looker, look)
                await asyncio.sleep(every)

        task = asyncio.create_task(keep_looking())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            looker.shutdown(wait=False, cancel_futures=True)

    return life


def tell(event: str, text: str) -> None:
    """Write what happened to standard error, as a line of JSON."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, "text": text}
    with suppress(OSError):
        sys.stderr.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stderr.buffer.flush()


class Told(logging.Handler):
    """What uvicorn has to say, warnings and errors: without the text of an exception, which may hold anything."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Say what happened, and where."""
        error = record.exc_info[1] if record.exc_info else None
        self._tell("server", f"{record.getMessage().strip()}{f' {_place_of(error)}' if error else ''}")


def _place_of(error: BaseException) -> str:
    """The kind of an error, and where it arose."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return " ".join([type(error).__name__, *(f"in {each.filename}:{each.lineno}" for each in last)])
