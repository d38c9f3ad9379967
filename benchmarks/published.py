"""A published release of any size, written through the pipeline's own functions under the file names of its steps."""

import os
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.factors import make_factors, make_played, part
from benchmarks.searches import build_search
from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.index.annoy_index import INDEX_FORMAT
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.neighbours import SIMILAR
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import RECENT
from recsys_tasks.release.bundles import GATED, NAMES, USERS, Bundles
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.release.log import PUBLISH, Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.artefacts import Artefact, Content, LocalFile
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stored_forms import vocabulary_table

DAY = date(2026, 3, 1)
NEAREST = 100
SCRAMBLE, ID_SPACE = 2654435761, 1 << 32  # ids say nothing about place


@dataclass(frozen=True)
class Size:
    """How large the release is."""

    tracks: int
    users: int
    plays: int  # a user, at the most: those drawn twice fall away
    components: tuple[str, ...] = ("als",)  # als, then any of recent, neighbours


def publish(store: PosixStore, size: Size) -> Entry:
    """Write a release and make it live."""
    config = IndexConfig(calibration_queries=200)
    items, users = make_factors(size.tracks, size.users, falling=True)
    played = make_played(np.linalg.norm(items, axis=1), size.users, size.plays)
    key = CandidateKey(
        day=DAY,
        matrix="synthetic",
        components=size.components,
        blend=Blend(tuple(1.0 for _ in size.components), size.components),
        catalogue=None,
        index=config.model_dump(),
        growing=INDEX_FORMAT,
    )
    candidate, bundles, of_users = key.digest, Bundles(store), digest_of("users", key.digest)
    ranked, names, user_part = rank_tracks(items), _names(size, played), _users(users, played)
    with store.workspace() as folder:
        file = f"{folder}/index.ann"
        query, asked = part(users, played, 0, config.calibration_queries), np.arange(0, size.tracks, size.tracks // 200)
        chosen = build_search(ranked, query, asked, config, file).parameters
        figures = {"tracks": size.tracks, "indexed": len(ranked), "effort": asdict(chosen)}
        files = _gated(ranked, LocalFile(file)) | _near(size, ranked)
        bundles.save(candidate, GATED, candidate, key.to_json(), files, figures)
    name = f"{USERS}-{of_users[:SHORT]}"
    bundles.save(candidate, NAMES, candidate, key.to_json(), {"names": names})
    bundles.save(candidate, name, of_users, {"candidate": candidate}, user_part | _faded(size, played))
    parts = {each: bundles.vouched(candidate, each) for each in (GATED, NAMES, name)}
    signed = {"by": "benchmark", "why": "", "at": "2026-03-02T00:00:00+00:00"}
    return Releases(store).append(Entry(1, PUBLISH, 1, candidate, parts, DAY, False, **signed))


def publish_again(store: PosixStore, entry: Entry) -> Entry:
    """Make the same files live under another candidate's name: hard links, and manifests of their own."""
    candidate, bundles = digest_of("another", entry.candidate), Bundles(store)
    for name, stored in bundles.verify(entry).items():
        part_of = next(each for each in entry.parts if each.split("-")[0] == name)
        with store.workspace() as folder:
            bundles.save(candidate, part_of, candidate, stored.key, linked(stored, folder), stored.figures)
    parts = {name: bundles.vouched(candidate, name) for name in entry.parts}
    number = entry.number + 1
    return Releases(store).append(replace(entry, number=number, release=number, candidate=candidate, parts=parts))


def linked(stored: Artefact, folder: str) -> dict[str, Content]:
    """Hard links to the files of an artefact, in a folder."""
    for file in stored.manifest.files:
        _link(f"{stored.path}/{file}", f"{folder}/{file}")
    return {file: LocalFile(f"{folder}/{file}") for file in stored.manifest.files}


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _gated(ranked: RankedTracks, index: LocalFile) -> dict[str, Content]:
    days = np.zeros(ranked.n_tracks, np.int32)
    return {
        "index.ann": index,
        "rank_cols": ranked.rank_cols,
        "ranked_factors": ranked.ranked_factors,
        "ranked_norms": ranked.ranked_norms,
        "tracks": vocabulary_table(Vocabulary(_ids(ranked.n_tracks), days)),
    }


def _near(size: Size, ranked: RankedTracks) -> dict[str, Content]:
    """Neighbours of each track, drawn at random: more of those that are played much, whose places in memory lie apart
    as those of real ones do."""
    if "neighbours" not in size.components:
        return {}
    rng = np.random.default_rng(2)
    places = (size.tracks * rng.random(size.tracks * NEAREST) ** 2).astype(np.int64)
    similar = np.sort(ranked.rank_cols[np.minimum(places, len(ranked) - 1)].reshape(size.tracks, NEAREST), axis=1)
    values = rng.random(similar.size, np.float32)
    return dict(zip(SIMILAR, (similar.ravel(), NEAREST * np.arange(size.tracks + 1), values), strict=True))


def _faded(size: Size, played: Played) -> dict[str, Any]:
    listeners = np.bincount(played.cols, minlength=size.tracks)
    return {RECENT: 0.1 * listeners[None]} if "recent" in size.components else {}


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
