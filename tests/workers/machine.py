"""A machine for tests: a worker with a network, a host name, processes and a disk of its own; it can be killed."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

NAMESPACES = ("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")


class Machine:
    """One machine; started again after a kill, it has an empty disk."""

    def __init__(
        self, name: str, disk: Path, doors: Path, ports: Iterable[int], environment: Mapping[str, str]
    ) -> None:
        """Nothing runs yet. Arguments: as ``workers.inside``; ``environment`` is that of all its processes."""
        words = [sys.executable, "-m", "workers.inside", name, str(disk), str(doors), ",".join(map(str, ports))]
        self.name, self._environment = name, dict(environment)
        self._command, self._log = ["unshare", *NAMESPACES, *words], doors / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Switch it on."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Take its power away: every process of it is gone, and what lay on its disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def log(self) -> str:
        """What its worker wrote."""
        return self._log.read_text(errors="replace")
