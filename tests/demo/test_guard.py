"""The guard of a program: whatever happens to its owner, to it or to the program, nothing stays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import all_gone, children_of, guard_of, is_alive, script, wait_for

from recsys_tasks.demo.airflow_environment import CLONE
from recsys_tasks.demo.guarded import Component, ComponentFailed, Program, plain_environment, run_to_end, running

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


def python(*words: str) -> list[str]:
    """A command line that starts fast: without site-packages."""
    return [sys.executable, "-S", *words]


def family_pids(path: Path) -> list[int]:
    """The three process numbers, once the whole family is there."""
    assert wait_for(lambda: path.exists() and len(path.read_text().split()) == 3)
    return [int(word) for word in path.read_text().split()]


def start_owner(family: Program, tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start the small supervisor; return it with the process numbers of its family."""
    owner = script(tmp_path, "owner.py", OWNER)
    words = [sys.executable, owner, family.command[-2], family.command[-1], str(tmp_path)]
    process = subprocess.Popen(words, env=plain_environment(PYTHONPATH=str(CLONE)))
    return process, family_pids(tmp_path / "pids")


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
        assert wait_for(lambda: bool(children_of(guard_of(component))))
        (pid,) = children_of(guard_of(component))
        assert wait_for(lambda: "sleep" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(guard_of(component), signal.SIGKILL)
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
