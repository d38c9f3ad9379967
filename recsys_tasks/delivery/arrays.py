"""The lists of a product as plain arrays, which a reader maps: a list is found by its place, without a search.

They are written from front to back, so that a disk that is full refuses a write: a mapped file would end the process.
"""

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.core.errors import StorageError
from recsys_tasks.products.lists import Cols
from recsys_tasks.repositories.deliveries import LISTS


class Kept(NamedTuple):
    """One kind of array: what it holds, and what stands for nothing."""

    name: str
    kind: type[np.int32] | type[np.float32]
    nothing: float


KEPT = (Kept(LISTS[0], np.int32, -1), Kept(LISTS[1], np.float32, -np.inf), Kept(LISTS[2], np.int32, -1))


class ListArrays:
    """Writes ``<product>_cols.npy``, ``<product>_scores.npy`` and ``<product>_reasons.npy`` into a folder."""

    def __init__(self, folder: str, product: str, n: int, k: int) -> None:
        """Where they go.

        Args:
            folder: of the files.
            product: how their names begin.
            n: number of lists.
            k: length of each.
        """
        self._folder, self._product, self._n, self._k = Path(folder), product, n, k
        self._open: list[tuple[BinaryIO, Kept]] = []
        self._written = 0
        self.names: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._write_nothing(self._n - self._written)
        finally:
            for file, _ in self._open:
                self._guarded(file.close)

    def write(self, places: IntArray, cols: Cols, scores: FloatArray, reasons: Cols | None = None) -> None:
        """Add some lists; at the places between these and those before there is none.

        Args:
            places: (n_lists,) rising, beyond those of the call before.
            cols: (n_lists, k) track columns.
            scores: (n_lists, k).
            reasons: (n_lists, k) track columns; None in every call: there are none.

        Raises:
            StorageError: the disk is full, or does not take them.
        """
        values = [each for each in (cols, scores, reasons) if each is not None]
        if not self._open:
            self._begin(len(values))
        if not len(places):
            return
        first = self._written
        for (file, kept), lists in zip(self._open, values, strict=True):
            block = np.full((int(places[-1]) + 1 - first, self._k), kept.nothing, kept.kind)
            block[np.asarray(places) - first] = lists
            self._put(file, block)
        self._written = int(places[-1]) + 1

    def _begin(self, n_arrays: int) -> None:
        for kept in KEPT[:n_arrays]:
            self.names.append(f"{self._product}_{kept.name}.npy")
            file: BinaryIO = self._guarded(open, self._folder / self.names[-1], "wb")
            self._open.append((file, kept))
            header = {"descr": np.dtype(kept.kind).str, "fortran_order": False, "shape": (self._n, self._k)}
            self._guarded(np.lib.format.write_array_header_1_0, file, header)

    def _write_nothing(self, lists: int) -> None:
        for file, kept in self._open:
            self._put(file, np.full((lists, self._k), kept.nothing, kept.kind))

    def _put(self, file: BinaryIO, block: npt.NDArray[Any]) -> None:
        self._guarded(file.write, block.reshape(-1).view(np.uint8).data)

    def _guarded(self, act: Any, *args: Any) -> Any:
        try:
            return act(*args)
        except OSError as error:
            raise StorageError(
                f"{self._folder}: {error.strerror or 'the disk refused'}. Make room, then retry."
            ) from None
