"""Object stores for tests: a real one, and one as there are some, which does not keep its word."""

import contextlib
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from benchmarks.object_server import ObjectServer


@contextlib.contextmanager
def forgetful_server() -> Iterator[ObjectServer]:
    """A server as there are some: it looks like S3, and answers 200 to the second conditional put of a name, too."""
    objects: dict[str, bytes] = {}

    class Forgetful(BaseHTTPRequestHandler):
        server_version, sys_version = "Forgetful/1", ""

        def do_PUT(self) -> None:
            objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, {"ETag": '"1"'})

        def do_GET(self) -> None:
            if "list-type=2" in self.path:
                self._answer(200, {}, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
            elif self.path in objects:
                self._answer(200, {"ETag": '"1"', "Last-Modified": formatdate(usegmt=True)}, objects[self.path])
            else:
                self._answer(404, {})

        do_HEAD = do_GET

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, {}, b"<DeleteResult></DeleteResult>")

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ObjectServer(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
