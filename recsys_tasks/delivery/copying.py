"""Rows of Arrow as the CSV that COPY reads, a batch at a time: a delivery is larger than the memory of a task."""

from collections.abc import Callable, Iterable

import pyarrow as pa
from pyarrow import csv

CSV = csv.WriteOptions(include_header=False)
"""Texts are quoted and nulls are not, which is how COPY tells an empty text from a null."""


class RowsAsCsv:
    """A file to read from, as ``copy_expert`` wants it."""

    def __init__(self, batches: Iterable[pa.RecordBatch], told: Callable[[int], None]) -> None:
        """What is read.

        Args:
            batches: of rows, in the order of the table's columns.
            told: called with the number of rows that were handed over so far, after each batch.
        """
        self._batches, self._told = iter(batches), told
        self._rest = memoryview(b"")
        self.rows = 0

    def read(self, size: int) -> bytes:
        """The next bytes, at the most so many; none at the end."""
        while not self._rest:
            batch = next(self._batches, None)
            if batch is None:
                return b""
            buffer = pa.BufferOutputStream()
            csv.write_csv(batch, buffer, CSV)
            self._rest = memoryview(buffer.getvalue())
            self.rows += batch.num_rows
            self._told(self.rows)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)
