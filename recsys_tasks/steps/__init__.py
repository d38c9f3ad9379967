"""One function for each task of the DAG: load, decide, save, and return a small reference.

    extract_streams -> check_data -> increment_matrix -> train_als -> build_index -> evaluate -> gate -> publish

Each is idempotent: what is stored under the same input key is found, not made again.
"""

from recsys_tasks.steps.evaluate import evaluate
from recsys_tasks.steps.extract import extract_streams, source_is_complete
from recsys_tasks.steps.freshness import freshness_alerts, live_entry, live_sentence, look_at_live
from recsys_tasks.steps.index import build_index
from recsys_tasks.steps.judging_again import judge_again
from recsys_tasks.steps.matrix import increment_matrix
from recsys_tasks.steps.publish import publish, release_candidate, roll_back, set_pin
from recsys_tasks.steps.quality import check_data, data_checks
from recsys_tasks.steps.report import rewrite_reports, write_report
from recsys_tasks.steps.retain import retain
from recsys_tasks.steps.train import train_als
from recsys_tasks.steps.verdict import gate
from recsys_tasks.steps.workplace import Signature, Workplace, recorded

__all__ = [
    "Signature",
    "Workplace",
    "build_index",
    "check_data",
    "data_checks",
    "evaluate",
    "extract_streams",
    "freshness_alerts",
    "gate",
    "increment_matrix",
    "judge_again",
    "live_entry",
    "live_sentence",
    "look_at_live",
    "publish",
    "recorded",
    "release_candidate",
    "retain",
    "rewrite_reports",
    "roll_back",
    "set_pin",
    "source_is_complete",
    "train_als",
    "write_report",
]
