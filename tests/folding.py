"""Days of events as a play matrix."""

from datetime import date, timedelta

import pyarrow as pa
from strategies import play_counts

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.matrix.play_matrix import empty_matrix, fold

START = date(2026, 1, 5)


def folded(days):
    """Days of events as a matrix, and the date of the last."""
    matrix = empty_matrix(pa.int64(), pa.int64())
    for n, events in enumerate(days):
        matrix = fold(matrix, START + timedelta(days=n), play_counts(events), str(n))
    return matrix, START + timedelta(days=len(days) - 1)


def hiding(**changes) -> EvaluationConfig:
    """Settings of a split under a salt, in which a listener of one play may be scored: tiny worlds have no others."""
    return EvaluationConfig(**{"salt": "recsys", "min_history": 1, **changes})
