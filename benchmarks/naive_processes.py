"""The naive pipeline's side of an ordinary day: processes of its own, beside ours and alone."""

import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.day_steps import Taken, alone
from benchmarks.harness import touch_memory
from benchmarks.naive_pipeline import NaiveRest, chosen_of, naive_day
from benchmarks.our_steps import policy
from benchmarks.source_day import server_with
from benchmarks.synthetic import Service
from recsys_tasks.core.config import Config
from recsys_tasks.core.domain import Day
from recsys_tasks.matrix.play_matrix import day_counts, without_users
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import Models
from recsys_tasks.storage.posix import PosixStore

_naive: list[NaiveRest] = []  # in the process of its own


@contextmanager
def naive_beside(root: Path, service: Service, number: int) -> Iterator[ProcessPoolExecutor]:
    """The process of the naive pipeline, which loads the day's stored matrix when it is first asked for a step."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=begin_naive, initargs=(root, service, number)) as process:
        yield process


def begin_naive(root: Path, service: Service, number: int) -> None:
    """What the naive pipeline has when it has counted, from the matrix that our model was trained on."""
    store, day = PosixStore(root), service.day(number)
    matrix = Matrices(store).load(day, Models(store).of(day)[0].key.matrix)
    newest_day = day_counts(Partitions(store).load(*matrix.chain[-1]), matrix.users, matrix.tracks)
    chosen = np.isin(np.arange(len(matrix.users)), chosen_of(np.flatnonzero(np.diff(newest_day.indptr))))
    _naive.append(NaiveRest(*without_users(matrix.counts, newest_day, chosen), policy(service), root))


def naive_step(step: str) -> Taken:
    """One of the naive pipeline's steps."""
    touch_memory()
    return Taken(*_naive[-1].step(step))


def their_day(service: Service) -> list[Taken]:
    """The naive pipeline on the same day, with its whole history in the source, in one fresh process."""
    with server_with(service, range(service.days)) as dsn, tempfile.TemporaryDirectory() as folder:
        day = service.day(service.days - 1)
        return [Taken(*each) for each in alone(whole_naive_day, dsn, day, policy(service), Path(folder))]


def whole_naive_day(dsn: str, day: Day, config: Config, folder: Path) -> list[tuple[str, float, float]]:
    """The naive pipeline, after a touch of the memory."""
    touch_memory()
    return naive_day(dsn, day, config, folder)
