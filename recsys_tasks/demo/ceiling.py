"""The judged days of a synthetic world, with the oracle's ceiling beside candidate, live release and popular tracks."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import PlayMatrix, parse_day
from recsys_tasks.core.formatting import decimal
from recsys_tasks.demo.world import World, build_world, load_truth, oracle_precision
from recsys_tasks.matrix.split import hold_out
from recsys_tasks.reporting.overview import overview
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.stored_models import split_of


def days_with_ceiling(at: Workplace, truth: Path, now: datetime) -> list[dict[str, Any]]:
    """One row a judged day: its figures, the oracle's precision@k, and how many times the popular tracks' ALS scores.

    Args:
        at: where the days were judged.
        truth: the file that ``world make --truth`` kept.
        now: the instant that the age of the live release is counted to.
    """
    world = build_world(load_truth(truth))
    days: list[dict[str, Any]] = overview(at.store, now, at.days)["days"]
    for row in days:
        row["oracle"] = oracle_of(at, world, row)
        row["times"] = f"{decimal(row['precision'] / row['popularity'], 1)} x" if row["popularity"] else None
    return days


def oracle_of(at: Workplace, world: World, row: dict[str, Any]) -> float:
    """precision@k of the oracle on the users and hidden plays that a day's candidate was scored on."""
    day = parse_day(row["day"])
    key = at.bundles.key(row["candidate"])
    matrix = at.matrices.load(day, key.matrix)
    holdout = hold_out(matrix, split_of(at, at.models.key(day, key.component), matrix))
    scored = np.flatnonzero(np.diff(holdout.hidden.indptr))
    user_ids = np.asarray(matrix.users.ids)[holdout.user_rows[scored]]
    played, hidden = (_pairs(cells[scored], matrix) for cells in (holdout.history, holdout.hidden))
    return oracle_precision(world, day, user_ids, played, hidden, at.config.evaluation.k)


def _pairs(cells: sparse.csr_matrix, matrix: PlayMatrix) -> tuple[Any, Any]:
    """(position of the user, track id) of the stored cells."""
    pairs = cells.tocoo()
    return pairs.row.astype(np.int64), np.asarray(matrix.tracks.ids)[pairs.col]
