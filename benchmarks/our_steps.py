"""The steps of a day as the DAG runs them, each of which can be measured in a process of its own."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from benchmarks.day_steps import Taken
from benchmarks.harness import touch_memory
from benchmarks.synthetic import Service
from recsys_tasks import steps
from recsys_tasks.core.config import Config
from recsys_tasks.core.domain import Day
from recsys_tasks.core.memory import peak_megabytes
from recsys_tasks.core.roots import Root
from recsys_tasks.steps import Signature, Workplace, recorded
from recsys_tasks.steps.results import Result
from recsys_tasks.storage.stores import store_at

DAYS, LATE = 31, 3
STEPS = ("extract_streams", "check_data", "increment_matrix", "train_als", "build_index", "evaluate", "gate", "publish")
STEPS += ("report", "retention")
SIGNED = Signature("bench", "a benchmark", "2026-01-01T00:00:00+00:00")
GATE = {"min_users": 100, "margin": 0.5}


def policy(service: Service, changes: Mapping[str, dict[str, object]] = MappingProxyType({})) -> Config:
    """The policy of the benchmark, with changes to its tables: noise of a synthetic day is not what is asked about."""
    return service.config(**{"gate": GATE, **changes})


def one_step(
    step: str,
    root: Root,
    dsn: str,
    service: Service,
    number: int,
    so_far: Mapping[str, Any],
    changes: Mapping[str, dict[str, object]] = MappingProxyType({}),
) -> tuple[Result, Taken]:
    """One step with what those before it handed on; its result, and what it took."""
    at, day = Workplace(store_at(root), policy(service, changes), dsn), service.day(number)
    work = works(at, day, so_far)[step]
    touch_memory()
    begun, cpu = time.perf_counter(), time.process_time()
    with recorded(at.store, str(number), step, SIGNED.by, lambda: datetime.now(UTC)) as record:
        result = work()
        record["result"] = result.to_json()
    return result, Taken(step, time.perf_counter() - begun, peak_megabytes(), time.process_time() - cpu)


def works(at: Workplace, day: Day, so_far: Mapping[str, Any]) -> dict[str, Callable[[], Result]]:
    """Each of STEPS, to be called with what those before it returned."""
    return {
        "extract_streams": lambda: steps.extract_streams(at, day),
        "check_data": lambda: steps.check_data(at, day, SIGNED),
        "increment_matrix": lambda: steps.increment_matrix(at, day),
        "train_als": lambda: steps.train_als(at, day, so_far["increment_matrix"].split),
        "build_index": lambda: steps.build_index(at, day, so_far["train_als"].model),
        "evaluate": lambda: steps.evaluate(at, day, so_far["build_index"].candidate),
        "gate": lambda: steps.gate(at, day, so_far["evaluate"].judgement),
        "publish": lambda: steps.publish(at, day, so_far["build_index"].candidate, SIGNED),
        "report": lambda: steps.write_report(at, day, so_far["evaluate"].judgement),
        "retention": lambda: steps.retain(at, datetime.now(UTC)),
    }
