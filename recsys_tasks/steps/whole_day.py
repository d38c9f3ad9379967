"""All steps of a day in one process, in the order of the DAG."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import GateRefused, RecsysError
from recsys_tasks.steps.evaluate import evaluate
from recsys_tasks.steps.extract import extract_streams
from recsys_tasks.steps.index import build_index
from recsys_tasks.steps.matrix import increment_matrix
from recsys_tasks.steps.one_store import begin
from recsys_tasks.steps.publish import publish
from recsys_tasks.steps.quality import check_data
from recsys_tasks.steps.report import write_report
from recsys_tasks.steps.results import DayRun, Published, Result
from recsys_tasks.steps.retain import retain
from recsys_tasks.steps.train import train_als
from recsys_tasks.steps.verdict import gate
from recsys_tasks.steps.workplace import Signature, Workplace, recorded

R = TypeVar("R", bound=Result)


def run_day(
    at: Workplace,
    day: Day,
    signature: Signature,
    now: Callable[[], datetime],
    cold_start: bool = False,
    allow_empty: bool = False,
    accept_data: str = "",
    publish_older: str = "",
    rebuild_through: bool = False,
) -> DayRun:
    """Extract, check, fold, train, index, evaluate, judge, publish, report, retain.

    A HOLD or BLOCK is a result here, not an error.

    Raises:
        StorageError: this account may not work in the store; nothing was begun.
        RecsysError: a step refused; what was live stays live.
    """

    begun_on = begin(at.store, now())

    def step(name: str, work: Callable[[], R]) -> R:
        with recorded(at.store, signature.run_id, name, signature.by, now, begun_on) as record:
            result = work()
            record["result"] = result.to_json()
            return result

    extracted = step("extract_streams", lambda: extract_streams(at, day, allow_empty, now()))
    step("check_data", lambda: check_data(at, day, signature, accept_data))
    folded = step("increment_matrix", lambda: increment_matrix(at, day, rebuild_through))
    model = step("train_als", lambda: train_als(at, day, folded.split, cold_start)).model
    candidate = step("build_index", lambda: build_index(at, day, model)).candidate
    judgement = step("evaluate", lambda: evaluate(at, day, candidate)).judgement
    verdict = step("gate", lambda: gate(at, day, judgement))
    published = Published(False, f"the gate said {verdict.outcome}")
    if verdict.outcome == "PASS":
        try:
            published = step("publish", lambda: publish(at, day, candidate, signature, publish_older))
        except GateRefused as error:  # the live release changed, and against the new one it does not pass
            published = Published(False, str(error))
    tidying: dict[str, Callable[[], Result]] = {
        "report": lambda: write_report(at, day, judgement),
        "retention": lambda: retain(at, now()),
    }
    for name, work in tidying.items():
        try:
            step(name, work)
        except RecsysError as error:  # neither a page nor tidying up decides on a day
            at.progress(f"{name} failed: {error}")
    live = at.releases.log().live
    return DayRun(day, extracted, folded.rebuilt, candidate, verdict, published, live.release if live else None)
