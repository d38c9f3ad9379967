"""A disk that is full, broken, read-only or writes less than it is told: a clear error, and the store as it was."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from faults.crash_points import listed
from faults.ground import Ground
from faults.invariants import violations
from faults.outcome import Outcome
from faults.tracing import fault, traced, why_not
from faults.working import Worker, a_day
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.temporary import TEMPORARY

PLENTY = 256 << 20  # bytes
FULL = (
    r"StorageError: {root}\S* cannot be written: No space left on device; it needs more than [\d,]+ bytes\. Make room"
)
ANNOY_FULL = r"StorageError: {root}\S*: .*Make room"
READ_ONLY = r"StorageError: Nothing can be stored in {root}: the file system of {root} is read-only\. .*remount it"
TOO_LARGE = r"StorageError: {root}\S*( cannot be written: File too large|: .*Make room)"
BROKEN = r"(StorageError|CorruptArtefact): {root}"


def full_disk(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """A day on file systems of growing size, and then the same day with room."""
    with mounted(ground, PLENTY) as (mount, why):
        outcome.skipped = why
        if why:
            return
        needed = [_used(mount, root) for root in (ground.base, ground.done)]
    for n in range(count):
        size = needed[0] + int((needed[1] - needed[0]) * 1.1 * (n + 0.5) / count)
        with mounted(ground, size) as (mount, _):
            root = Path(shutil.copytree(ground.base, mount / "store"))
            worker = ground.start(root).finish()
            broken = _refused(root, worker, f"{FULL}|{ANNOY_FULL}") + ground.too_often(worker)
            outcome.tally("refused", worker.refusal != "")
            _remount(mount, f"size={PLENTY}")
            outcome.add(f"{size:,} bytes", broken + ground.broken_after(root, worker))


def read_only_disk(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """A file system that became read-only before any of the steps."""
    steps = list(ground.before)
    for n in range(count):
        step = steps[n % len(steps)]
        with mounted(ground, PLENTY) as (mount, why):
            outcome.skipped = why
            if why:
                return
            root = Path(shutil.copytree(ground.before[step], mount / "store"))
            _remount(mount, "ro")
            worker = ground.start(root).finish()
            broken = _refused(root, worker, READ_ONLY)
            _remount(mount, "rw")
            outcome.add(f"read-only before {step}", broken + ground.broken_after(root, worker))


def short_writes(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """A limit on the size of files: the write that passes it is cut short, and the next one refused."""
    largest = max(path.stat().st_size for path in ground.done.rglob("*") if path.is_file())
    for n in range(count):
        root, limit = ground.clone(ground.base), int(largest * n / count)
        worker = ground.start(root, largest_file=limit).finish()
        outcome.tally("refused", worker.refusal != "")
        broken = _refused(root, worker, TOO_LARGE) + ground.too_often(worker)
        outcome.add(f"files of {limit:,} bytes at most", broken + ground.broken_after(root, worker))


def broken_disk(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """An input/output error in each call that changes the store; and each write that claims more than it wrote."""
    outcome.skipped = why_not()
    if outcome.skipped:
        return
    calls = [call for call in listed(ground) if call[0] != "unlink"]  # what cannot be removed is swept later
    faults = [(*call, "error=EIO") for call in calls] + [(*call, "retval=1") for call in calls if call[0] == "write"]
    for group, number, what in sorted(random.sample(faults, min(count, len(faults)))):
        root = ground.clone(ground.base)
        worker = Worker(a_day, ground.job(root))
        with traced(worker, *fault(group, number, what)):
            worker.go().finish()
        outcome.tally("refused", worker.refusal != "")
        broken = _refused(root, worker, BROKEN) + ground.too_often(worker)
        outcome.add(f"{what} in {group} {number}", broken + ground.broken_after(root, worker))


@contextmanager
def mounted(ground: Ground, size: int) -> Iterator[tuple[Path, str]]:
    """A small file system in memory; or why there can be none."""
    mount = ground.folder / "mount"
    mount.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(mount)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        yield mount, f"no tmpfs can be mounted here: {made.stderr.strip()}"
        return
    try:
        yield mount, ""
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def _refused(root: Path, worker: Worker, said: str) -> list[str]:
    """What is wrong with a refusal: not in plain words, something temporary left, or a store that lost something."""
    broken = violations(PosixStore(root), worker.acknowledged)
    if worker.refusal and not re.match(said.format(root=re.escape(str(root))), worker.refusal):
        broken.append(f"it said: {worker.refusal}")
    return broken + [f"I11: {path.name} is left" for path in (root / TEMPORARY).glob("*")]


def _remount(mount: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(mount)], check=True)


def _used(mount: Path, root: Path) -> int:
    """Bytes that a store takes there."""
    shutil.copytree(root, mount / "store")
    used = shutil.disk_usage(mount).used
    shutil.rmtree(mount / "store")
    return used
