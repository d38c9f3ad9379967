"""Real receivers of alerts on the loopback interface: a mail server, and a web server that can also misbehave."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


@dataclass
class Web:
    """What a web server was sent, and how it answers: by the first word of a path, or as ``answer`` says."""

    port: int = 0
    answer: str = ""
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """The JSON bodies that were posted to a path."""
        return [body for where, body in self.received if where == path]


@contextmanager
def web_sink(tls: SSLContext | None = None) -> Iterator[Web]:
    """A web server; /500, /302 (to /followed), /slow (a byte at a time), /huge, /hangup; anything else is taken."""
    web = Web()

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            web.received.append((self.path, json.loads(text or b"{}")))
            with suppress(OSError):
                self._answer(web.answer or self.path.strip("/").split("/")[0])

        do_GET = do_POST  # what a redirect would be followed with

        def _answer(self, how: str) -> None:
            if how == "hangup":
                self.close_connection = True
                return
            self.send_response({"500": 500, "302": 302, "huge": 500}.get(how, 200))
            if how == "302":
                self.send_header("Location", f"http://127.0.0.1:{web.port}/followed")
            self.end_headers()
            while how == "slow":
                self.wfile.write(b"x")
                time.sleep(0.2)
            while how == "huge":
                self.wfile.write(b"x" * (1 << 20))
            self.wfile.write(b"what the server says: canary-of-the-server")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # whoever does not trust its certificate hangs up
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    web.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield web
    server.shutdown()
    server.server_close()


class Mail:
    """What a mail server was sent; it refuses everybody while ``answer`` is not empty."""

    def __init__(self) -> None:
        self.port = free_port()
        self.answer = ""
        self.received: list[tuple[list[str], Any]] = []  # receivers, parsed message

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        """Take a receiver, or say why not."""
        if not self.answer:
            envelope.rcpt_tos.append(address)
        return self.answer or "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Take a mail."""
        self.received.append((envelope.rcpt_tos, message_from_string(envelope.content.decode())))
        return "250 OK"


@contextmanager
def mail_sink(**options: Any) -> Iterator[Mail]:
    """A mail server; ``ssl_context``: it speaks TLS from the start; ``tls_context``: it offers STARTTLS."""
    mail = Mail()
    controller = Controller(mail, hostname="127.0.0.1", port=mail.port, **options)
    controller.start()
    yield mail
    controller.stop()


def guarded_mail_sink() -> AbstractContextManager[Mail]:
    """A mail server that asks for a password and accepts none."""
    return mail_sink(authenticator=lambda *_: AuthResult(success=False, handled=False), auth_require_tls=False)


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def smtp(port: int, **more: Any) -> dict[str, Any]:
    """A connection of type smtp."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "recsys@example.test"}
    return {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra} | more


def webhook(port: int, path: str) -> dict[str, Any]:
    """A connection of type http; the path is its secret."""
    return {"conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http", "password": path}


def slack(port: int, path: str) -> dict[str, Any]:
    """A connection of type slackwebhook."""
    return {"conn_type": "slackwebhook", "host": f"http://127.0.0.1:{port}", "password": path}


def apprise(port: int, path: str, scheme: str = "json") -> dict[str, Any]:
    """A connection of type apprise to a JSON webhook."""
    return {"conn_type": "apprise", "extra": {"config": {"path": f"{scheme}://127.0.0.1:{port}/{path}"}}}
