"""The ports of one start of the demo, on the loopback interface: free, nobody else's, and who has one that is not."""

import os
import pwd
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from recsys_tasks.core.errors import RecsysError

LOOPBACK = "127.0.0.1"
USUAL_PORT = 8080
PORT_VARIABLE = "RECSYS_DEMO_PORT"
ADVICE = f"Stop that, or choose another port: scripts/demo --port N, or {PORT_VARIABLE}; 0 is any that is free."
LISTENS = "0A"
"""How Linux writes the state of a socket that listens."""


class PortTaken(RecsysError):
    """Somebody else has the port: choose another."""


@dataclass(frozen=True)
class Ports:
    """Free ports on the loopback interface."""

    api: int
    worker_log: int
    trigger_log: int


@contextmanager
def held_ports(wanted: int) -> Iterator[Ports]:
    """Free ports, of which the one for the API is the wanted one; 0: any.

    Between now and the moment in which Airflow listens there, another start on this machine sees that it is spoken for.

    Raises:
        PortTaken: somebody has the wanted one, or another start has it in mind.
    """
    with _spoken_for(wanted):
        yield _drawn(wanted)


def usual_port(say: Callable[[str], None]) -> int:
    """The usual port where it is free; else 0, any, when it is said who has it."""
    try:
        with held_ports(USUAL_PORT):
            return USUAL_PORT
    except PortTaken as taken:
        say(f"{taken} This start takes one that is free.")
        return 0


@contextmanager
def _spoken_for(port: int) -> Iterator[None]:
    """A mark that whoever shares our ports can see, whatever their account and their directories; it goes with us."""
    with socket.socket(socket.AF_UNIX) as mark:
        if port:
            try:
                mark.bind(f"\0recsys-port-{port}")
            except OSError:
                raise PortTaken(
                    f"Port {port} is taken: another start of the demo will listen there. {ADVICE}"
                ) from None
        yield


def _drawn(wanted: int) -> Ports:
    """All sockets are open at once while the numbers are drawn, so that no number is drawn twice."""
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            first.bind((LOOPBACK, wanted))
        except OSError as error:
            raise PortTaken(f"Port {wanted} is taken: {who_listens(wanted) or error.strerror}. {ADVICE}") from None
        second.bind((LOOPBACK, 0))
        third.bind((LOOPBACK, 0))
        return Ports(*(opened.getsockname()[1] for opened in (first, second, third)))


def who_listens(port: int) -> str:
    """What answers on a port, and whose it is, as far as this account may see; empty where nobody listens."""
    tables = [Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]  # a machine without IPv6 has one
    for line in [line for table in tables if table.exists() for line in table.read_text().splitlines()]:
        fields = line.split()
        if fields[3] == LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
            whose = f"{_process_of(fields[9])}, of the account {_account(int(fields[7]))}"
            return f"{_what_answers(port)} answers there{whose}"
    return ""


def _what_answers(port: int) -> str:
    """What a server says that it is."""
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{port}/api/v2/version", timeout=2, trust_env=False)
        if answer.is_success:
            return f"Airflow {answer.json()['version']}"
        return f"a web server ({answer.headers.get('server', 'it does not say which')})"
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return "a program that is no Airflow"


def _process_of(inode: str) -> str:
    """The process that has a socket; empty where this account may not see that."""
    for opened in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(opened) == f"socket:[{inode}]":
                return f", process {opened.parts[2]}"
        except OSError:  # it has ended, or closed that
            continue
    return ""


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
