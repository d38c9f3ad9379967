"""HTTP/1.1 of clients that may be slow, many or hostile: uvicorn's protocol, with bounds that it does not have.

uvicorn waits for ever for the head of a request, reads a head of any length, and keeps a connection whose answer nobody
takes. Behind a proxy none of this happens; on loopback without one it would cost memory and connections.
"""

import struct
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from functools import partial
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, NamedTuple, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from recsys_tasks.serving.http.problems import MEDIA_TYPE, Problem, busy

LONGEST_HEAD = 1 << 15
"""Bytes of request line and headers."""
LINGER = 1.0
"""Seconds for which who was sent away may go on sending, unread."""


class Bounds(NamedTuple):
    """What clients may cost."""

    connections: int
    receive_s: float  # for the head of a request to arrive, and for an answer to be taken
    refused: Callable[[], None]  # is told of each connection that is sent away


def bounded(bounds: Bounds) -> "type[BoundedProtocol]":
    """The protocol under some bounds, as uvicorn takes it."""
    return cast("type[BoundedProtocol]", partial(BoundedProtocol, bounds))


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, bounds: Bounds, **options: Any) -> None:
        super().__init__(**options)
        self._bounds, self._head = bounds, 0  # bytes of a head that is not complete
        self._late: TimerHandle | None = None  # for the rest of a head
        self._untaken: TimerHandle | None = None  # for an answer to be taken
        self._leaving = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Send away who is one too many; give the others some seconds for the head of their first request."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections:
            self._bounds.refused()
            self._send_away(busy(f"{self._bounds.connections} connections are open already."))
            return
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._expect(False)
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as long as the head is not too long."""
        if self._leaving or self.transport.is_closing():
            return
        self._head += len(data)
        super().data_received(data)
        if self._head > LONGEST_HEAD and not self._leaving and not self.transport.is_closing():
            self._send_away(Problem(431, "head_too_long", f"A head has {LONGEST_HEAD:,} bytes at the most."))

    def on_message_begin(self) -> None:
        """The first bytes of a request."""
        super().on_message_begin()
        self._expect()

    def on_headers_complete(self) -> None:
        """The head is complete; the body is waited for elsewhere."""
        self._expect(False)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body, which is bounded elsewhere."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What comes now is the head of another request."""
        self._head = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Nobody takes the answer: wait for some seconds."""
        super().pause_writing()
        self._stop_waiting()
        self._untaken = self.loop.call_later(self._bounds.receive_s, self._drop)

    def resume_writing(self) -> None:
        """It was taken."""
        self._stop_waiting()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for a while; an answer that was not taken by now is dropped."""
        if self.transport.get_write_buffer_size():
            self._drop()
        super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP."""
        self._send_away(Problem(400, "bad_request", msg))

    def _expect(self, anything: bool = True) -> None:
        """Wait for the rest of a head for some seconds from now, or no longer."""
        if self._late is not None:
            self._late.cancel()
        self._late = self.loop.call_later(self._bounds.receive_s, self._give_up) if anything else None
        if not anything:
            self._head = 0

    def _drop(self) -> None:
        """Reset the connection: what nobody took would otherwise lie in the kernel for minutes."""
        self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def _give_up(self) -> None:
        self._send_away(Problem(408, "too_slow", "The request did not arrive in time."))

    def _send_away(self, problem: Problem) -> None:
        content = msgspec.json.encode(problem.body())
        headers = problem.headers | {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(content)),
            "Connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[problem.status] + lines.encode() + b"\r\n" + content)
        self._leave()

    def _leave(self) -> None:
        """Close so that what was said still arrives: whoever closes with something unread resets the connection."""
        self._expect(False)
        self._leaving = True
        if len(self.connections) > 2 * self._bounds.connections:
            self.transport.close()
        else:
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.abort)
