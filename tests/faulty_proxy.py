"""An HTTP server before an object store that counts what passes, and breaks the calls that it is told to break."""

import contextlib
import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import sleep

SLOW = 1.0  # seconds that a slow answer takes
KINDS = ("500", "503", "slow", "reset", "lost", "cut")
"""What a call may meet: two refusals, a late answer, a line cut before it arrives, before its answer, within that."""


@dataclass(frozen=True)
class Fault:
    """What happens to a call."""

    kind: str  # of KINDS, or "before" and "after": the line is cut then, and something is done at that moment
    act: Callable[[], object] = lambda: None


class FaultyProxy(ThreadingHTTPServer):
    """The server; ``plan`` says of the n-th call since the last count what happens to it."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream.removeprefix("http://")
        self._lock = Lock()
        self.plan: Callable[[int], Fault | None] = lambda _: None
        self.calls = self.up = self.down = 0

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def count_anew(self, plan: Callable[[int], Fault | None] = lambda _: None) -> None:
        """Begin to count, with another plan."""
        with self._lock:
            self.plan, self.calls, self.up, self.down = plan, 0, 0, 0

    def next_call(self, size: int) -> Fault | None:
        """Count a call with a body of some bytes; what happens to it."""
        with self._lock:
            self.calls += 1
            self.up += size
            return self.plan(self.calls)

    def came_down(self, size: int) -> None:
        """Count bytes of an answer."""
        with self._lock:
            self.down += size

    def handle_error(self, *_: object) -> None:
        """A line that was cut is no news."""


@contextlib.contextmanager
def faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    """A proxy in a thread, before a server."""
    proxy = FaultyProxy(upstream)
    Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def do_GET(self) -> None:
        """One call, whatever its method."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.next_call(len(body)) or Fault("")
        if fault.kind in ("before", "reset"):
            fault.act()
            return self._cut()
        if fault.kind in ("500", "503"):
            code = {"500": "InternalError", "503": "SlowDown"}[fault.kind]
            return self._answer(int(fault.kind), [], f"<Error><Code>{code}</Code></Error>".encode())
        if fault.kind == "slow":
            sleep(SLOW)
        try:
            status, headers, content = self._forwarded(body)
        except OSError:  # the server behind was killed
            return self._cut()
        if fault.kind in ("after", "lost"):
            fault.act()
            return self._cut()
        self.server.came_down(len(content))
        return self._answer(status, headers, content, cut=fault.kind == "cut")

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        behind = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                behind.putheader(name, value)
            behind.endheaders(body or None)
            answer = behind.getresponse()
            content = answer.read()
            dropped = ("transfer-encoding", "connection", "content-length")
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in dropped]
            size = answer.getheader("Content-Length") if self.command == "HEAD" else None
            return answer.status, [*headers, *([("Content-Length", size)] if size else [])], content
        finally:
            behind.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD" and status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._cut()

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()
