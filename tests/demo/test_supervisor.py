"""The demo's supervisor: whatever happens to it, nothing stays behind; and what it hands to Airflow."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg2
import pytest
import yaml

from recsys_tasks.core.errors import ConfigError, RecsysError
from recsys_tasks.demo import supervisor
from recsys_tasks.demo.airflow_environment import (
    CLONE,
    LOOPBACK,
    POOLS,
    WANTED_API_PORT,
    Ports,
    airflow_environment,
    choose_ports,
    keep_secrets,
)
from recsys_tasks.demo.embedded_postgres import check_reachable, running_postgres
from recsys_tasks.demo.guarded import (
    Component,
    ComponentFailed,
    Program,
    plain_environment,
    run_to_end,
    running,
)

# A program that starts a child and a grandchild in a session of its own, orphans the grandchild, is deaf to SIGTERM,
# and writes all three process numbers.
DEAF_FAMILY = """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    def note():
        with open(sys.argv[1], "a") as f:
            f.write(f"{os.getpid()}\\n")
    note()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note()
            time.sleep(600)
        os._exit(0)
    if os.fork() == 0:
        note()
        time.sleep(600)
    time.sleep(600)
"""

# The supervisor in small: one deaf family under a guard, ended in order by a signal.
OWNER = """
    import sys, time
    from pathlib import Path
    from recsys_tasks.demo.guarded import Program, ending_in_order, plain_environment, running
    family, pids, logs = sys.argv[1:]
    program = Program("family", [sys.executable, "-S", family, pids], grace_s=0.2)
    with ending_in_order(), running([program], plain_environment(), Path(logs)):
        time.sleep(600)
"""

# An Airflow in small: the api-server answers what the supervisor asks, every other component sleeps.
FAKE_AIRFLOW = """
    import json, os, sys, time
    from http.server import BaseHTTPRequestHandler, HTTPServer
    name = sys.argv[1]
    print(name, "speaks", flush=True)
    if name == "migrate":
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
            self.answer({"access_token": "t"})
        def answer(self, body):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())
        def log_message(self, *_):
            pass
    HTTPServer((os.environ["AIRFLOW__API__HOST"], int(os.environ["AIRFLOW__API__PORT"])), Answer).serve_forever()
"""


def script(folder: Path, name: str, text: str) -> str:
    """Write a program and return its path."""
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def python(*words: str) -> list[str]:
    """A command line that starts fast: without site-packages."""
    return [sys.executable, "-S", *words]


def is_alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(truth: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not truth() and time.monotonic() < deadline:
        time.sleep(0.02)
    return truth()


def family_pids(path: Path) -> list[int]:
    """The three process numbers, once the whole family is there."""
    assert wait_for(lambda: path.exists() and len(path.read_text().split()) == 3)
    return [int(word) for word in path.read_text().split()]


def all_gone(pids: list[int], seconds: float = 10.0) -> bool:
    """Whether the processes end in time."""
    return wait_for(lambda: not any(is_alive(pid) for pid in pids), seconds)


@pytest.fixture
def deaf_family(tmp_path: Path) -> Program:
    """A program whose processes do not hear SIGTERM and hide in other sessions."""
    words = python(script(tmp_path, "family.py", DEAF_FAMILY), str(tmp_path / "pids"))
    return Program("family", words, grace_s=0.2)


class TestGuard:
    def test_a_family_that_hides_in_other_sessions_is_ended(self, deaf_family: Program, tmp_path: Path) -> None:
        """Letting go ends the program, its child and its orphan in another session, deaf to SIGTERM though they are."""
        with running([deaf_family], plain_environment(), tmp_path):
            pids = family_pids(tmp_path / "pids")
            assert all(is_alive(pid) for pid in pids)
        assert all_gone(pids, 0)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_owner_gets_a_signal(self, number: signal.Signals, deaf_family: Program, tmp_path: Path) -> None:
        """Ctrl-C and SIGTERM end the owner only after everything below it has ended."""
        owner, pids = start_owner(deaf_family, tmp_path)
        owner.send_signal(number)
        assert owner.wait(15) == 128 + number
        assert all_gone(pids, 0)

    def test_a_second_ctrl_c_does_not_break_off_the_cleaning_up(self, deaf_family: Program, tmp_path: Path) -> None:
        """Impatience leaves nothing behind either."""
        owner, pids = start_owner(deaf_family, tmp_path)
        for _ in range(2):
            owner.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert owner.wait(15) == 128 + signal.SIGINT
        assert all_gone(pids, 0)

    def test_the_owner_is_killed(self, deaf_family: Program, tmp_path: Path) -> None:
        """kill -9 of the owner closes its pipe, and the guard clears up alone."""
        owner, pids = start_owner(deaf_family, tmp_path)
        owner.kill()
        owner.wait(5)
        assert all_gone(pids)

    def test_the_guard_is_killed(self, tmp_path: Path) -> None:
        """The kernel sends the program its stop signal when the guard itself is killed."""
        program = Program("sleeper", ["sleep", "600"])
        component = Component(program, plain_environment(), tmp_path / "log")
        assert wait_for(lambda: bool(children_of(component.guard_pid)))
        (pid,) = children_of(component.guard_pid)
        assert wait_for(lambda: "sleep" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(component.guard_pid, signal.SIGKILL)
        assert all_gone([pid])
        component.let_go()
        component.wait_gone()

    def test_the_program_ends_and_leaves_a_child(self, tmp_path: Path) -> None:
        """A daemon that its program leaves behind is ended with the program."""
        run_to_end(Program("leaver", ["sh", "-c", "sleep 600 & echo $!"]), plain_environment(), tmp_path, 20)
        assert not is_alive(int((tmp_path / "leaver.log").read_text()))

    def test_the_stop_signal_is_the_first_thing_that_the_program_hears(self, tmp_path: Path) -> None:
        """A program that stops in order at its own signal is given the time to do so."""
        command = [
            "sh",
            "-c",
            'trap "echo asked; exit 0" INT; trap "echo told" TERM; echo up; while :; do sleep 0.05; done',
        ]
        with running([Program("asked", command, "SIGINT", 5.0)], plain_environment(), tmp_path):
            assert wait_for(lambda: (tmp_path / "asked.log").read_text() == "up\n")
        assert (tmp_path / "asked.log").read_text() == "up\nasked\n"

    @pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("exit 0", 0)])
    def test_the_exit_code_is_the_programs(self, command: str, code: int, tmp_path: Path) -> None:
        """The guard ends as its program ended, 128 + n for signal n."""
        with running([Program("ends", ["sh", "-c", command])], plain_environment(), tmp_path) as (component,):
            assert wait_for(lambda: component.exit_code() is not None)
            assert component.exit_code() == code

    def test_a_failure_shows_the_end_of_the_log(self, tmp_path: Path) -> None:
        """The error names the program, its exit code and its last words."""
        program = Program("speaker", ["sh", "-c", "echo first; seq 30; echo 'disk on fire'; exit 4"])
        with pytest.raises(ComponentFailed, match=r"(?s)^speaker ended with exit code 4.*disk on fire$") as failure:
            run_to_end(program, plain_environment(), tmp_path)
        assert "first" not in str(failure.value)

    def test_a_program_that_is_not_there(self, tmp_path: Path) -> None:
        """A missing command is an error with its name, not a hanging start."""
        with pytest.raises(ComponentFailed, match=r"(?s)127.*no-such-command: No such file"):
            run_to_end(Program("missing", ["no-such-command"]), plain_environment(), tmp_path)


def children_of(pid: int) -> list[int]:
    """Direct children of a process."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def start_owner(family: Program, tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start the small supervisor; return it with the process numbers of its family."""
    owner = script(tmp_path, "owner.py", OWNER)
    words = [sys.executable, owner, family.command[-2], family.command[-1], str(tmp_path)]
    process = subprocess.Popen(words, env=plain_environment(PYTHONPATH=str(CLONE)))
    return process, family_pids(tmp_path / "pids")


class TestPorts:
    def test_the_ports_differ_and_are_free(self) -> None:
        """Three different ports, each of which can be bound on the loopback interface."""
        ports = choose_ports()
        numbers = {ports.api, ports.worker_log, ports.trigger_log}
        assert len(numbers) == 3
        for number in numbers:
            with socket.socket() as free:
                free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                free.bind((LOOPBACK, number))

    def test_a_wanted_port_that_is_taken(self) -> None:
        """Somebody else's server on the wanted port moves ours, and is left alone."""
        with socket.socket() as other:
            other.bind((LOOPBACK, 0))
            other.listen()
            taken = other.getsockname()[1]
            assert choose_ports(wanted_api=taken).api != taken
        assert choose_ports(wanted_api=taken).api == taken

    def test_two_starts_at_once_do_not_have_the_same_port_in_mind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither has bound it yet: the second takes any other, and the usual one is free again after the first."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # not that of a demo that runs meanwhile
        with supervisor.wanted_port() as first, supervisor.wanted_port() as second:
            assert (first, second) == (WANTED_API_PORT, 0)
            assert choose_ports(first).api != choose_ports(second).api
        with supervisor.wanted_port() as again:
            assert again == WANTED_API_PORT


class TestSecrets:
    def test_only_the_owner_may_read_them(self, tmp_path: Path) -> None:
        """Both files have mode 0600 whatever the umask says."""
        previous = os.umask(0)
        try:
            keep_secrets(tmp_path)
        finally:
            os.umask(previous)
        for name in ("secrets.json", "passwords.json"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600

    def test_they_are_kept(self, tmp_path: Path) -> None:
        """A second start reads the same secrets; another home has others."""
        (tmp_path / "other").mkdir()
        first, second, other = keep_secrets(tmp_path), keep_secrets(tmp_path), keep_secrets(tmp_path / "other")
        assert first == second
        assert first.jwt_secret != other.jwt_secret
        assert set(first.passwords) == {"admin", "vic"}
        assert len(set(first.passwords.values()) | set(other.passwords.values())) == 4

    def test_a_start_that_died_while_writing(self, tmp_path: Path) -> None:
        """A half-written file of an earlier start is written anew, not read."""
        (tmp_path / "secrets.new").write_text('{"fernet_')
        assert len(keep_secrets(tmp_path).jwt_secret) >= 64


class TestEnvironment:
    @pytest.fixture
    def environment(self, tmp_path: Path) -> dict[str, str]:
        """What Airflow is given in an empty home."""
        base = {"PATH": "/bin", "PYTHONPATH": "/theirs", "AIRFLOW_CONN_X": "http://x", "AIRFLOW__API__HOST": "0.0.0.0"}  # noqa: S104
        return airflow_environment(tmp_path, Ports(8081, 8082, 8083), keep_secrets(tmp_path), "postgresql://m", base)

    def test_every_option_exists(self, environment: dict[str, str]) -> None:
        """Airflow ignores a misspelt option without a word: each of ours is in the list of its release."""
        found = find_spec("airflow")
        assert found is not None
        assert found.submodule_search_locations is not None
        folder = Path(next(iter(found.submodule_search_locations)))
        known = yaml.safe_load((folder / "config_templates" / "config.yml").read_text())
        for name in (name for name in environment if name.startswith("AIRFLOW__")):
            section, option = name.removeprefix("AIRFLOW__").lower().split("__")
            assert option in known[section]["options"], name

    def test_nothing_listens_beyond_loopback(self, environment: dict[str, str]) -> None:
        """The host is loopback whatever the caller's environment says, and every address has the chosen port."""
        assert environment["AIRFLOW__API__HOST"] == LOOPBACK
        assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8081"
        assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"
        for component in ("scheduler", "triggerer"):
            assert "--skip-serve-logs" in supervisor.COMPONENTS[component]

    def test_the_code_is_the_clones(self, environment: dict[str, str]) -> None:
        """DAGs, plugins and library come from this clone; the caller's connections and paths are passed on."""
        assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(CLONE / "dags")
        assert environment["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(CLONE / "plugins")
        assert environment["PYTHONPATH"].split(os.pathsep) == [str(CLONE), "/theirs"]
        assert environment["AIRFLOW_CONN_X"] == "http://x"

    def test_the_pools_of_the_dag_are_made(self) -> None:
        """A task that names a pool nobody made waits for ever without a word."""
        text = (CLONE / "dags" / "daily_recommendations.py").read_text()
        assert all(f'"{pool}"' in text for pool in POOLS)


class TestRunningAirflow:
    @pytest.fixture(autouse=True)
    def fake_airflow(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Components in small, under the names of the real ones."""
        fake = script(tmp_path, "fake.py", FAKE_AIRFLOW)

        def program(name: str, words: object, lock: int) -> Program:
            return Program(name, [sys.executable, fake, name], held_descriptors=(lock,))

        monkeypatch.setattr(supervisor, "_airflow", program)

    @pytest.fixture
    def named(self) -> dict[str, str]:
        """An environment that names both databases, so that no server of ours is started."""
        return plain_environment(AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite://", RECSYS_SOURCE_DSN="postgresql://s")

    def test_a_directory_of_somebody_else_is_not_emptied(self, named: dict[str, str], tmp_path: Path) -> None:
        """A home that holds what no start of ours put there is refused, and stays as it was."""
        (tmp_path / "thesis.txt").write_text("years of work")
        with pytest.raises(ConfigError, match="would be emptied"), supervisor.running_airflow(tmp_path, base=named):
            pass
        assert (tmp_path / "thesis.txt").read_text() == "years of work"

    def test_the_databases_of_the_environment_are_used(self, named: dict[str, str], tmp_path: Path) -> None:
        """Where the environment names both databases, no server is started, and the store still lies in the home."""
        with supervisor.running_airflow(tmp_path / "home", {"EXTRA": "1"}, base=named) as airflow:
            assert airflow.token() == "t"
            assert airflow.environment["RECSYS_SOURCE_DSN"] == "postgresql://s"
            assert airflow.environment["RECSYS_ROOT"] == str(tmp_path / "home" / "store")
            assert airflow.environment["EXTRA"] == "1"
            assert airflow.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "sqlite://"
            assert not (tmp_path / "home" / "postgres").exists()
            guards = [component.guard_pid for component in airflow.components]
            assert len(guards) == 4
        assert all_gone(guards, 0)

    def test_a_component_that_dies_early(self, named: dict[str, str], tmp_path: Path) -> None:
        """The start fails with the component's name and last words, at once and with nothing left."""
        started, before = time.monotonic(), children_of(os.getpid())
        with (
            pytest.raises(ComponentFailed, match=r"(?s)triggerer ended with exit code 1.*it hurts"),
            supervisor.running_airflow(tmp_path / "home", {"FAKE_DEAD": "triggerer"}, base=named),
        ):
            pass
        assert time.monotonic() - started < 20
        assert set(children_of(os.getpid())) <= set(before)

    def test_a_helper_that_fails(self, named: dict[str, str], tmp_path: Path) -> None:
        """A program beside the start that fails makes the start fail."""
        beside = [Program("world", ["sh", "-c", 'echo "$RECSYS_SOURCE_DSN is full"; exit 1'])]
        with (
            pytest.raises(ComponentFailed, match=r"(?s)world ended with exit code 1.*postgresql://s is full"),
            supervisor.running_airflow(tmp_path / "home", base=named, beside=beside),
        ):
            pass

    def test_one_home_has_one_airflow(self, named: dict[str, str], tmp_path: Path) -> None:
        """A second start in the same home says so and touches nothing."""
        home = tmp_path / "home"
        with supervisor.running_airflow(home, base=named) as airflow:
            (home / "store" / "kept").touch()
            with (
                pytest.raises(supervisor.AlreadyRunning, match="in use"),
                supervisor.running_airflow(home, base=named),
            ):
                pass
            assert (home / "store" / "kept").exists()
            airflow.check_alive()

    def test_a_new_start_begins_anew(self, named: dict[str, str], tmp_path: Path) -> None:
        """Store and logs of the last start are gone, the passwords are kept."""
        home = tmp_path / "home"
        with supervisor.running_airflow(home, base=named) as first:
            (home / "store" / "old").touch()
        with supervisor.running_airflow(home, base=named) as second:
            assert not (home / "store" / "old").exists()
            assert second.password == first.password

    def test_waiting_has_an_end(self, named: dict[str, str], tmp_path: Path) -> None:
        """What does not come about in time is an error that says what, and where the logs are."""
        with (
            supervisor.running_airflow(tmp_path / "home", base=named) as airflow,
            pytest.raises(RecsysError, match=r"rain did not come about within 0 s.*logs"),
        ):
            airflow.wait_until(lambda: False, 0.1, "rain")


class TestPostgres:
    @pytest.fixture
    def home(self) -> Iterator[Path]:
        """A directory that another account may enter, as pytest's own is not when we are root."""
        with tempfile.TemporaryDirectory(prefix="recsys-test-") as name:
            Path(name).chmod(0o755)
            yield Path(name)

    def test_it_answers_and_goes(self, home: Path) -> None:
        """What a killed start left is made anew; it has no TCP port; no process of it is left afterwards."""
        (home / "postgres").mkdir()
        (home / "postgres" / "postmaster.pid").write_text("1\n")
        with running_postgres(home) as server:
            connection = psycopg2.connect(server.create_database("one"))
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_database(), current_setting('listen_addresses'), pg_backend_pid()")
                row = cursor.fetchone()
            assert row is not None
            assert row[:2] == ("one", "")
            assert server.sqlalchemy_url("one").startswith("postgresql+psycopg2://postgres@/one?host=")
        connection.close()
        assert not is_alive(row[2])

    def test_a_path_too_long_for_a_socket(self, home: Path) -> None:
        """A deep clone gets its socket elsewhere, in a directory of its own that is removed."""
        deep = home / ("d" * 60) / ("e" * 60)
        deep.mkdir(parents=True)
        with running_postgres(deep) as server:
            server.create_database("one")
            sockets = server.socket_directory
            assert deep not in sockets.parents
        assert not sockets.exists()

    def test_a_place_that_the_servers_account_cannot_enter(self, home: Path) -> None:
        """As root, a closed parent directory is refused with its name, and not opened to everybody."""
        closed = home / "closed"
        closed.mkdir(mode=0o700)
        with pytest.raises(ConfigError, match=f"{closed} is closed to other accounts"):
            check_reachable(closed / "data", "somebody")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        check_reachable(closed / "data", "")
