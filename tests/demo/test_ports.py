"""The ports of the demo: nobody else's, and whose one is that is taken."""

import json
import os
import pwd
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from recsys_tasks.demo import ports as demo_ports
from recsys_tasks.demo.ports import LOOPBACK, PortTaken, held_ports, usual_port, who_listens
from recsys_tasks.demo.run_demo import main

OURS = f", process {os.getpid()}, of the account {pwd.getpwuid(os.getuid()).pw_name}"


@contextmanager
def listening(address: str = LOOPBACK) -> Iterator[int]:
    """A port on which a program listens that says nothing."""
    with socket.create_server((address, 0)) as other:
        yield other.getsockname()[1]


@contextmanager
def web_server(code: int) -> Iterator[int]:
    """A port on which a web server answers as the version of an Airflow is asked for."""

    class Answer(BaseHTTPRequestHandler):
        server_version, sys_version = "Kiosk", ""

        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps({"version": "3.9.9"}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer((LOOPBACK, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class TestHeldPorts:
    def test_the_ports_differ_and_are_free(self) -> None:
        """Three different ports, each of which can be bound on the loopback interface."""
        with held_ports(0) as ports:
            numbers = {ports.api, ports.worker_log, ports.trigger_log}
        assert len(numbers) == 3
        for number in numbers:
            with socket.create_server((LOOPBACK, number)):
                pass

    def test_two_starts_at_once_do_not_have_the_same_port_in_mind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither has bound it yet, and each has another directory for temporary files, as the tests and a demo beside
        them: the second is refused, and the port is free again after the first."""
        with held_ports(0) as drawn:
            port = drawn.api
        with held_ports(port) as first:
            assert first.api == port
            monkeypatch.setenv("TMPDIR", str(tmp_path))
            with pytest.raises(PortTaken, match="another start"), held_ports(port):
                pass
        with held_ports(port) as again:
            assert again.api == port

    @pytest.mark.parametrize("address", [LOOPBACK, "0.0.0.0"])  # noqa: S104
    def test_a_port_that_is_taken(self, address: str) -> None:
        """What was found there, whose it is and what to do are said; the server is left alone."""
        with listening(address) as taken:
            with pytest.raises(PortTaken) as refused, held_ports(taken):
                pass
            said = f"Port {taken} is taken: a program that is no Airflow answers there{OURS}. Stop that, or choose"
            assert str(refused.value).startswith(said)
            assert "scripts/demo --port N, or RECSYS_DEMO_PORT" in str(refused.value)
        with held_ports(taken) as ports:
            assert ports.api == taken


class TestWhoListens:
    @pytest.mark.parametrize(("code", "said"), [(200, "Airflow 3.9.9"), (404, "a web server (Kiosk)")])
    def test_what_a_web_server_says_that_it_is(self, code: int, said: str) -> None:
        """An Airflow with its version, any other by its name; and the process and the account that it belongs to."""
        with web_server(code) as port:
            assert who_listens(port) == f"{said} answers there{OURS}"

    def test_nobody(self) -> None:
        """A port on which nobody listens is nobody's."""
        with held_ports(0) as ports:
            assert who_listens(ports.api) == ""


class TestDemo:
    def test_the_usual_port_is_left_to_who_has_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The start takes any other then, and says why; else it takes the usual one."""
        said: list[str] = []
        with listening() as taken:
            monkeypatch.setattr(demo_ports, "USUAL_PORT", taken)
            assert usual_port(said.append) == 0
        assert usual_port(said.append) == taken
        assert [line.startswith(f"Port {taken} is taken") for line in said] == [True]

    def test_a_port_that_was_asked_for(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Where somebody has the port that was asked for, nothing is started."""
        with listening() as taken:
            assert main(["--home", str(tmp_path / "home"), "--port", str(taken)]) == 1
        assert f"demo: Port {taken} is taken" in capsys.readouterr().err
        assert not (tmp_path / "home").exists()
