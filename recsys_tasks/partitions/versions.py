"""What the source held when a version of a partition was extracted: of the newest version, and of those before it.

    partitions/<date>/restated-<digest>/   manifest of a version that a restatement replaced

It is kept for good, and is small: a release that was made from a replaced version can still say where its streams came
from, and how many of them were dropped for which reason, when the counts themselves are long gone.
"""

from pathlib import Path
from typing import Any

from recsys_tasks.core.domain import Day
from recsys_tasks.storage.artefacts import read_manifest, save_artefact
from recsys_tasks.storage.store import SHORT, Store

RESTATED = "restated"


def keep_version(store: Store, day: Day) -> None:
    """Keep the manifest of a date's newest version, which is about to be replaced."""
    manifest = store.partition_manifest(day)
    if manifest is not None:
        path = _path(store, day, manifest["digest"])
        save_artefact(store.root, path, manifest["digest"], manifest["key"], {}, manifest["figures"])


def version_manifest(store: Store, day: Day, digest: str) -> dict[str, Any] | None:
    """Manifest of one version of a date, the newest or a replaced one; None when nothing is kept of it."""
    newest = store.partition_manifest(day)
    if newest is not None and newest["digest"] == digest:
        return newest
    path = _path(store, day, digest)
    return read_manifest(path) if path.is_dir() else None


def replaced_versions(store: Store, day: Day) -> list[str]:
    """Digests of the versions of a date that restatements replaced; the newest may be among them, come back."""
    return [str(read_manifest(path)["digest"]) for path in sorted(store.partition_path(day).glob(f"{RESTATED}-*"))]


def _path(store: Store, day: Day, digest: str) -> Path:
    return store.partition_path(day) / f"{RESTATED}-{digest[:SHORT]}"
