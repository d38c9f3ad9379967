"""Runs one program, and leaves nothing of it behind when its owner goes, however the owner goes.

    python guard.py SIGNAL GRACE_SECONDS USER -- COMMAND...

The owner (the supervisor) holds the other end of standard input. When that end closes, because the owner asked for it
or because it was killed, the guard sends SIGNAL to the program, waits GRACE_SECONDS, and then ends every process that
descends from it. It is a subreaper (prctl(2)): a process whose parent died, in whatever session, becomes a child of
the guard and not of init, so the tree below the guard is complete. Should the guard itself be killed, the kernel sends
SIGNAL to the program. Linux only; standard library only, because several of them run beside each other.
"""

import ctypes
import os
import pwd
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TERM_SECONDS = 2.0  # at the most, between SIGTERM to everybody and SIGKILL
KILL_SECONDS = 10.0  # a process that the kernel holds longer is given up
POLL_SECONDS = 0.2

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: Sequence[str]) -> int:
    """Run the program until it ends or the owner goes; return the program's exit code (128 + n for signal n)."""
    stop_signal, grace, user = signal.Signals[arguments[0]], float(arguments[1]), arguments[2]
    command = arguments[arguments.index("--") + 1 :]
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake = _wake_on_signals()
    family = Family(_start(command, stop_signal, user))
    _wait_for_end_or_owner(family, wake)
    family.stop(stop_signal, grace)
    return family.exit_code()


class Family:
    """The program and everything that descends from it."""

    def __init__(self, program: int) -> None:
        self.program = program
        self.status: int | None = None
        self.any_left = True

    def reap(self) -> None:
        """Collect every child that ended; remember the program's own status."""
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self.program:
                    self.status = found[1]
        except ChildProcessError:
            self.any_left = False

    def exit_code(self) -> int:
        """The program's exit code, as a shell would give it."""
        code = os.waitstatus_to_exitcode(self.status) if self.status is not None else -signal.SIGKILL
        return code if code >= 0 else 128 - code

    def stop(self, stop_signal: signal.Signals, grace: float) -> None:
        """Ask the program, then tell everybody, then kill: each only as far as the one before did not help."""
        if self.status is None:
            _send([self.program], stop_signal)
            self._wait(grace, until_all=False)
        self.reap()
        if self.any_left:
            _send(descendants(os.getpid()), signal.SIGTERM)
            self._wait(min(grace, TERM_SECONDS), until_all=True)
        deadline = time.monotonic() + KILL_SECONDS
        while self.any_left and time.monotonic() < deadline:
            _send(descendants(os.getpid()), signal.SIGKILL)
            self._wait(POLL_SECONDS, until_all=True)

    def _wait(self, seconds: float, *, until_all: bool) -> None:
        """Wait until the program has ended, or until all have."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.reap()
            if not self.any_left or (self.status is not None and not until_all):
                return
            time.sleep(0.02)


def descendants(ancestor: int) -> list[int]:
    """Every process below the ancestor, from /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found: list[int] = []
    queue = [ancestor]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _wait_for_end_or_owner(family: Family, wake: int) -> None:
    """Return when the program has ended, the owner's end of standard input is closed, or a signal asks to stop."""
    while True:
        family.reap()
        if family.status is not None:
            return
        ready = select.select([sys.stdin.fileno(), wake], [], [], 5.0)[0]
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 64):
            return
        if wake in ready and set(os.read(wake, 64)) & {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}:
            return


def _wake_on_signals() -> int:
    """A descriptor that yields the number of each signal received; the signals do nothing else."""
    readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return readable


def _start(command: Sequence[str], stop_signal: signal.Signals, user: str) -> int:
    """Fork and execute the program as the user (its own, if empty), bound to die with the guard."""
    account = pwd.getpwnam(user) if user else None
    guard = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        signal.set_wakeup_fd(-1)
        os.closerange(3, 256)  # the owner's lock must not outlive the guard
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        if account is not None:
            os.setgroups([account.pw_gid])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        _libc.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)  # after setuid, which clears it
        if os.getppid() == guard:
            os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _send(processes: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
