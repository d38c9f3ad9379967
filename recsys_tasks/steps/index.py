"""Build the part of a candidate that the gate judges, and the names beside it."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, Factors, Figures, FloatArray, IntArray, PlayMatrix
from recsys_tasks.core.errors import BadData
from recsys_tasks.index.annoy_index import GROWING, open_index
from recsys_tasks.index.annoy_index import build_index as build_annoy
from recsys_tasks.index.calibration import least_effort, sampled
from recsys_tasks.index.exact_neighbours import Truth
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.matrix.holdout import listeners_in
from recsys_tasks.matrix.play_matrix import day_counts, without_users
from recsys_tasks.matrix.popularity import listeners_of, plays_of
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import GATED, NAMES
from recsys_tasks.steps.matrix import matrix_of
from recsys_tasks.steps.train import hidden_rows_of
from recsys_tasks.steps.workplace import Reference, Workplace
from recsys_tasks.storage.artefacts import read_manifest, save_artefact
from recsys_tasks.storage.stored_forms import as_ids, vocabulary_table


def build_index(at: Workplace, day: Day, model: str) -> Reference:
    """Store the gated part and the names of the candidate that a model makes.

    Returns:
        The candidate's digest, and the effort that a query takes.

    Raises:
        BadData: no track has a factor.
        CorruptArtefact: the matrix or the model differs from its manifest.
        SourceUnavailable, SourceMismatch: the catalogue cannot be read.
    """
    model_key = read_manifest(at.store.model_path(day, model))["key"]
    key = {
        "day": day.isoformat(),
        "matrix": model_key["matrix"],
        "model": model,
        "index": at.config.index.model_dump(),
        "growing": GROWING,
    }
    candidate = digest_of("candidate", key)
    gated, names = (at.store.bundle_path(candidate) / part for part in (GATED, NAMES))
    if gated.is_dir() and names.is_dir():
        at.progress(f"candidate {candidate[:12]} is stored already")
    else:
        with ThreadPoolExecutor(1) as beside:
            loading = beside.submit(matrix_of, at, key)
            factors, _ = at.store.load_model(day, model)
            matrix = loading.result()
            # the catalogue is asked while the trees grow
            table = None if names.is_dir() else beside.submit(_names, at, matrix)
            if not gated.is_dir():
                _save_gated(at, gated, candidate, key, matrix, factors, model_key)
            if table is not None:
                save_artefact(at.store.root, names, candidate, key, {"names": table.result()})
    figures = read_manifest(gated)["figures"]
    at.progress(f"candidate {candidate[:12]} of {day}: {figures['indexed']:,} tracks, effort {figures['effort']}")
    return {"day": day.isoformat(), "candidate": candidate, "effort": figures["effort"]}


def _save_gated(
    at: Workplace,
    path: Path,
    candidate: str,
    key: dict[str, Any],
    matrix: PlayMatrix,
    factors: Factors,
    model_key: dict[str, Any],
) -> None:
    """Rank the tracks, build the trees, choose the effort, store all of it."""
    ranked = rank_tracks(factors.item_factors)
    if not len(ranked):
        raise BadData("No track has a factor: nothing can be indexed. Look at the model's matrix and parameters.")
    config = at.config.index
    figures: Figures = {"indexed": len(ranked), "tracks": len(matrix.tracks)}

    def write_index(file: Path) -> None:
        with ThreadPoolExecutor(1) as builder:  # Annoy lets go of the interpreter, and the exact answers need no index
            built = builder.submit(build_annoy, ranked.ranked_factors, file, config.trees, config.seed)
            truth = _truth(at, ranked, factors, matrix, model_key)
            built.result()
        index = open_index(file, len(ranked), ranked.ranked_factors.shape[1])
        figures["effort"] = asdict(least_effort(ranked, index, truth, config))

    files = {
        "index.ann": write_index,
        "rank_cols": ranked.rank_cols,
        "ranked_factors": ranked.ranked_factors,
        "ranked_norms": ranked.ranked_norms,
        "tracks": vocabulary_table(matrix.tracks),
    }
    save_artefact(at.store.root, path, candidate, key, files, figures)


def _truth(
    at: Workplace, ranked: RankedTracks, factors: Factors, matrix: PlayMatrix, model_key: dict[str, Any]
) -> Truth:
    """Exact answers of the users and tracks that the effort is chosen on.

    What they played is what the model was trained on.
    """
    config, users = at.config.index, factors.user_factors
    rows, tracks = calibrated_on(config.model_dump(), users, ranked)
    of_day = day_counts(at.store.load_partition(*matrix.chain[-1]), matrix.users, matrix.tracks)
    hidden = hidden_rows_of(model_key, matrix, listeners_in(of_day))
    return Truth.of_ranked(ranked, users[rows], trained_by(matrix.counts, of_day, hidden, rows), tracks, config.k)


def calibrated_on(index: Mapping[str, Any], users: FloatArray, ranked: RankedTracks) -> tuple[IntArray, IntArray]:
    """Rows of the users, and columns of the tracks, that the effort of an index is chosen on.

    Args:
        index: its parameters.
        users: (n_users, n_factors), of which those that are not zero are drawn from.
        ranked: the tracks that are drawn from.
    """
    known = np.flatnonzero(users.any(axis=1))
    rows, ranks = (sampled(n, index["calibration_queries"], index["seed"]) for n in (len(known), len(ranked)))
    return known[rows], ranked.rank_cols[ranks]


def trained_by(counts: sparse.csr_matrix, of_day: sparse.csr_matrix, hidden: IntArray, rows: IntArray) -> Played:
    """The tracks that some users played in the training split, of their own rows alone.

    Args:
        counts: (n_users, n_tracks) all play counts.
        of_day: (n_users, n_tracks) those of the newest day, which are part of them.
        hidden: (n_hidden,) rows of the users whose newest day is not trained on.
        rows: (n_rows,) rows of the users.
    """
    training, _ = without_users(counts[rows], of_day[rows], np.isin(rows, hidden))
    return Played(training.indptr, training.indices)


def played_by(plays: sparse.csr_matrix, rows: IntArray) -> Played:
    """The played tracks of some users."""
    chosen = plays[rows]
    return Played(chosen.indptr, chosen.indices)


def _names(at: Workplace, matrix: PlayMatrix) -> pa.Table:
    """Title, artist and release date from the catalogue, if there is one; totals and listeners from the matrix."""
    n_tracks = len(matrix.tracks)
    columns = {
        "title": pa.nulls(n_tracks, pa.string()),
        "artist": pa.nulls(n_tracks, pa.string()),
        "released_on": pa.nulls(n_tracks, pa.date32()),
    }
    if at.config.catalogue is not None:
        with at.source() as source:
            catalogue = source.catalogue(matrix.tracks.ids)
        places = pc.index_in(matrix.tracks.ids, value_set=catalogue.column("track_id"))
        columns = {name: as_ids(catalogue.column(name)).take(places) for name in columns}
    return pa.table({**columns, "plays": plays_of(matrix.counts), "listeners": listeners_of(matrix.counts)})
