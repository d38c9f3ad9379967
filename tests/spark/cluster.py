"""A standalone Spark on the loopback: a master and two workers of one core each, processes of their own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil
import pyspark
from processes import wait_for

from recsys_tasks.core.spark import SparkConfig

DEPLOY = "org.apache.spark.deploy"
PROPERTIES = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.executor.memory": "512m",
}
STARTED_WITHIN, ENDED_WITHIN = 120.0, 30.0
"""Seconds, on a machine that has other work."""


@dataclass(frozen=True)
class Cluster:
    """Address of the master, the master, and the workers."""

    address: str
    master: subprocess.Popen[bytes]
    workers: tuple[subprocess.Popen[bytes], ...]

    def config(self, **changes: Any) -> SparkConfig:
        """A configuration that trains on it."""
        return SparkConfig(**{"master": self.address, "properties": PROPERTIES, **changes})

    def executors(self) -> list[psutil.Process]:
        """The JVMs that the workers started for a training."""
        found = [child for worker in self.workers if worker.poll() is None for child in children(worker)]
        return [each for each in found if each.name() == "java" and each.status() != psutil.STATUS_ZOMBIE]


def children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes that it started."""
    return psutil.Process(process.pid).children(recursive=True)


@contextmanager
def running_cluster(folder: Path, cores: int = 1) -> Iterator[Cluster]:
    """A master and two workers, which are there when this returns, and gone with their executors at the end.

    Args:
        folder: for logs and working directories.
        cores: of each worker.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.append(_start(folder, "master", "master.Master", "--port", "0", "--webui-port", "0"))
        address = _said(folder / "master.log", "Starting Spark master at ")
        for number in range(2):
            name = f"worker{number}"
            size = ("--cores", str(cores), "--memory", "1g")
            of = (*size, "--webui-port", "0", "--work-dir", str(folder / name), address)
            processes.append(_start(folder, name, "worker.Worker", *of))
        for number in range(2):
            _said(folder / f"worker{number}.log", "Successfully registered with master ")
        yield Cluster(address, processes[0], tuple(processes[1:]))
    finally:
        everything = [each for process in processes if process.poll() is None for each in children(process)]
        for process in [*reversed(processes), *everything]:
            if process.pid and (not isinstance(process, subprocess.Popen) or process.poll() is None):
                process.kill()
        for process in processes:
            process.wait(ENDED_WITHIN)


def _start(folder: Path, name: str, what: str, *words: str) -> subprocess.Popen[bytes]:
    program = Path(pyspark.__file__).parent / "bin" / "spark-class"
    log: IO[bytes] = (folder / f"{name}.log").open("wb")
    environment = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder)}
    command = [str(program), f"{DEPLOY}.{what}", "--host", "127.0.0.1", *words]
    with log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _said(log: Path, before: str) -> str:
    """The word after these words of a log, once they stand there."""
    assert wait_for(lambda: before in log.read_text(), STARTED_WITHIN), log.read_text()
    return log.read_text().partition(before)[2].split()[0]
