"""The directory that one start of the demo has for itself."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_tasks.core.errors import ConfigError, RecsysError
from recsys_tasks.demo.airflow_environment import SECRETS_FILE

KEPT_FILES = {"lock", SECRETS_FILE, "passwords.json"}


class AlreadyRunning(RecsysError):
    """Another process uses this home: stop it first, or choose another home."""


def check_home(home: Path) -> None:
    """Let pass a directory that is new, empty or ours: everything in it will be removed.

    Raises:
        ConfigError: it holds something that no start of ours has put there.
    """
    if home.exists() and not home.is_dir():
        raise ConfigError(f"{home} is no directory. Choose another home.")
    ours = not home.is_dir() or (home / SECRETS_FILE).is_file()
    if not ours and not {entry.name for entry in home.iterdir()} <= KEPT_FILES:  # a start may have ended at its lock
        raise ConfigError(
            f"{home} is not empty and no home of ours: it would be emptied. Choose another, or a new one."
        )


@contextmanager
def held_home(home: Path) -> Iterator[int]:
    """Hold the home for this process alone; yield the lock's descriptor, which the guards hold too until they end.

    Raises:
        AlreadyRunning: somebody else holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"{home} is in use: a demo is running there, or is just stopping. Stop it, or choose another home."
            ) from None
        yield descriptor
    finally:
        os.close(descriptor)


def empty_home(home: Path) -> None:
    """Remove what an earlier start left, except the lock and the secrets."""
    for entry in home.iterdir():
        if entry.name in KEPT_FILES:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
