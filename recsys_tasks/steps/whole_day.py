"""All steps of a day in one process, in the order of the DAG."""

from collections.abc import Callable
from datetime import datetime

from recsys_tasks.domain import Day
from recsys_tasks.errors import GateRefused, RecsysError
from recsys_tasks.releases import read_log
from recsys_tasks.steps.evaluate import evaluate, gate
from recsys_tasks.steps.extract import extract_streams
from recsys_tasks.steps.index import build_index
from recsys_tasks.steps.matrix import increment_matrix
from recsys_tasks.steps.publish import Signature, publish
from recsys_tasks.steps.retain import retain
from recsys_tasks.steps.train import train_als
from recsys_tasks.steps.workplace import Reference, Workplace, recorded


def run_day(
    at: Workplace,
    day: Day,
    signature: Signature,
    now: Callable[[], datetime],
    cold_start: bool = False,
    allow_empty: bool = False,
) -> Reference:
    """Extract, fold, train, index, evaluate, judge, publish, retain.

    Returns:
        The verdict, and what is live now; a HOLD or BLOCK is a result here, not an error.

    Raises:
        RecsysError: a step refused; what was live stays live.
    """

    def step(name: str, work: Callable[[], Reference]) -> Reference:
        with recorded(at.store, signature.run_id, name, signature.by, now) as record:
            record["result"] = work()
            return dict(record["result"])

    step("extract_streams", lambda: extract_streams(at, day, allow_empty))
    matrix = step("increment_matrix", lambda: increment_matrix(at, day))["matrix"]
    model = step("train_als", lambda: train_als(at, day, matrix, cold_start))["model"]
    candidate = step("build_index", lambda: build_index(at, day, model))["candidate"]
    judgement = step("evaluate", lambda: evaluate(at, day, candidate))["judgement"]
    verdict = step("gate", lambda: gate(at, day, judgement))
    published: Reference = {"published": False, "reason": f"the gate said {verdict['outcome']}"}
    if verdict["outcome"] == "PASS":
        try:
            published = step("publish", lambda: publish(at, day, candidate, signature))
        except GateRefused as error:  # the live release changed, and against the new one it does not pass
            published["reason"] = str(error)
    try:
        step("retention", lambda: retain(at, now()))
    except RecsysError as error:  # tidying up never decides on a day
        at.progress(f"retention failed: {error}")
    live = read_log(at.store).live
    return {
        "day": day.isoformat(),
        "candidate": candidate,
        "verdict": verdict,
        "published": published,
        "live": live.release if live else None,
    }
