"""Programs started under a guard: each in its own session, with a log file, gone when its owner is gone."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from recsys_tasks.core.errors import RecsysError

GUARD = Path(__file__).with_name("guard.py")
TAIL_LINES = 15
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ComponentFailed(RecsysError):
    """A program that the demo needs ended early or was not ready in time: read the log that the message names."""


@dataclass(frozen=True)
class Program:
    """What to start, and how to end it."""

    name: str
    command: Sequence[str]
    stop_signal: str = "SIGTERM"
    grace_s: float = 5.0
    """Seconds between the stop signal and the end of the whole process tree."""
    user: str = ""
    """Account to run as; empty: the owner's own."""
    held_descriptors: tuple[int, ...] = field(default=())
    """Descriptors that the guard keeps open as long as anything of the program lives, such as a lock."""


class Component:
    """A running program: its guard, its log."""

    def __init__(self, program: Program, environment: Mapping[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.log = log
        with log.open("ab") as output:
            self._guard = subprocess.Popen(
                _guard_command(program),
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor only, which then stops in order
                pass_fds=program.held_descriptors,
            )

    def exit_code(self) -> int | None:
        """The program's exit code; None while it runs."""
        return self._guard.poll()

    def let_go(self) -> None:
        """Close the pipe, upon which the guard ends the program; do not wait."""
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()

    def wait_gone(self) -> None:
        """Wait until the guard has ended, which it does after everything below it; its own waits are bounded."""
        self._guard.wait(timeout=self.program.grace_s + 20)

    def failure(self, what: str) -> ComponentFailed:
        """An error with the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        tail = "".join(f"\n    {line}" for line in lines)
        return ComponentFailed(f"{self.program.name} {what}. The end of {self.log}:{tail}")

    def check_alive(self) -> None:
        """Do nothing while the program runs.

        Raises:
            ComponentFailed: it ended; the message has the exit code and the end of the log.
        """
        if (code := self.exit_code()) is not None:
            raise self.failure(f"ended with exit code {code}")

    def wait_success(self, timeout_s: float) -> None:
        """Wait until the program has ended well.

        Raises:
            ComponentFailed: it ended with another code than 0, or did not end in time.
        """
        try:
            code = self._guard.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise self.failure(f"did not end within {timeout_s:.0f} s") from None
        if code:
            raise self.failure(f"ended with exit code {code}")


def _guard_command(program: Program) -> list[str]:
    options = [program.stop_signal, str(program.grace_s), program.user]
    return [sys.executable, "-I", "-S", str(GUARD), *options, "--", *program.command]


def stop_together(components: Sequence[Component]) -> None:
    """Let all go at once, then wait for each."""
    for component in components:
        component.let_go()
    for component in components:
        component.wait_gone()


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal each end the program in order: all of them raise SystemExit."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handled(leave):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore a second Ctrl-C while the first one is obeyed: what is inside has its own bounds of time."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(signal.SIG_IGN):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """Give the ending signals this handler, and afterwards the one that they had."""
    previous = {number: signal.signal(number, handler) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


@contextmanager
def running(programs: Sequence[Program], environment: Mapping[str, str], logs: Path) -> Iterator[list[Component]]:
    """Start the programs, each logging to ``<logs>/<name>.log``; stop them together at the end."""
    components: list[Component] = []
    try:
        for program in programs:
            components.append(Component(program, environment, logs / f"{program.name}.log"))
        yield components
    finally:
        with undisturbed():
            stop_together(components)


def run_to_end(program: Program, environment: Mapping[str, str], logs: Path, timeout_s: float = 300) -> float:
    """Run the program and wait for its success; return the seconds it took.

    Raises:
        ComponentFailed: it ended with another code than 0, or did not end in time.
    """
    started = time.monotonic()
    with running([program], environment, logs) as (component,):
        component.wait_success(timeout_s)
    return time.monotonic() - started


def plain_environment(**values: str) -> dict[str, str]:
    """The owner's environment with the values put over it."""
    return {**os.environ, **values}
