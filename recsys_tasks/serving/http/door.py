"""The one door of the service: who asks, how much arrives and how fast; each request is counted and logged."""

from asyncio import timeout
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys_tasks.serving.http.access_log import AccessLog, Line
from recsys_tasks.serving.http.metrics import Metrics
from recsys_tasks.serving.http.problems import Problem
from recsys_tasks.serving.http.tokens import Tokens

OPEN_TO_ALL = ("/healthz", "/readyz")
"""Paths that need no token: they say no more than whether the service works."""
CLOSE = {"Connection": "close"}
SAFE = [(b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"default-src 'none'")]


@dataclass(frozen=True)
class Rules:
    """What the door needs to know."""

    tokens: Callable[[], Tokens | None]  # None: nobody needs one
    most_bytes: int  # of a body
    receive_s: float  # seconds for a body to arrive
    clock: Callable[[], float]
    now: Callable[[], datetime]
    release: Callable[[], int]  # that answers now, 0 for none


class Door:
    """An ASGI app around another one."""

    def __init__(self, app: ASGIApp, rules: Rules, metrics: Metrics, log: AccessLog) -> None:
        self._app, self._rules, self._metrics, self._log = app, rules, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(self._rules, scope, send)
        try:
            visit.client = self._known(scope)
            body = await self._body(scope, receive)
            await self._app(scope, body, visit.send)
        except Problem as problem:
            await problem.response()(scope, receive, visit.send)
        finally:
            line = visit.line()
            self._metrics.count(line.route, line.status, line.ms / 1000)
            self._log.add(line)

    def _known(self, scope: Scope) -> str:
        """The name of whoever asks.

        Raises:
            Problem: their token is missing or not known.
        """
        tokens = self._rules.tokens()
        if tokens is None or scope["path"] in OPEN_TO_ALL:
            return ""
        found = tokens.holder(_header(scope, b"authorization"))
        if found is None:
            wanted = {"WWW-Authenticate": 'Bearer realm="recsys"'} | CLOSE
            raise Problem(401, "unauthorized", "Send Authorization: Bearer and a token of this service.", wanted)
        return found

    async def _body(self, scope: Scope, receive: Receive) -> Receive:
        """The body, read as a whole, in the form in which the app asks for it.

        Raises:
            Problem: it is too long, or did not arrive in time.
        """
        length = _header(scope, b"content-length")
        if not length and not _header(scope, b"transfer-encoding"):
            return receive
        if len(length) > 12 or int(length or 0) > self._rules.most_bytes:
            raise self._too_large()
        try:
            async with timeout(self._rules.receive_s):
                return _received(await self._read(receive), receive)
        except TimeoutError:
            raise Problem(408, "too_slow", "The body did not arrive in time.", CLOSE) from None

    async def _read(self, receive: Receive) -> bytes:
        found: bytes = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "broken_off", "The body broke off.", CLOSE)
            found += message.get("body", b"")
            if len(found) > self._rules.most_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return found

    def _too_large(self) -> Problem:
        return Problem(413, "too_large", f"A body has {self._rules.most_bytes:,} bytes at the most.", CLOSE)


class _Visit:
    """What is noted of one request."""

    def __init__(self, rules: Rules, scope: Scope, send: Send) -> None:
        self._rules, self._scope, self._send = rules, scope, send
        self._began, self._status, self._bytes = rules.clock(), 499, 0  # 499: nobody waited for the answer
        self.client = ""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = [*message.get("headers", ()), *SAFE]
        else:
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    def line(self) -> Line:
        ms = round(1000 * (self._rules.clock() - self._began), 3)
        route: Any = self._scope.get("route")
        name = route.path.replace(":path", "") if route is not None else "none"
        at = self._rules.now().isoformat(timespec="milliseconds")
        method = self._scope["method"] if route is not None else "-"  # a stranger's word otherwise
        return Line(at, method, name, self._status, ms, self._bytes, self._rules.release(), self.client)


def _header(scope: Scope, name: bytes) -> bytes:
    """A header that may stand once; of several, all of them, which nothing accepts."""
    return b",".join([value for key, value in scope["headers"] if key == name])


def _received(body: bytes, rest: Receive) -> Receive:
    """What gives a body that is there, then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else await rest()

    return receive
