"""The judged days of a synthetic world, with the oracle's ceiling beside ALS, the live release and popularity."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.domain import PlayMatrix, parse_day
from recsys_tasks.demo.world import World, build_world, load_truth, oracle_precision
from recsys_tasks.reporting.overview import DAY_COLUMNS, as_table, overview
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.matrix import matrix_of
from recsys_tasks.steps.train import holdout_of
from recsys_tasks.steps.workplaces import workplace_of
from recsys_tasks.storage.artefacts import read_manifest

COLUMNS = {"oracle": "oracle p@k", "times": "ALS / popular"}


def add_ceiling(parser: ArgumentParser) -> None:
    """Add the arguments of ``world ceiling``."""
    parser.add_argument("--truth", type=Path, required=True, metavar="FILE", help="what `world make --truth` kept")


def ceiling(args: Namespace) -> Answer:
    """Answer ``world ceiling``: one row a judged day."""
    at = workplace_of(args)
    world = build_world(load_truth(args.truth))
    days = overview(at.store, args.now())["days"]
    for row in days:
        row["oracle"] = oracle_of(at, world, row)
        row["times"] = f"{row['precision'] / row['popularity']:.1f} x" if row["popularity"] else None
    shown = list(DAY_COLUMNS.items())
    return Answer({"days": days}, as_table(days, dict(shown[:4] + list(COLUMNS.items()) + shown[4:])))


def oracle_of(at: Workplace, world: World, row: dict[str, Any]) -> float:
    """precision@k of the oracle on the users and hidden plays that a day's candidate was scored on."""
    day = parse_day(row["day"])
    key = read_manifest(at.store.bundle_path(row["candidate"]) / "gated")["key"]
    matrix = matrix_of(at, key)
    holdout = holdout_of(at, read_manifest(at.store.model_path(day, key["model"]))["key"], matrix)
    scored = np.flatnonzero(np.diff(holdout.hidden.indptr))
    user_ids = np.asarray(matrix.users.ids)[holdout.user_rows[scored]]
    played, hidden = (_pairs(cells[scored], matrix) for cells in (holdout.history, holdout.hidden))
    return oracle_precision(world, day, user_ids, played, hidden, at.config.evaluation.k)


def _pairs(cells: sparse.csr_matrix, matrix: PlayMatrix) -> tuple[Any, Any]:
    """(position of the user, track id) of the stored cells."""
    pairs = cells.tocoo()
    return pairs.row.astype(np.int64), np.asarray(matrix.tracks.ids)[pairs.col]
