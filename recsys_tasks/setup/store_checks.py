"""Whether the store's file system keeps the promises that publishing rests on, tried in a temporary directory of it."""

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_tasks.core.errors import RecsysError, StorageError
from recsys_tasks.core.formatting import count
from recsys_tasks.setup.checks import FAIL, OK, WARN, Check
from recsys_tasks.steps.sharing import look_at_store
from recsys_tasks.storage.posix import PosixStore

LEAST_FREE = 2 << 30  # bytes: some days of a service of a million listeners
PROBE = ".recsys-doctor-"
_ELSEWHERE = "Put RECSYS_ROOT on a local file system (ext4, xfs), or on NFS 4 with locks."


def store_checks(root: Path | None, least_free: int = LEAST_FREE) -> list[Check]:
    """Try the file system under a root; nothing of the trial stays.

    Args:
        root: the store; it need not be there yet, then the directory that will hold it is tried.
        least_free: bytes below which a warning is due.
    """
    if root is None:
        return [Check("store", FAIL, "no root is named.", "Set RECSYS_ROOT to the directory of the store.")]
    place = existing(root)
    first = Check("store", OK, f"{root} is there." if place == root else f"{root} is not there yet; a run makes it.")
    try:
        with _trial(place) as folder:
            tried = [_tried(name, attempt, folder) for name, attempt in ATTEMPTS.items()]
    except OSError as error:
        account = f"uid {os.geteuid()}"
        return [Check("store: writing", FAIL, f"{place}: {error.strerror}.", f"Give {account} write access, or room.")]
    return [first, *tried, room(place, least_free), *_rights(root)]


def existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


@contextmanager
def _trial(place: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=PROBE, dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tried(name: str, attempt: Callable[[Path], str], folder: Path) -> Check:
    """An attempt says what broke its promise, or nothing."""
    own = folder / name.replace(" ", "-")
    own.mkdir()
    try:
        wrong = attempt(own)
    except OSError as error:
        wrong = f"refused ({error.strerror})"
    return Check(f"store: {name}", FAIL, f"{wrong}.", _ELSEWHERE) if wrong else Check(f"store: {name}", OK, "works.")


def _fsync(folder: Path) -> str:
    for path in (folder / "file", folder):
        if path != folder:
            path.write_bytes(b"x")
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return ""


def _hard_link(folder: Path) -> str:
    staged, final = folder / "staged", folder / "final"
    staged.write_bytes(b"x")
    os.link(staged, final)
    try:
        os.link(staged, final)
    except FileExistsError:
        return ""
    return "a second link to a taken name is not refused"


def _rename(folder: Path) -> str:
    first, second, final = (folder / name for name in ("first", "second", "final"))
    for path in (first, second):
        path.mkdir()
        (path / "file").write_bytes(b"x")
    first.rename(final)
    try:
        second.rename(final)
    except OSError as error:
        return "" if error.errno in (errno.ENOTEMPTY, errno.EEXIST) else f"refused ({error.strerror})"
    return "a directory is renamed over another one that holds files"


def _lock(folder: Path) -> str:
    first, second = (os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for _ in range(2))
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return ""
    finally:
        os.close(first)
        os.close(second)
    return "a second lock is given while the first is held"


ATTEMPTS = {"fsync": _fsync, "hard link": _hard_link, "rename": _rename, "lock": _lock}


def room(place: Path, least_free: int, name: str = "store: room") -> Check:
    """Whether a file system has room for some days."""
    free = shutil.disk_usage(place).free
    said = f"{count(free >> 20)} MiB are free."
    if free >= least_free:
        return Check(name, OK, said)
    return Check(name, WARN, said, f"Make room: at least {count(least_free >> 20)} MiB.")


def _rights(root: Path) -> list[Check]:
    """Whose the store is, whether this account may read it and work in it, and whether everything has its modes."""
    if not root.exists():
        return []
    store, name = PosixStore(root), "store: owner"
    if root.stat().st_mode & stat.S_IWOTH:
        return [Check(name, WARN, f"{root} is open.", f"Everybody may write to it: chmod o-w {root}")]
    try:
        state = look_at_store(store)
    except RecsysError as error:
        return [Check(name, FAIL, str(error))]
    if state.unseen:
        return [Check(name, FAIL, str(state))]
    try:
        store.require_rights()
    except StorageError as error:
        return [Check(name, WARN, str(error))]
    return [Check(name, OK if state.is_sound else WARN, str(state))]
