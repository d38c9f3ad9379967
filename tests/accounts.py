"""Accounts of this machine that a test acts as: by number, for they need no name. Only root may become another one."""

import atexit
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from preloaded import Preloaded
from psycopg2.extensions import parse_dsn

FOUND = [str(Path(__file__).parents[1]), str(Path(pytest.__file__).parents[1])]
"""Where the project and its libraries are imported from."""
INTERPRETERS = [sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"]
"""Ours may lie in a folder of root's alone; then the system's serves."""
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(FOUND), "OPENBLAS_NUM_THREADS": "1"}
GROUP, GROUP_NUMBER = "users", 100  # of Debian's base system


@dataclass(frozen=True)
class Account:
    """An account, and what it is a member of beside its own group."""

    name: str  # for the test alone
    number: int
    groups: tuple[int, ...] = ()
    umask: int = 0o022

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python as this account."""
        return _python().run(words, self.number, self.groups, self.umask, ENVIRONMENT | environment)

    def recsys(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as this account."""
        return self.run("-m", "recsys_tasks", *words, **environment)


ALICE = Account("Alice", 61_001, (GROUP_NUMBER,), umask=0o077)
BOB = Account("Bob", 61_002, (GROUP_NUMBER,), umask=0o002)
CAROL = Account("Carol", 61_003)
NOBODY = Account("nobody", 65_534)


@cache
def _python() -> Preloaded:
    """A Python that other accounts may run, and that finds the project and its libraries."""
    for each in INTERPRETERS:
        with suppress(OSError, subprocess.CalledProcessError):
            options = {"user": CAROL.number, "group": CAROL.number, "extra_groups": (), "cwd": "/"}
            subprocess.run(
                [each, "-c", "import matplotlib, numpy, recsys_tasks.core.errors"],
                env=ENVIRONMENT, check=True, stderr=subprocess.DEVNULL, **options,
            )  # fmt: skip
            found = Preloaded(each, ENVIRONMENT)
            atexit.register(found.close)
            return found
    pytest.skip(f"other accounts may not run {' or '.join(INTERPRETERS)}, or read this checkout and its libraries")


@contextmanager
def common_folder() -> Iterator[Path]:
    """A folder that every account may enter, and that belongs to the first."""
    if os.geteuid() != 0:
        pytest.skip("only root may act as other accounts")
    with tempfile.TemporaryDirectory(prefix="recsys-accounts-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.chown(folder, ALICE.number, ALICE.number)
        yield folder


@contextmanager
def reachable(dsn: str) -> Iterator[str]:
    """Let every account reach a server that listens on a socket in its own folder alone."""
    folder = Path(parse_dsn(dsn)["host"])
    before = stat.S_IMODE(folder.stat().st_mode)
    folder.chmod(before | stat.S_IXOTH)  # the server looks at this when it starts, not later
    try:
        yield dsn
    finally:
        folder.chmod(before)
