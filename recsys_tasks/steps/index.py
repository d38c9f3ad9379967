"""Build the part of a candidate that the gate judges, and the names beside it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.annoy_index import build_index as build_annoy
from recsys_tasks.annoy_index import open_index
from recsys_tasks.artefacts import read_manifest, save_artefact
from recsys_tasks.bundle import GATED, NAMES
from recsys_tasks.calibration import calibrate, disjoint_samples, measure
from recsys_tasks.config import IndexConfig
from recsys_tasks.digests import digest_of
from recsys_tasks.domain import Day, Factors, Figures, IntArray, PlayMatrix
from recsys_tasks.errors import BadData
from recsys_tasks.popularity import listeners_of
from recsys_tasks.ranked_tracks import Played, RankedTracks, rank_tracks
from recsys_tasks.search import TwoTierSearch
from recsys_tasks.steps.matrix import matrix_of
from recsys_tasks.steps.train import holdout_of
from recsys_tasks.steps.workplace import Reference, Workplace
from recsys_tasks.store import as_ids, vocabulary_table


def build_index(at: Workplace, day: Day, model: str) -> Reference:
    """Store the gated part and the names of the candidate that a model makes.

    Returns:
        The candidate's digest, the recall of both ways of asking, and the effort that it takes.

    Raises:
        BadData: no track has a factor.
        CorruptArtefact: the matrix or the model differs from its manifest.
        SourceUnavailable, SourceMismatch: the catalogue cannot be read.
    """
    factors, artefact = at.store.load_model(day, model)
    key = {
        "day": day.isoformat(),
        "matrix": artefact.manifest["key"]["matrix"],
        "model": model,
        "index": at.config.index.model_dump(),
    }
    candidate = digest_of("candidate", key)
    gated, names = (at.store.bundle_path(candidate) / part for part in (GATED, NAMES))
    if gated.is_dir() and names.is_dir():
        at.progress(f"candidate {candidate[:12]} is stored already")
    else:
        matrix = matrix_of(at, key)
        if not names.is_dir():
            save_artefact(at.store.root, names, candidate, key, {"names": _names(at, matrix)})
        if not gated.is_dir():
            _save_gated(at, gated, candidate, key, matrix, factors, artefact.manifest["key"])
    figures = read_manifest(gated)["figures"]
    at.progress(f"candidate {candidate[:12]} of {day}: {figures['indexed']:,} tracks, recall {figures['recall']}")
    return {"day": day.isoformat(), "candidate": candidate, "recall": figures["recall"], "effort": figures["effort"]}


def _save_gated(
    at: Workplace,
    path: Path,
    candidate: str,
    key: dict[str, Any],
    matrix: PlayMatrix,
    factors: Factors,
    model_key: dict[str, Any],
) -> None:
    """Rank the tracks, build the trees, choose the effort, measure the recall, store all of it."""
    ranked = rank_tracks(factors.item_factors)
    if not len(ranked):
        raise BadData("No track has a factor: nothing can be indexed. Look at the model's matrix and parameters.")
    training = holdout_of(at, model_key, matrix).training
    figures: Figures = {"indexed": len(ranked), "tracks": len(matrix.tracks)}

    def write_index(file: Path) -> None:
        build_annoy(ranked.ranked_factors, file, at.config.index.trees, at.config.index.seed)
        index = open_index(file, len(ranked), ranked.ranked_factors.shape[1])
        figures.update(_measured(at.config.index, ranked, index, factors, training))

    files = {
        "index.ann": write_index,
        "rank_cols": ranked.rank_cols,
        "ranked_factors": ranked.ranked_factors,
        "ranked_norms": ranked.ranked_norms,
        "tracks": vocabulary_table(matrix.tracks),
    }
    save_artefact(at.store.root, path, candidate, key, files, figures)


def _measured(
    config: IndexConfig, ranked: RankedTracks, index: Any, factors: Factors, training: sparse.csr_matrix
) -> Figures:
    """The effort chosen on some users and tracks, and the recall measured on others."""
    sizes = (config.calibration_queries, config.measured_queries, config.seed)
    known = np.flatnonzero(factors.user_factors.any(axis=1))
    chosen, measured = (known[sample] for sample in disjoint_samples(len(known), *sizes))
    chosen_tracks, measured_tracks = (ranked.rank_cols[s] for s in disjoint_samples(len(ranked), *sizes))
    effort = calibrate(ranked, index, factors.user_factors[chosen], played_by(training, chosen), chosen_tracks, config)
    recall = measure(
        TwoTierSearch(ranked, effort, index),
        factors.item_factors,
        factors.user_factors[measured],
        played_by(training, measured),
        measured_tracks,
        config.k,
    )
    return {"effort": asdict(effort), "recall": {name: round(value, 6) for name, value in asdict(recall).items()}}


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
    plays = np.bincount(matrix.counts.indices, weights=matrix.counts.data, minlength=n_tracks).astype(np.int64)
    return pa.table({**columns, "plays": plays, "listeners": listeners_of(matrix.counts)})
