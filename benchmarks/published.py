"""A published release of any size, written through the pipeline's own functions under the file names of its steps."""

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.factors import N_FACTORS, make_factors, make_played, part
from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Figures, Vocabulary
from recsys_tasks.index.annoy_index import GROWING, build_index, open_index
from recsys_tasks.index.calibration import calibrate
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import GATED, NAMES, USERS
from recsys_tasks.release.log import PUBLISH, Entry
from recsys_tasks.release.releases import append
from recsys_tasks.storage.artefacts import MANIFEST, read_manifest, save_artefact
from recsys_tasks.storage.files import sha256_of
from recsys_tasks.storage.store import SHORT, Store
from recsys_tasks.storage.stored_forms import vocabulary_table

DAY = date(2026, 3, 1)
SCRAMBLE, ID_SPACE = 2654435761, 1 << 32  # ids say nothing about place


@dataclass(frozen=True)
class Size:
    """How large the release is."""

    tracks: int
    users: int
    plays: int  # a user, at the most: those drawn twice fall away


def publish(store: Store, size: Size) -> Entry:
    """Write a release and make it live."""
    config = IndexConfig(calibration_queries=200)
    items, users = make_factors(size.tracks, size.users, falling=True)
    played = make_played(np.linalg.norm(items, axis=1), size.users, size.plays)
    made_of = {"day": DAY.isoformat(), "matrix": "synthetic", "model": "synthetic"}
    key = made_of | {"index": config.model_dump(), "growing": GROWING}
    candidate = digest_of("candidate", key)
    bundle = store.bundle_path(candidate)
    ranked, figures = rank_tracks(items), Figures(tracks=size.tracks, recall={})

    def write_index(file: Path) -> None:
        build_index(ranked.ranked_factors, file, config.trees, config.seed)
        index = open_index(file, len(ranked), N_FACTORS)
        query = part(users, played, 0, config.calibration_queries)
        effort = calibrate(ranked, index, *query, np.arange(0, size.tracks, size.tracks // 200), config)
        figures.update(indexed=len(ranked), effort=asdict(effort))

    gated, names, user_part = _gated(ranked, write_index), _names(size, played), _users(users, played)
    name = f"{USERS}-{digest_of('users', candidate)[:SHORT]}"
    save_artefact(store.root, bundle / GATED, candidate, key, gated, figures)
    save_artefact(store.root, bundle / NAMES, candidate, key, {"names": names})
    save_artefact(store.root, bundle / name, digest_of("users", candidate), key, user_part)
    parts = {each: sha256_of(bundle / each / MANIFEST) for each in (GATED, NAMES, name)}
    signed = {"by": "benchmark", "why": "", "at": "2026-03-02T00:00:00+00:00"}
    return append(store, Entry(1, PUBLISH, 1, candidate, parts, DAY, False, **signed))


def publish_again(store: Store, entry: Entry) -> Entry:
    """Make the same files live under another candidate's name: hard links, and manifests of their own."""
    candidate = digest_of("another", entry.candidate)
    bundle = store.bundle_path(entry.candidate)
    for name in entry.parts:
        manifest = read_manifest(bundle / name)
        links = {file: _linked(bundle / name / file) for file in manifest["files"]}
        path = store.bundle_path(candidate) / name
        save_artefact(store.root, path, candidate, manifest["key"], links, manifest["figures"])
    parts = {name: sha256_of(store.bundle_path(candidate) / name / MANIFEST) for name in entry.parts}
    number = entry.number + 1
    return append(store, replace(entry, number=number, release=number, candidate=candidate, parts=parts))


def _linked(source: Path) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        try:
            os.link(source, path)
        except OSError:
            shutil.copy(source, path)

    return link


def _gated(ranked: RankedTracks, write_index: Callable[[Path], None]) -> dict[str, Any]:
    days = np.zeros(ranked.n_tracks, np.int32)
    return {
        "index.ann": write_index,
        "rank_cols": ranked.rank_cols,
        "ranked_factors": ranked.ranked_factors,
        "ranked_norms": ranked.ranked_norms,
        "tracks": vocabulary_table(Vocabulary(_ids(ranked.n_tracks), days)),
    }


def _names(size: Size, played: Played) -> pa.Table:
    """Titles and artists of about the length of real ones."""
    numbers = np.arange(size.tracks)
    listeners = np.bincount(played.cols, minlength=size.tracks)
    return pa.table(
        {
            "title": pa.array([f"The {n:x} song of a night" for n in numbers.tolist()]),
            "artist": pa.array([f"Artist {n:x} and friends" for n in (numbers // 12).tolist()]),
            "released_on": pa.array(numbers.astype(np.int32) % 20_000).cast(pa.date32()),
            "plays": 2 * listeners,
            "listeners": listeners,
        }
    )


def _users(vectors: Any, played: Played) -> dict[str, Any]:
    ids = _ids(len(vectors))
    return {
        "user_vectors": vectors,
        "indptr": played.indptr,
        "cols": played.cols,
        "users": pa.table({"id": ids}),
        "order": np.asarray(pc.sort_indices(ids)).astype(np.int64),
    }


def _ids(n: int) -> pa.Array:
    return pa.array(np.arange(n, dtype=np.int64) * SCRAMBLE % ID_SPACE)
