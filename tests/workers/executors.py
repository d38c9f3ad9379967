"""The executors whose workers are tried: what Airflow is told, and what a machine runs."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recsys_tasks.demo.guarded import Program, plain_environment, running

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Executor:
    """One kind of worker."""

    of_all: Callable[[int], Mapping[str, str]]
    """Port of the broker -> variables of every process of Airflow."""
    of_workers: Callable[[str], Mapping[str, str]]
    """Address of Airflow -> variables of the machines, beside those of all."""
    worker: Callable[[str], Sequence[str]]
    """Name of a machine -> the words after ``airflow`` of its worker."""
    ready: str
    """What a worker's log says when it takes tasks."""
    has_broker: bool


def _celery(broker: int) -> Mapping[str, str]:
    address = f"redis://{LOOPBACK}:{broker}/0"
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": address,
        "AIRFLOW__CELERY__RESULT_BACKEND": address,
    }


def _celery_worker(name: str) -> Sequence[str]:
    return "celery", "worker", "--concurrency", "1", "--skip-serve-logs", "--celery-hostname", f"celery@{name}"


def _edge(_: int) -> Mapping[str, str]:
    return {
        "AIRFLOW__CORE__EXECUTOR": "airflow.providers.edge3.executors.EdgeExecutor",
        "AIRFLOW__EDGE__API_ENABLED": "True",
        "AIRFLOW__EDGE__JOB_POLL_INTERVAL": "1",  # seconds; of two idle workers each gets its share
        "AIRFLOW__EDGE__HEARTBEAT_INTERVAL": "5",
        "AIRFLOW__API_AUTH__JWT_LEEWAY": "300",  # how old a worker's word may be; it ends when it is called too old
    }


def _edge_api(airflow: str) -> Mapping[str, str]:
    return {"AIRFLOW__EDGE__API_URL": f"{airflow}/edge_worker/v1/rpcapi"}


def _edge_worker(name: str) -> Sequence[str]:
    return "edge", "worker", "--concurrency", "1", "--edge-hostname", name


EXECUTORS = {
    "celery": Executor(_celery, lambda _: {}, _celery_worker, " ready.", has_broker=True),
    "edge": Executor(_edge, _edge_api, _edge_worker, "Starting worker with API endpoint", has_broker=False),
}


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """A Redis that keeps nothing; its port."""
    with socket.socket() as drawn:
        drawn.bind((LOOPBACK, 0))
        port = drawn.getsockname()[1]
    words = ["--bind", LOOPBACK, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with running([Program("redis", ["redis-server", *words])], plain_environment(), folder):
        yield port
