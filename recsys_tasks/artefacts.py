"""An artefact: one immutable directory of .npy, Parquet and other files, with a manifest that vouches for each of them.

Its name is the digest of its input key (what it was made from), so that a rerun finds it instead of making it again.
Its files are verified (size, then SHA-256) before anything reads or maps them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.digests import FORMAT, canonical_json
from recsys_tasks.errors import CorruptArtefact, NotStored
from recsys_tasks.files import new_directory, sha256_of

MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 1 << 24  # bytes; a larger one is no manifest of ours

Content: TypeAlias = "npt.NDArray[Any] | pa.Table | Callable[[Path], None]"


@dataclass(frozen=True)
class Artefact:
    """A stored directory whose files were verified."""

    path: Path
    manifest: dict[str, Any]

    @property
    def digest(self) -> str:
        """The digest of the input key."""
        return str(self.manifest["digest"])

    @property
    def figures(self) -> dict[str, Any]:
        """What was measured while it was made."""
        return dict(self.manifest["figures"])

    def array(self, name: str, mapped: bool = False) -> npt.NDArray[Any]:
        """A stored .npy; mapped read-only instead of loaded when asked."""
        values: npt.NDArray[Any] = np.load(
            self.path / f"{name}.npy", mmap_mode="r" if mapped else None, allow_pickle=False
        )
        return values

    def table(self, name: str) -> pa.Table:
        """A stored Parquet table."""
        return pq.read_table(self.path / f"{name}.parquet", memory_map=False)


def save_artefact(
    root: Path,
    path: Path,
    digest: str,
    key: Mapping[str, Any],
    files: Mapping[str, Content],
    figures: Mapping[str, Any] | None = None,
) -> Artefact:
    """Write the files and their manifest as one directory; if the name exists already, what is there is kept.

    Args:
        root: the store's root, for temporaries.
        path: final directory.
        digest: of the input key, in full.
        key: the input key itself, as JSON values.
        files: name -> array (``name.npy``), table (``name.parquet``), or a function that writes a file to a path.
        figures: what was measured; no clock, memory, run or person.

    Raises:
        StorageError: the file system refused.
    """
    with new_directory(root, path) as temporary:
        written = [_write(temporary, name, content) for name, content in files.items()]
        manifest = {
            "format": FORMAT,
            "digest": digest,
            "key": dict(key),
            "figures": dict(figures or {}),
            "files": {file.name: {"size": file.stat().st_size, "sha256": sha256_of(file)} for file in written},
        }
        (temporary / MANIFEST).write_bytes(canonical_json(manifest))
    return open_artefact(path, digest)


def open_artefact(path: Path, digest: str | None = None) -> Artefact:
    """Verify every file of a stored artefact against its manifest.

    Raises:
        NotStored: there is no such directory.
        CorruptArtefact: the manifest or a file is missing, foreign, of another size or of other bytes.
    """
    if not path.is_dir():
        raise NotStored(f"{path} does not exist. Run the step that makes it first.")
    manifest = read_manifest(path)
    if digest is not None and manifest["digest"] != digest:
        raise _corrupt(path / MANIFEST, f"is of {manifest['digest'][:12]}, not of {digest[:12]}")
    for name, expected in manifest["files"].items():
        _verify(path / name, expected["size"], expected["sha256"])
    return Artefact(path, manifest)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a stored directory, checked for its shape.

    Raises:
        CorruptArtefact: it is missing, unreadable, of another format, or names a file outside its directory.
    """
    file = path / MANIFEST
    try:
        if file.is_symlink() or file.stat().st_size > _MANIFEST_LIMIT:
            raise _corrupt(file, "is not a plain manifest")
        manifest = json.loads(file.read_bytes())
        names = list(manifest["files"])
        sound = manifest["format"] == FORMAT and isinstance(manifest["digest"], str) and "figures" in manifest
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(file, f"is missing or unreadable ({type(error).__name__})") from None
    if not sound or any(Path(name).name != name or name in ("", ".", "..") for name in names):
        raise _corrupt(file, f"is not of format {FORMAT}, or names a file outside its directory")
    return dict(manifest)


def _write(directory: Path, name: str, content: Content) -> Path:
    if isinstance(content, pa.Table):
        path = directory / f"{name}.parquet"
        pq.write_table(content, path, compression="zstd", store_schema=False)
    elif isinstance(content, np.ndarray):
        path = directory / f"{name}.npy"
        np.save(path, content, allow_pickle=False)
    else:
        path = directory / name
        content(path)
    return path


def _verify(path: Path, size: int, sha256: str) -> None:
    if path.is_symlink() or not path.is_file():
        raise _corrupt(path, "is missing")
    found = path.stat().st_size
    if found != size:
        raise _corrupt(path, f"has {found} bytes where its manifest says {size}")
    if sha256_of(path) != sha256:
        raise _corrupt(path, "differs from the checksum in its manifest")


def _corrupt(path: Path, what: str) -> CorruptArtefact:
    return CorruptArtefact(
        f"{path} {what}. Restore it, or remove its directory and rerun the day; the live release was not touched."
    )
