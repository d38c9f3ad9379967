"""An artefact: one immutable directory of .npy, Parquet and other files, with a manifest that vouches for each of them.

Its name is the digest of its input key (what it was made from), so that a rerun finds it instead of making it again.
Its files are verified (size, then SHA-256) before anything reads or maps them.
"""

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.core.records import Json
from recsys_tasks.storage.files import Output, new_directory, sha256_of, write_file
from recsys_tasks.storage.manifest import LARGEST_MANIFEST, MANIFEST, Manifest, NotAManifest, StoredFile, parse_manifest
from recsys_tasks.storage.refusals import reading
from recsys_tasks.storage.stored_forms import unpacked_size

VERIFIED_TOGETHER, WRITTEN_TOGETHER = 2, 3
"""Files at a time: hashing keeps a core busy each, and whoever writes also waits for the disk."""


@dataclass(frozen=True)
class LocalFile:
    """A file in a workspace of the store; it becomes part of an artefact without being copied, and is gone there."""

    path: str


Content: TypeAlias = "npt.NDArray[Any] | pa.Table | LocalFile"
"""An array (``name.npy``), a table (``name.parquet``), or a file under the name it is given."""


_HEADERS = Lock()
"""One header of an array is read at a time: numpy parses it as Python, and of two threads that do so at once some
versions of Python 3.11 end one: "SystemError: AST constructor recursion depth mismatch"."""


@dataclass(frozen=True)
class Artefact:
    """A stored directory whose files were verified, or written just now."""

    path: Path
    manifest: Manifest
    held: object = field(default=None, compare=False, repr=False)
    """What keeps its files where they are while it, or an array that is mapped from it, lives; None: nothing removes
    them."""
    where: str = field(default="", compare=False)
    """Its address, where that is not its path."""

    @property
    def digest(self) -> str:
        """The digest of the input key."""
        return self.manifest.digest

    @property
    def key(self) -> Json:
        """The input key: what it was made from."""
        return self.manifest.key

    @property
    def figures(self) -> Json:
        """What was measured while it was made."""
        return self.manifest.figures

    def file(self, name: str) -> Path:
        """A file that was verified: nothing else that lies in the directory is ever read.

        Raises:
            CorruptArtefact: the manifest does not name it.
        """
        if name not in self.manifest.files:
            raise corrupt(self.path / name, "is not among the files of its manifest")
        return self.path / name

    def array(self, name: str, mapped: bool = False) -> npt.NDArray[Any]:
        """A stored .npy; mapped read-only instead of loaded when asked.

        Raises:
            CorruptArtefact: it is no array of this machine's numbers, or of another size than its header says.
        """
        file = self.file(f"{name}.npy")
        try:  # mapped in any case: to load it, numpy would first take all the memory that the header asks for
            with reading(file), _HEADERS:
                values = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, OverflowError):
            raise corrupt(file, "is no array of the size that its header says") from None
        if not isinstance(values, np.memmap) or not _are_numbers(values):
            raise corrupt(file, "is no array of this machine's numbers")
        if values.offset + values.nbytes != file.stat().st_size:
            raise corrupt(file, "is longer than its header says")
        values.held = self.held  # type: ignore[attr-defined]  # whatever is made of it keeps it, and so this
        return values if mapped else np.array(values)

    def table(self, name: str) -> pa.Table:
        """A stored Parquet table.

        Raises:
            CorruptArtefact: it is none.
        """
        file = self.file(f"{name}.parquet")
        try:
            with reading(file):
                return pq.read_table(file, memory_map=False)
        except (OSError, pa.ArrowException):
            raise corrupt(file, "is no Parquet table") from None

    @contextmanager
    def named(self) -> Iterator[None]:
        """Say of what breaks an invariant, though its files are those of the manifest, where it is stored."""
        try:
            yield
        except BadData as error:
            raise BadData(
                f"{error} It is stored in {self.where or self.path}: remove that directory and rerun the day."
            ) from None


def save_artefact(
    root: Path,
    path: Path,
    digest: str,
    key: Mapping[str, Any],
    files: Mapping[str, Content],
    figures: Mapping[str, Any] | None = None,
) -> Artefact:
    """Write the files and their manifest as one directory; if the name exists already, what is there is kept.

    What was just written is not read again: that would ask the page cache for the bytes that were put there, and every
    later reader verifies them anyway. What another writer left under the name is verified.

    Args:
        root: the store's root, for temporaries.
        path: final directory.
        digest: of the input key, in full.
        key: the input key itself, as JSON values.
        files: name -> content.
        figures: what was measured; no clock, memory, run or person.

    Raises:
        StorageError: the file system refused.
    """
    with new_directory(root, path) as directory:
        sealed = fill_artefact(directory.path, path.relative_to(root).as_posix(), digest, key, files, figures)
    return (
        Artefact(path, parse_manifest(sealed, path.as_posix())) if directory.was_free else open_artefact(path, digest)
    )


def fill_artefact(
    directory: Path,
    place: str,
    digest: str,
    key: Mapping[str, Any],
    files: Mapping[str, Content],
    figures: Mapping[str, Any] | None,
) -> bytes:
    """Write the files of an artefact, and its manifest last, into a directory that is there; the manifest as stored.

    Args:
        directory: where to.
        place: name of the artefact in its store.
        digest, key, files, figures: as for ``save_artefact``.
    """
    with ThreadPoolExecutor(WRITTEN_TOGETHER) as writers:  # hashing and writing let go of the interpreter
        written = dict(writers.map(lambda file: _write(directory, *file), files.items()))
    sealed = Manifest(digest, dict(key), dict(figures or {}), written, place).sealed()
    write_file(directory / MANIFEST, lambda output: output.write(sealed))
    return sealed


def open_artefact(path: Path, digest: str | None = None, only: Collection[str] = ()) -> Artefact:
    """Verify every file of a stored artefact against its manifest.

    Args:
        path: its directory.
        digest: of the input key that it must be of; None: of any.
        only: names of the files that are asked for; nothing else is verified, nor given. Empty: all of them.

    Raises:
        NotStored: there is no such directory.
        CorruptArtefact: the manifest or a file is missing, foreign, of another size or of other bytes.
        OSError: the file system does not give it.
    """
    if not path.is_dir():
        raise NotStored(f"{path} does not exist. Run the step that makes it first.")
    manifest = read_manifest(path)
    if digest is not None and manifest.digest != digest:
        raise corrupt(path / MANIFEST, f"is of {manifest.digest[:12]}, not of {digest[:12]}")
    if only:
        manifest = replace(manifest, files={name: file for name, file in manifest.files.items() if name in only})
    with ThreadPoolExecutor(VERIFIED_TOGETHER) as readers:  # hashing lets go of the interpreter
        for verified in [readers.submit(_verify, path / name, file) for name, file in manifest.files.items()]:
            verified.result()
    return Artefact(path, manifest)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a stored directory, checked for its shape and its checksum.

    Raises:
        CorruptArtefact: it is missing, altered, of another format or place, or names a file elsewhere.
        OSError: the file system does not give it.
    """
    file = path / MANIFEST
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_MANIFEST:
            raise NotAManifest("is not a plain manifest")
        return parse_manifest(file.read_bytes(), path.as_posix())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise corrupt(file, "is missing") from None
    except NotAManifest as error:
        raise corrupt(file, str(error)) from None


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as it is stored."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", store_schema=False)
    return bytes(buffer.getvalue().to_pybytes())


def _write(directory: Path, name: str, content: Content) -> tuple[str, StoredFile]:
    """Write one file; its name, and what the manifest says of it."""
    unpacked = None
    if isinstance(content, pa.Table):
        stored, unpacked = f"{name}.parquet", unpacked_size(content)
        size, sha256 = write_file(directory / stored, lambda output: output.write(parquet_bytes(content)))
    elif isinstance(content, np.ndarray):
        _check_numbers(name, content)
        stored = f"{name}.npy"
        size, sha256 = write_file(directory / stored, lambda output: _save_array(output, content))
    else:
        stored = name
        os.rename(content.path, directory / stored)
        size, sha256 = (directory / stored).stat().st_size, sha256_of(directory / stored)
    return stored, StoredFile(size, sha256, unpacked)


def _check_numbers(name: str, values: npt.NDArray[Any]) -> None:
    """Check that an array is one that ``Artefact.array`` gives again.

    Raises:
        BadData: it holds something else than this machine's numbers.
    """
    if not _are_numbers(values):
        raise BadData(f"{name}.npy would hold {values.dtype}, and nobody reads anything but numbers there.")


def _are_numbers(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind in "iuf" and values.dtype.isnative


def _save_array(output: Output, values: npt.NDArray[Any]) -> None:
    """The bytes of ``np.save``, which would copy the array piece by piece on its way."""
    header = np.lib.format.header_data_from_array_1_0(values)
    np.lib.format.write_array_header_1_0(output, header)
    if values.size:
        stored = values.T if header["fortran_order"] else np.ascontiguousarray(values)
        output.write(stored.data.cast("B"))


def _verify(path: Path, expected: StoredFile) -> None:
    if path.is_symlink() or not path.is_file():
        raise corrupt(path, "is missing")
    found = path.stat().st_size
    if found != expected.size:
        raise corrupt(path, f"has {found} bytes where its manifest says {expected.size}")
    if sha256_of(path) != expected.sha256:
        raise corrupt(path, "differs from the checksum in its manifest")


def corrupt(path: Path | str, what: str) -> CorruptArtefact:
    """The error of a stored file. path: where it lies; what: is wrong with it, as a predicate."""
    return CorruptArtefact(
        f"{path} {what}. Restore it, or remove its directory and rerun the day; the live release was not touched."
    )
