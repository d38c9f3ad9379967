"""Published releases as sides of a comparison: the incumbent, and the reference of slow drift."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Day, FloatArray, PlayMatrix, parse_day
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.evaluation.evaluation import Side, translated
from recsys_tasks.matrix.holdout import Holdout
from recsys_tasks.recommenders.als import fold_in_users
from recsys_tasks.release.bundle import GATED, NAMES, USERS, GatedPart, names_in, open_gated, open_users, verify_bundle
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.artefacts import Artefact, read_manifest

Parts: TypeAlias = Mapping[str, Artefact] | None


def incumbent_of(at: Workplace, log: ReleaseLog, day: Day) -> Entry | None:
    """The live release, or, where that has seen the day's hidden plays, the newest stored one that has not."""
    if log.live is None or log.live.day < day:
        return log.live
    return next((e for e in log.before(day) if at.store.bundle_path(e.candidate).is_dir()), None)


def reference_of(at: Workplace, log: ReleaseLog, day: Day) -> Entry | None:
    """The release of ``drift.reference_release``, where it exists, is still stored, and has not seen the day."""
    try:
        entry = log.release(at.config.drift.reference_release)
    except UnknownId:
        return None
    stored = at.store.bundle_path(entry.candidate).is_dir() and model_dir(at, entry).is_dir()
    return entry if stored and entry.day < day else None


def model_dir(at: Workplace, entry: Entry) -> Path:
    """Where the model that a release was made from lies, or lay."""
    key = read_manifest(at.store.bundle_path(entry.candidate) / GATED)["key"]
    return at.store.model_path(parse_day(key["day"]), key["model"])


def verified(at: Workplace, incumbent: Entry | None, reference: Entry | None) -> tuple[Parts, Parts]:
    """The parts of both releases, None for one that there is not.

    Raises:
        CorruptArtefact: a release differs from what was stored.
    """
    return (
        verify_bundle(at.store, incumbent) if incumbent else None,
        verify_bundle(at.store, reference, only=(GATED, NAMES)) if reference else None,
    )


def incumbent_side(parts: Mapping[str, Artefact], matrix: PlayMatrix, rows: npt.NDArray[np.int64]) -> Side:
    """A published release as its readers ask it: with the user vectors that it was published with."""
    users = open_users(parts[USERS])
    found = pa.compute.index_in(matrix.users.ids.take(rows), value_set=users.ids)
    own_rows = np.asarray(pa.compute.fill_null(found, -1)).astype(np.int64)
    vectors = np.zeros((len(rows), users.vectors.shape[1]), dtype=np.float32)
    vectors[own_rows >= 0] = users.vectors[own_rows[own_rows >= 0]]
    return _side(parts, open_gated(parts[GATED]), matrix, vectors)


def reference_side(at: Workplace, parts: Mapping[str, Artefact], matrix: PlayMatrix, holdout: Holdout) -> Side:
    """A release whose track factors stay as they were, and whose users are folded in from all plays before the day.

    With the user vectors of its own day it would grow worse by itself, and hide a decline of the candidates.

    Raises:
        CorruptArtefact: its model differs from what was stored.
    """
    gated = open_gated(parts[GATED])
    key = gated.artefact.manifest["key"]
    item_factors, model = at.store.load_item_factors(parse_day(key["day"]), key["model"])
    own_cols = gated.tracks.rows_of(matrix.tracks.ids)
    history = translated(holdout.history, own_cols, len(gated.tracks), keep_plays=True)
    parameters = AlsConfig(**model.manifest["key"]["als"])
    return _side(parts, gated, matrix, fold_in_users(history, item_factors, parameters))


def _side(parts: Mapping[str, Artefact], gated: GatedPart, matrix: PlayMatrix, vectors: FloatArray) -> Side:
    own_cols = gated.tracks.rows_of(matrix.tracks.ids)
    return Side(gated.search, vectors, names_in(parts[NAMES]).popular, own_cols, len(gated.tracks))
