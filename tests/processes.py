"""Programs that tests start, and whether they have ended."""

import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from recsys_tasks.demo.guarded import Component


def script(folder: Path, name: str, text: str) -> str:
    """Write a program and return its path."""
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def all_gone(pids: list[int], seconds: float = 10.0) -> bool:
    """Whether the processes end in time."""
    return wait_for(lambda: not any(is_alive(pid) for pid in pids), seconds)


def children_of(pid: int) -> list[int]:
    """Direct children of a process."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def guard_of(component: Component) -> int:
    """Process number of a component's guard, which is also its session's."""
    return component._guard.pid
