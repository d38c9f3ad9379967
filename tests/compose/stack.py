"""The services of the compose file, started in an engine under a project name of their own."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compose.engines import Engine, Failed
from recsys_tasks.demo.airflow_api import NoAnswer

Json = dict[str, Any]
JOBS = ("init", "demo-world")
"""Services that end; all others go on."""
HEALTHY_SECONDS = 900.0


@dataclass
class Stack:
    """One project of Compose."""

    engine: Engine
    folder: Path
    profiles: tuple[str, ...]
    options: tuple[str, ...] = field(default=())
    """Of ``up``, such as --scale."""
    project: str = "recsys-check"

    def compose(self, *words: str, **options: Any) -> str:
        """Run ``docker compose ...`` on the file."""
        chosen = [f"--profile={name}" for name in self.profiles]
        return self.engine.docker(
            "compose", f"--project-name={self.project}", *chosen, *words, folder=self.folder, **options
        )

    def within(self, service: str, *words: str) -> str:
        """Run a command in a container of a service."""
        return self.compose("exec", "-T", service, *words)

    def up(self) -> None:
        """Start everything, and wait until it is healthy and the jobs have ended well."""
        try:
            self.compose("up", "--detach", *self.options)
        except Failed as error:
            raise Failed(f"{error}\n{self.states()}\n{self.compose('logs', '--tail=20')}") from None
        self.wait_until_healthy()

    def containers(self) -> list[Json]:
        """What ``ps`` says of each, ended ones too."""
        return [json.loads(line) for line in self.compose("ps", "--all", "--format=json").splitlines()]

    def wait_until_healthy(self) -> None:
        """Wait until nothing is amiss.

        Raises:
            Failed: something still is when the time is over; the message has the states and the logs' ends.
        """
        wait_until(lambda: not self.amiss(), HEALTHY_SECONDS, lambda: f"{self.states()}\n{self._last_words()}")

    def amiss(self) -> list[str]:
        """Services that are not as they should be."""
        return [each["Service"] for each in self.containers() if not is_well(each)]

    def states(self) -> str:
        """Each container's state in words, a line each."""
        return "\n".join(f"  {each['Name']:32} {each['Status']}" for each in self.containers())

    def kill(self, services: Iterable[str]) -> None:
        """Kill the first process of each, as the kernel does: the engine knows of no wish to end it."""
        for each in self.containers():
            if each["Service"] in services:
                pid = self.engine.docker("inspect", "--format={{.State.Pid}}", each["Name"])
                os.kill(int(pid), signal.SIGKILL)

    def restarts(self) -> dict[str, int]:
        """Container -> how often the engine has started it again."""
        names = [each["Name"] for each in self.containers()]
        found = self.engine.docker("inspect", "--format={{.Name}} {{.RestartCount}}", *names)
        return {name.lstrip("/"): int(count) for name, count in map(str.split, found.splitlines())}

    def _last_words(self) -> str:
        return self.compose("logs", "--tail=30", *self.amiss()) if self.amiss() else ""


def is_well(container: Json) -> bool:
    """Whether it is healthy; of a job, whether it ended well."""
    if container["Service"] in JOBS:
        return bool(container["State"] == "exited" and container["ExitCode"] == 0)
    return bool(container["State"] == "running" and container["Health"] == "healthy")


def wait_until(ready: Callable[[], bool], timeout_s: float, said: Callable[[], str], pause_s: float = 2.0) -> None:
    """Ask again and again until the answer is yes; none in time is no refusal.

    Raises:
        Failed: the time is over; the message is what ``said`` returns then.
    """
    end = time.monotonic() + timeout_s
    while True:
        with suppress(NoAnswer):
            if ready():
                return
        if time.monotonic() > end:
            raise Failed(f"After {timeout_s:.0f} s:\n{said()}")
        time.sleep(pause_s)
