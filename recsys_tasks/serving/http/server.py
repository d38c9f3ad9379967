"""The process: it opens the release, listens, follows the log, and ends when it is told to."""

import asyncio
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

import msgspec
import uvicorn
from fastapi import FastAPI

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.products.products import Products
from recsys_tasks.serving.http.access_log import AccessLog
from recsys_tasks.serving.http.answers import Answers
from recsys_tasks.serving.http.app import Surroundings, create_app
from recsys_tasks.serving.http.live import LiveRelease
from recsys_tasks.serving.http.metrics import Metrics
from recsys_tasks.serving.http.protocol import Bounds, bounded
from recsys_tasks.serving.http.tokens import Tokens, read_tokens, require_loopback
from recsys_tasks.storage.store import ArtefactStore

KEEP_ALIVE = 60
"""Seconds for which a connection without a request stays open."""


def serve(store: ArtefactStore, bounds: ServeConfig, products: ProductsConfig, als: AlsConfig) -> None:
    """Answer until SIGTERM or SIGINT.

    Args:
        store: where the releases lie.
        bounds: where to listen, and what may be asked for.
        products: what the lists look like.
        als: how histories are folded in where a release does not say how it was trained.

    Raises:
        ConfigError: no tokens and an address that others reach, tokens that cannot be read, or a port that is taken.
    """
    tokens = TokenFile(Path(bounds.tokens_file)) if bounds.tokens_file else None
    if tokens is None:
        require_loopback(bounds.host)
    listening = listen(bounds)
    settings = digest_of("settings", products.model_dump(), als.model_dump(), bounds.model_dump())
    live = LiveRelease(
        store,
        lambda reader: Answers(reader.entry.release, Products(reader.bundle, products, als), bounds),
        settings,
        bounds.cache_mb << 20,
        time.monotonic,
        tell,
    )
    log = AccessLog(sys.stdout.buffer)
    try:
        _run(live, bounds, tokens, log, listening)
    finally:
        listening.close()
        log.close()


def _run(
    live: LiveRelease[Answers],
    bounds: ServeConfig,
    tokens: "TokenFile | None",
    log: AccessLog,
    listening: socket.socket,
) -> None:
    metrics = Metrics()

    def look() -> None:
        live.look()
        if tokens is not None:
            tokens.look()

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
    limits = Bounds(bounds.max_connections, bounds.receive_s, metrics.connections_refused.inc)
    config = uvicorn.Config(
        app,
        http=bounded(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=bounds.drain_s,  # type: ignore[arg-type]
    )
    logging.getLogger("uvicorn").addHandler(_Told())
    logging.getLogger("uvicorn").propagate = False
    host, port = listening.getsockname()[:2]
    tell("listening", f"http://{f'[{host}]' if ':' in host else host}:{port}")
    before = signal.signal(signal.SIGTERM, _end)  # uvicorn raises the signal again when it has drained
    try:
        uvicorn.Server(config).run([listening])
    finally:
        signal.signal(signal.SIGTERM, before)
    tell("ended", "All answers under way were given.")


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


class TokenFile:
    """The tokens of a file, read again when it changes; a file that is not sound changes nothing."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, self._stamp(path)
        self.tokens: Tokens = read_tokens(path)

    def look(self) -> None:
        """Read the file again if it has changed."""
        seen = self._stamp(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.tokens = read_tokens(self._path)
            tell("tokens", "The file of tokens was read again.")
        except ConfigError as error:
            tell("tokens", f"The tokens of before are kept: {error}")

    @staticmethod
    def _stamp(path: Path) -> tuple[int, ...]:
        try:
            found = path.stat()
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ino, found.st_size)


def tell(event: str, text: str) -> None:
    """Write what happened to standard error, as a line of JSON."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, "text": text}
    with suppress(OSError):
        sys.stderr.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stderr.buffer.flush()


class _Told(logging.Handler):
    """What uvicorn has to say, warnings and errors: without the text of an exception, which may hold anything."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        tell("server", f"{record.getMessage().strip()}{f' {_place_of(error)}' if error else ''}")


def _place_of(error: BaseException) -> str:
    """The kind of an error, and where it arose."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return " ".join([type(error).__name__, *(f"in {each.filename}:{each.lineno}" for each in last)])
