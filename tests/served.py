"""The HTTP service in a thread of the test, on a real socket: everything but the process of its own."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from processes import wait_for

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.serving.http.access_log import AccessLog
from recsys_tasks.serving.http.server import listen, server_of


class Served:
    """A service that runs."""

    def __init__(self, port, log, told):
        self.port, self._log, self.told = port, log, told
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def get(self, path, **options):
        """What it answers to GET."""
        return self.http.get(path, **options)

    def raw(self, content, answer=True):
        """What it sends back, until it closes, to bytes that need not be HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(content)
            found = b""
            while answer and (data := connection.recv(65_536)):
                found += data
        return found

    def lines(self, at_least=1):
        """The lines of the access log, when so many are there."""
        assert wait_for(lambda: self._log.getvalue().count(b"\n") >= at_least)
        return [json.loads(line) for line in self._log.getvalue().splitlines()]

    def is_ready(self):
        """Whether a release is open."""
        return self.get("/readyz").status_code == 200


@contextmanager
def served(store, products=ProductsConfig(), **bounds) -> Iterator[Served]:  # noqa: B008
    """A service over a store, which looks at the log every few milliseconds."""
    values, stream, told = {"port": 0, "refresh_s": 0.02, "drain_s": 1} | bounds, io.BytesIO(), []
    config, log = ServeConfig(**values), AccessLog(stream)
    listening = listen(config)
    server = server_of(store, config, products, log, lambda event, text: told.append((event, text)))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    found = Served(listening.getsockname()[1], stream, told)
    try:
        assert wait_for(lambda: any(event == "listening" for event, _ in told))
        yield found
    finally:
        found.http.close()
        server.should_exit = True
        thread.join(10)
        listening.close()
        log.close()
        assert not thread.is_alive()
