"""The access log: a line of JSON for each request, without ids: no path, no query, no body, no address.

Lines are gathered and written by a thread, some times a second, so that whoever reads the log slowly holds up nobody.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

import msgspec

MOST_LINES = 100_000
"""Lines that wait to be written; while there are so many, further ones are left out and counted."""
EVERY = 0.2
"""Seconds between two writings."""


class Line(msgspec.Struct, omit_defaults=True):
    """What stands of one request."""

    at: str  # instant, ISO-8601 UTC
    method: str
    route: str  # as the description of the service names it, with {id} in place of an id
    status: int
    ms: float  # since the head of the request had arrived
    bytes: int  # of the answer's body
    release: int = 0
    client: str = ""  # name of whose token it was


class AccessLog:
    """Writes lines to a stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lines, self._left_out = stream, deque[Line](), 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, name="recsys-access-log", daemon=True)
        self._thread.start()

    def add(self, line: Line) -> None:
        """Have a line written soon."""
        if len(self._lines) < MOST_LINES:
            self._lines.append(line)
        else:
            self._left_out += 1

    def close(self, patience: float = 2.0) -> None:
        """Write what is there, and end."""
        self._over.set()
        self._thread.join(patience)

    def _keep_writing(self) -> None:
        while not self._over.wait(EVERY):
            self._write()
        self._write()

    def _write(self) -> None:
        encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
        found = [encode(self._lines.popleft()) for _ in range(len(self._lines))]
        left_out, self._left_out = self._left_out, 0
        if left_out:
            found.append(encode({"left_out": left_out}))
        if found:
            try:
                self._stream.write(b"\n".join([*found, b""]))
                self._stream.flush()
            except OSError:  # nobody reads it any more: requests are answered all the same
                self._lines.clear()
