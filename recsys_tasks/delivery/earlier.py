"""What listeners were shown before, read from stored deliveries in step with the lists that are being made.

A delivery is sorted by listener, and so are the lists, so that one pass over each file is enough, and a batch of rows
is all that lies in memory.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks.core.domain import Ids, IntArray
from recsys_tasks.recommenders.vectors import Played

COLUMNS = ["user_id", "track_id"]
BATCH = 1 << 18
"""Rows that are read at a time."""


class ShownBefore:
    """The tracks of one delivery, taken up listener by listener in their order."""

    def __init__(self, files: Iterable[Path]) -> None:
        """files: of the delivery, in the order of their rows."""
        self._batches = _batches(files)
        self._rest = next(self._batches, None)

    def of(self, user_ids: Ids, track_ids: Ids) -> Played:
        """What some listeners were shown.

        Args:
            user_ids: (n,) rising, and beyond those of the call before.
            track_ids: (n_tracks,) of the columns to answer in; a track that is not among them is left out.

        Returns:
            For each of the n listeners, the columns.
        """
        types = {"user_id": user_ids.type, "track_id": track_ids.type}
        taken = self._take_through(user_ids[-1]) or pa.schema(types).empty_table()
        places = pc.index_in(taken["user_id"], value_set=user_ids)
        cols = pc.index_in(taken["track_id"], value_set=track_ids)
        both = pc.and_(pc.is_valid(places), pc.is_valid(cols))
        rows, found = (np.asarray(each.filter(both)) for each in (places, cols))
        return ragged(rows, found, len(user_ids))

    def _take_through(self, last: pa.Scalar) -> pa.Table | None:
        """The rows of everybody up to a listener that were not taken yet; None where there are none."""
        taken = []
        while self._rest is not None:
            n = pc.sum(pc.less_equal(self._rest["user_id"], last)).as_py() or 0
            taken.append(self._rest[:n])
            if n < len(self._rest):
                self._rest = self._rest[n:]
                break
            self._rest = next(self._batches, None)
        return pa.concat_tables(taken) if taken else None


def _batches(files: Iterable[Path]) -> Iterator[pa.Table]:
    for file in files:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(BATCH, columns=COLUMNS):
                yield pa.Table.from_batches([batch])


def ragged(rows: IntArray, cols: IntArray, n_rows: int) -> Played:
    """Pairs of row and column as columns by row."""
    order = np.argsort(rows, kind="stable")
    indptr = np.zeros(n_rows + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=n_rows), out=indptr[1:])
    return Played(indptr, cols[order].astype(np.int32))


def together(every: Iterable[Played], n_rows: int) -> Played:
    """The columns of several, by row."""
    found = list(every)
    rows = [each.owners for each in found]
    cols = [np.asarray(each.cols) for each in found]
    nothing = np.zeros(0, np.int64)
    return ragged(np.concatenate([nothing, *rows]), np.concatenate([nothing, *cols]), n_rows)
