"""The demo's supervisor: a start succeeds whole or leaves nothing behind, and a home has one Airflow."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from processes import all_gone, children_of, guard_of, script

from recsys_tasks.core.errors import ConfigError, RecsysError
from recsys_tasks.demo.airflow_api import AirflowApi, ApiRefused
from recsys_tasks.demo.airflow_home import AlreadyRunning
from recsys_tasks.demo.guarded import ComponentFailed, Program, plain_environment
from recsys_tasks.demo.ports import PortTaken, held_ports
from recsys_tasks.demo.supervisor import RunningAirflow, running_airflow

# An Airflow in small: the api-server answers what the supervisor asks, every other component sleeps.
FAKE_AIRFLOW = """
    import json, os, sys, time
    from http.server import BaseHTTPRequestHandler, HTTPServer
    name = sys.argv[1]
    print(name, "speaks", flush=True)
    if name == "db":
        sys.exit(0)
    if name == os.environ.get("FAKE_DEAD"):
        sys.exit("it hurts")
    if name != "api-server":
        time.sleep(600)
    parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            status = {part: {"status": "healthy"} for part in parts if part != os.environ.get("FAKE_DEAD")}
            self.answer(status | {"pools": []})
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if "FAKE_FOREIGN" in os.environ:
                self.answer({"detail": "Invalid credentials"}, 401)
            else:
                self.answer({"access_token": "t"})
        def answer(self, body, code=200):
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())
        def log_message(self, *_):
            pass
    HTTPServer((os.environ["AIRFLOW__API__HOST"], int(os.environ["AIRFLOW__API__PORT"])), Answer).serve_forever()
"""


Start = Callable[..., AbstractContextManager[RunningAirflow]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts an Airflow in small, where the environment names both databases, so that no server of ours is started."""
    named = plain_environment(AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite://", RECSYS_SOURCE_DSN="postgresql://s")
    fake = script(tmp_path, "fake.py", FAKE_AIRFLOW)
    return partial(running_airflow, command=[sys.executable, fake], base=named)


class TestRunningAirflow:
    def test_a_directory_of_somebody_else_is_not_emptied(self, start: Start, tmp_path: Path) -> None:
        """A home that holds what no start of ours put there is refused, and stays as it was."""
        (tmp_path / "thesis.txt").write_text("years of work")
        with pytest.raises(ConfigError, match="would be emptied"), start(tmp_path):
            pass
        assert (tmp_path / "thesis.txt").read_text() == "years of work"

    def test_the_databases_of_the_environment_are_used(self, start: Start, tmp_path: Path) -> None:
        """Where the environment names both databases, no server is started, and the store still lies in the home."""
        with start(tmp_path / "home", {"EXTRA": "1"}) as airflow:
            assert airflow.api.token() == "t"
            assert airflow.environment["RECSYS_SOURCE_DSN"] == "postgresql://s"
            assert airflow.environment["RECSYS_ROOT"] == str(tmp_path / "home" / "store")
            assert airflow.environment["EXTRA"] == "1"
            assert airflow.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "sqlite://"
            assert not (tmp_path / "home" / "postgres").exists()
            guards = [guard_of(component) for component in airflow.components]
            assert len(guards) == 4
        assert all_gone(guards, 0)

    def test_a_component_that_dies_early(self, start: Start, tmp_path: Path) -> None:
        """The start fails with the component's name and last words, at once and with nothing left."""
        started, before = time.monotonic(), children_of(os.getpid())
        with (
            pytest.raises(ComponentFailed, match=r"(?s)triggerer ended with exit code 1.*it hurts"),
            start(tmp_path / "home", {"FAKE_DEAD": "triggerer"}),
        ):
            pass
        assert time.monotonic() - started < 20
        assert set(children_of(os.getpid())) <= set(before)

    def test_a_start_that_ended_early_stands_in_nobodys_way(self, start: Start, tmp_path: Path) -> None:
        """One that held its home, and went no further, leaves a lock: the next one takes the home."""
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "lock").touch()
        with start(tmp_path / "home") as airflow:
            airflow.check_alive()

    def test_a_port_that_is_taken(self, start: Start, tmp_path: Path) -> None:
        """Nothing is started and nothing is emptied where somebody else has the port."""
        home = tmp_path / "home"
        with start(home):
            (home / "store" / "kept").touch()
        with held_ports(0) as ports:
            port = ports.api
        with held_ports(port), pytest.raises(PortTaken, match="another start"), start(home, port=port):
            pass
        assert (home / "store" / "kept").exists()

    def test_a_port_that_is_taken_during_the_start(self, start: Start, tmp_path: Path) -> None:
        """An Airflow that answers in the place of ours is told of as such, with its process, and what to do."""
        said = r"was taken during the start: a program.*, process \d+, of the account .*scripts/demo --port N.*401"
        with pytest.raises(PortTaken, match=said), start(tmp_path / "home", {"FAKE_FOREIGN": "1"}):
            pass

    def test_a_helper_that_fails(self, start: Start, tmp_path: Path) -> None:
        """A program beside the start that fails makes the start fail."""
        beside = [Program("world", ["sh", "-c", 'echo "$RECSYS_SOURCE_DSN is full"; exit 1'])]
        with (
            pytest.raises(ComponentFailed, match=r"(?s)world ended with exit code 1.*postgresql://s is full"),
            start(tmp_path / "home", beside=beside),
        ):
            pass

    def test_one_home_has_one_airflow(self, start: Start, tmp_path: Path) -> None:
        """A second start in the same home says so and touches nothing."""
        home = tmp_path / "home"
        with start(home) as airflow:
            (home / "store" / "kept").touch()
            with (
                pytest.raises(AlreadyRunning, match="in use"),
                start(home),
            ):
                pass
            assert (home / "store" / "kept").exists()
            airflow.check_alive()

    def test_a_new_start_begins_anew(self, start: Start, tmp_path: Path) -> None:
        """Store and logs of the last start are gone, the passwords are kept."""
        home = tmp_path / "home"
        with start(home) as first:
            (home / "store" / "old").touch()
        with start(home) as second:
            assert not (home / "store" / "old").exists()
            assert second.password == first.password

    def test_waiting_has_an_end(self, start: Start, tmp_path: Path) -> None:
        """What does not come about in time is an error that says what, and where the logs are."""
        with (
            start(tmp_path / "home") as airflow,
            pytest.raises(RecsysError, match=r"rain did not come about within 0 s.*logs"),
        ):
            airflow.wait_until(lambda: False, 0.1, "rain")

    def test_no_answer_in_time_is_asked_again(self, start: Start, tmp_path: Path) -> None:
        """A busy API server answers late, which ends no wait; what it refuses does."""
        nobody = AirflowApi("http://127.0.0.1:9", "ada", "x")
        asked = []

        def answered_at_last() -> bool:
            asked.append("again")
            return len(asked) > 1 or bool(nobody.runs("daily"))

        def refused() -> bool:
            raise ApiRefused("404")

        with start(tmp_path / "home") as airflow:
            airflow.wait_until(answered_at_last, 60, "rain", pause_s=0)
            assert len(asked) == 2
            with pytest.raises(ApiRefused, match="404"):
                airflow.wait_until(refused, 60, "rain")
