"""A machine for tests: a worker with a network, a host name, processes and a disk of its own; it can be killed."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from recsys_tasks.demo.guarded import Component, Program

NAMESPACES = ("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")


class Machine:
    """One machine; started again after a kill, it has an empty disk."""

    def __init__(
        self,
        name: str,
        disk: Path,
        doors: Path,
        ports: Iterable[int],
        worker: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        """Nothing runs yet. Arguments: as ``workers.inside``; ``environment`` is that of all its processes."""
        words = [
            sys.executable,
            "-m",
            "workers.inside",
            name,
            str(disk),
            str(doors),
            ",".join(map(str, ports)),
            *worker,
        ]
        self.name, self._environment = name, dict(environment)
        self._program = Program(name, ["unshare", *NAMESPACES, *words], stop_signal="SIGKILL", grace_s=0.0)
        self._log = doors / f"{name}.log"
        self._running: Component | None = None

    def start(self) -> None:
        """Switch it on."""
        self._running = Component(self._program, self._environment, self._log)

    def kill(self) -> None:
        """Take its power away: every process of it is gone, and what lay on its disk."""
        if self._running is not None:
            self._running.let_go()
            self._running.wait_gone()
            self._running = None

    @property
    def log(self) -> str:
        """What its worker wrote."""
        return self._log.read_text(errors="replace")
