"""The Parquet files of a product: rows in the order of its key, a new file after so many listeners."""

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.core.errors import StorageError

LISTENERS_PER_FILE = 1_000_000
SUFFIX = ".parquet"


class ProductFiles:
    """Writes ``<product>-<n>.parquet`` into a folder."""

    def __init__(self, folder: str, product: str, schema: pa.Schema, most: int = LISTENERS_PER_FILE) -> None:
        """Where they go.

        Args:
            folder: of the files.
            product: how their names begin.
            schema: of the rows.
            most: listeners of a file.
        """
        self._folder, self._product, self.schema, self._most = Path(folder), product, schema, most
        self._writer: pq.ParquetWriter | None = None
        self._listeners = 0
        self.names: list[str] = []
        self.rows = 0

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._guarded(self._writer.close)

    def write(self, rows: pa.Table, listeners: int) -> None:
        """Add rows of so many listeners.

        Raises:
            StorageError: the disk is full, or does not take them.
        """
        if self._listeners and self._listeners + listeners > self._most:
            self._begin()
        assert self._writer is not None  # noqa: S101 - made on entering
        self._guarded(self._writer.write_table, rows)
        self._listeners, self.rows = self._listeners + listeners, self.rows + rows.num_rows

    def _begin(self) -> None:
        if self._writer is not None:
            self._guarded(self._writer.close)
        self.names.append(f"{self._product}-{len(self.names) + 1:03}{SUFFIX}")
        file = str(self._folder / self.names[-1])
        self._writer = self._guarded(pq.ParquetWriter, file, self.schema, compression="zstd", compression_level=1)
        self._listeners = 0

    def _guarded(self, act: object, *args: object, **more: object) -> object:
        try:
            return act(*args, **more)  # type: ignore[operator]
        except OSError as error:
            raise StorageError(
                f"{self._folder}: {error.strerror or 'the disk refused'}. Make room, then retry."
            ) from None
