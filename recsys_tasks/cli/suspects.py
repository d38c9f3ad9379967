"""The answer of ``gate --suspects``: which accounts did not count as one listener each on a date, and why.

Ids of listeners stand in no report, log, mail or page; whoever may read the store may ask for them here.
"""

from typing import Any

import numpy as np

from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import NotStored
from recsys_tasks.core.formatting import count
from recsys_tasks.release.judgements import Judgement, nothing_judged
from recsys_tasks.reporting.terminal_tables import as_table
from recsys_tasks.steps.workplace import Workplace

COLUMNS = {"user_id": "account", "why": "why"}


def suspects(at: Workplace, day: Day) -> Answer:
    """The suspects of the newest judgement of a date, largest groups first.

    Raises:
        NotStored: nothing was judged on that day, its matrix is gone, or the judgement is older than such weights.
    """
    judged = at.judgements.of(day)
    if not judged:
        raise nothing_judged(day)
    rows = _rows(at, max(judged, key=at.judgements.written_at))
    text = as_table(rows, COLUMNS) if rows else f"On {day} every scored account counted as one listener."
    return Answer({"suspects": rows}, text)


def _rows(at: Workplace, judgement: Judgement) -> list[dict[str, Any]]:
    per_user, key = at.judgements.load(judgement).per_user, at.judgements.key(judgement)
    if "user_row" not in per_user:
        raise NotStored(f"The judgement of {key.day} was made before accounts were weighed. Judge a newer day.")
    matrix = at.bundles.key(key.candidate).matrix
    users, _ = at.matrices.vocabularies(key.day, matrix)
    suspect = np.flatnonzero(per_user["weight"] < 1)
    order = suspect[np.argsort(-per_user["twins"][suspect], kind="stable")]
    ids = users.ids.take(per_user["user_row"][order].astype(np.int64)).to_pylist()
    return [
        {"user_id": user_id, "why": _why(int(per_user["twins"][place]), float(per_user["weight"][place]))}
        for user_id, place in zip(ids, order.tolist(), strict=True)
    ]


def _why(twins: int, weight: float) -> str:
    if weight == 0:
        return "left out: hits far more often than the service's rate explains"
    return f"one of {count(twins + 1)} with the same hits, who count as one"
