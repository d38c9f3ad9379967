"""Which artefacts hold people who shall be forgotten, or were made from one that does, and what becomes of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import pyarrow.compute as pc

from recsys_tasks.core.domain import Ids
from recsys_tasks.core.errors import BadData, CorruptArtefact
from recsys_tasks.partitions.repository import FOLDER as PARTITIONS
from recsys_tasks.partitions.repository import partition_name, plays_file
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.release.bundles import FOLDER as BUNDLES
from recsys_tasks.release.bundles import GATED
from recsys_tasks.repositories.erasures import REMOVED, Act
from recsys_tasks.repositories.matrices import FOLDER as MATRICES
from recsys_tasks.repositories.models import FOLDER as MODELS
from recsys_tasks.repositories.models import model_name
from recsys_tasks.repositories.splits import FOLDER as SPLITS
from recsys_tasks.steps.erased_releases import vectors_in
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.manifest import MANIFEST
from recsys_tasks.storage.search import Found, own_vectors

USERS_FILE, USER_FACTORS = "users.parquet", "user_factors.npy"


@dataclass(frozen=True)
class Doomed:
    """What goes, in this order, and what loses a file."""

    removed: tuple[Act, ...]
    without_users: tuple[Act, ...]  # models of releases that are kept, for the factors of their tracks
    vectors: tuple[bytes, ...]  # of these people, in all of them and in the releases


def doomed(at: Workplace, ids: Ids, found: Iterable[Found]) -> Doomed:
    """What holds some people, by where a search found them.

    A split or a model whose matrix is gone belongs to nothing any more; its matrix may have been removed by an erasure
    that was killed.

    Args:
        at: store and configuration.
        ids: (n,) of the people.
        found: where they were found.

    Raises:
        CorruptArtefact: a manifest is damaged.
    """
    places = {each.name: each.people for each in found}
    matrices = [name for name in _below(at, MATRICES) if f"{name}/{USERS_FILE}" in places]
    digests = {at.store.manifest(name).digest: name for name in matrices}
    stored = {at.store.manifest(name).digest for name in _below(at, MATRICES)} - digests.keys()
    models = {name: ModelKey.from_json(at.store.manifest(name).key).matrix for name in _below(at, MODELS)}
    orphans = [name for name, matrix in models.items() if matrix not in stored]
    kept = _models_of_releases(at).intersection(orphans)
    gone = [
        *_unreleased(at, digests),
        *(name for name in orphans if name not in kept),
        *(name for name in _below(at, SPLITS) if at.store.manifest(name).key["matrix"] not in stored),
        *matrices,
        *_counts(at, places),
        *_traces(at),
    ]
    vectors = [
        row for name, matrix in models.items() if matrix in digests for row in _vectors(at, name, digests[matrix], ids)
    ]
    return Doomed(
        tuple(
            Act(name, REMOVED, places.get(name, places.get(f"{name}/{USERS_FILE}", 0)), digest_at(at, name))
            for name in gone
        ),
        tuple(
            Act(file, REMOVED, 0, digest_at(at, file))
            for name in sorted(kept)
            if at.store.holds(file := f"{name}/{USER_FACTORS}")
        ),
        (*vectors, *_released_vectors(at, ids, places)),
    )


def unlist(at: Workplace, artefact: str, file: str) -> None:
    """Take a file out of the manifest of an artefact: nobody reads it any more, and it can be removed."""
    manifest = at.store.manifest(artefact)
    left = {name: each for name, each in manifest.files.items() if name != file}
    if len(left) < len(manifest.files):
        at.store.replace(f"{artefact}/{MANIFEST}", replace(manifest, files=left).sealed())


def digest_at(at: Workplace, name: str) -> str:
    """SHA-256 of a file, or of an artefact's manifest, or, of what has several parts, of the gated one's."""
    objects = (f"{name}/{MANIFEST}", f"{name}/{GATED}/{MANIFEST}", name)
    found = next((each for each in objects if at.store.holds(each)), name)
    return sha256(at.store.read(found)).hexdigest()


def _below(at: Workplace, folder: str) -> list[str]:
    """The complete artefacts of a folder."""
    return [name for last in at.store.names(folder) if at.store.holds(f"{(name := f'{folder}/{last}')}/{MANIFEST}")]


def _models_of_releases(at: Workplace) -> set[str]:
    """Models whose track factors a release that is still stored may be asked with."""
    stored = [entry.candidate for entry in at.releases.log().releases if at.bundles.holds(entry.candidate, GATED)]
    keys = map(at.bundles.key, stored)
    return {model_name(key.day, model) for key in keys for model in key.models}


def _unreleased(at: Workplace, matrices: Iterable[str]) -> Iterator[str]:
    """Bundles that nobody released and nobody can release any more: their listeners come from one of these matrices."""
    log, gone = at.releases.log(), set(matrices)
    for candidate in at.bundles.candidates():
        try:
            manifest = at.bundles.manifest(candidate)
            if at.bundles.key(candidate).matrix in gone and log.published(manifest.digest) is None:
                yield f"{BUNDLES}/{candidate}"
        except (CorruptArtefact, BadData):
            continue


def _counts(at: Workplace, places: Iterable[str]) -> Iterator[str]:
    """Play counts of earlier versions of dates; the newest version is rewritten, never removed."""
    newest = {f"{partition_name(day)}/{plays_file(str(at.partitions.digest(day)))}" for day in at.partitions.days()}
    return (name for name in places if name.startswith(f"{PARTITIONS}/") and name not in newest)


def _traces(at: Workplace) -> Iterator[str]:
    """Traces of earlier versions of dates: hashes of pairs of listener and track."""
    newest = filter(None, map(at.partitions.newest, at.partitions.days()))
    return (name for partition in newest for name in at.shapes.other_traces(partition))


def _vectors(at: Workplace, model: str, matrix: str, ids: Ids) -> list[bytes]:
    """The vectors of some people in a model, by the vocabulary of its matrix."""
    users = at.store.open(matrix, only=(USERS_FILE,)).table("users").column("id").combine_chunks()
    if USER_FACTORS not in at.store.manifest(model).files:
        return []
    factors = at.store.open(model, only=(USER_FACTORS,)).array("user_factors", mapped=True)
    return own_vectors(factors, np.asarray(pc.is_in(users, ids)))


def _released_vectors(at: Workplace, ids: Ids, places: Iterable[str]) -> list[bytes]:
    names = [name.removesuffix(f"/{USERS_FILE}") for name in places if name.startswith(f"{BUNDLES}/")]
    return [row for name in names for row in vectors_in(at, name, ids)]
