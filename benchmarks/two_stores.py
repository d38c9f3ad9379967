"""The last days of a service on several stores, or by several policies, in turns, step by step."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.day_steps import Steps, alone
from benchmarks.our_steps import DAYS, STEPS, one_step
from benchmarks.synthetic import Service, save_history
from recsys_tasks.core.roots import Root
from recsys_tasks.storage.stores import store_at


class Run(NamedTuple):
    """Where a day is run, and what its policy has beyond the benchmarks' own."""

    name: str
    root: Root
    changes: Mapping[str, dict[str, object]] = {}


def days_in_turns(service: Service, dsn: str, runs: Sequence[Run], rounds: int) -> list[list[Steps]]:
    """The last days after a finished yesterday, of all runs in turns, step by step: by run, by day.

    Args:
        service: whose days they are.
        dsn: the source, with the days that are read.
        runs: their stores are empty.
        rounds: days.
    """
    yesterday = DAYS - 1 - rounds
    for run in runs:
        save_history(store_at(run.root), service, yesterday + 1)
        print(f"{run.name}: {yesterday + 1} days of history stored", flush=True)
    _day(service, dsn, runs, yesterday)
    days = [_day(service, dsn, runs, number) for number in range(yesterday + 1, DAYS)]
    return [list(of_run) for of_run in zip(*days, strict=True)]


def _day(service: Service, dsn: str, runs: Sequence[Run], number: int) -> Iterable[Steps]:
    results: list[dict[str, Any]] = [{} for _ in runs]
    day: list[Steps] = [[] for _ in runs]
    for step in STEPS:
        for run, so_far, steps in zip(runs, results, day, strict=True):
            so_far[step], found = alone(one_step, step, run.root, dsn, service, number, so_far, run.changes)
            steps.append(found)
            print(f"{service.day(number)} {run.name} {found}", flush=True)
    return day
