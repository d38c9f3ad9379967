"""strace on a process at work: which calls it makes on the store, and a fault in the k-th of them.

A call is a group of system calls (``CALLS``) and its number among the process's own calls of that group, beginning with
1. The strace of the system is used; where it is missing, or may not trace, the scenarios that need it say so.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.working import Worker

CALLS = {
    "write": "p?writev?(64)?",
    "fsync": "f(data)?sync",
    "rename": "rename.*",
    "link": "link(at)?",
    "mkdir": "mkdir.*",
    "unlink": "(unlink|rmdir).*",
    "chmod": "f?chmod.*",
}
_LINE = re.compile(r"^(?P<pid>\d+) +(?P<name>[a-z0-9]+)\((?P<rest>.*)$")


def why_not() -> str:
    """Why nothing can be traced here; empty when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed (apt-get install strace)"
    tried = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, text=True, check=False)
    return f"strace may not trace here: {tried.stderr.strip().splitlines()[-1]}" if tried.returncode else ""


@contextmanager
def traced(worker: Worker, *options: str) -> Iterator[list[str]]:
    """Attach strace before the worker's work begins; what strace wrote is in the list when the worker has ended."""
    worker.hear("ready")
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="recsys-strace-") as folder:
        log = Path(folder) / "log"
        command = ["strace", "-f", "-y", "-p", str(worker.process.pid), "-o", str(log), *options]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        if "attached" not in said:
            raise RuntimeError(f"strace did not attach: {said}")
        yield lines
        worker.kill()
        tracer.communicate()
        lines += log.read_text(errors="replace").splitlines()


def calls_of(worker: Worker, root: Path, lines: list[str]) -> list[tuple[str, int]]:
    """A traced process's calls that touch a store, in their order: group, and number among its calls of the group."""
    numbers = dict.fromkeys(CALLS, 0)
    found: list[tuple[str, int]] = []
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue  # a signal, an exit, or the second half of an interrupted call
        for group, names in CALLS.items():
            if match["pid"] == str(worker.process.pid) and re.fullmatch(names, match["name"]):
                numbers[group] += 1
                if str(root) in match["rest"]:
                    found.append((group, numbers[group]))
    return found


def fault(group: str, number: int, what: str) -> tuple[str, ...]:
    """Options of strace that put a fault into one call: ``signal=KILL``, ``error=EIO``, ``retval=1``."""
    return ("-e", f"trace=/^{CALLS[group]}$", "-e", f"inject=/^{CALLS[group]}$:{what}:when={number}")


ALL = ("-e", f"trace=/^({'|'.join(CALLS.values())})$")
"""Options of strace that only look on."""
