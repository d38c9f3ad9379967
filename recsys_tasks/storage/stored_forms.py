"""Play counts and vocabularies in the form in which they are stored: digests, sizes, Arrow tables."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Ids, PlayCounts, Vocabulary
from recsys_tasks.core.errors import BadData


def counts_digest(counts: PlayCounts) -> str:
    """Digest of the counts themselves, whatever the file format or library version that stores them."""
    columns = [_bytes_digest(ids) for ids in (counts.user_ids, counts.track_ids)]
    return digest_of("partition", len(counts), columns, hashlib.sha256(counts.plays.tobytes()).hexdigest())


def no_plays(user_ids: pa.DataType, track_ids: pa.DataType) -> PlayCounts:
    """Play counts of zero rows, of these types of ids."""
    return PlayCounts(pa.array([], user_ids), pa.array([], track_ids), np.zeros(0, np.uint32))


def _bytes_digest(ids: Ids) -> str:
    if pa.types.is_integer(ids.type):
        return hashlib.sha256(np.asarray(ids).astype("<i8").tobytes()).hexdigest()
    lengths: npt.NDArray[Any] = np.asarray(pc.binary_length(ids), dtype="<i8")
    return hashlib.sha256(lengths.tobytes() + "".join(ids.to_pylist()).encode()).hexdigest()


NO_PLAYS = counts_digest(no_plays(pa.int64(), pa.int64()))
"""Digest of play counts of zero rows, whatever the types of their ids."""


def vocabulary_table(vocabulary: Vocabulary) -> pa.Table:
    """A vocabulary as it is stored."""
    return pa.table({"id": vocabulary.ids, "first_day": vocabulary.first_days})


def vocabulary_of(table: pa.Table) -> Vocabulary:
    """A vocabulary as it was stored.

    Raises:
        BadData: an id stands twice, or is null.
    """
    ids = as_ids(table.column("id"))
    twice = _standing_twice(ids)
    if twice:
        raise BadData(f"A vocabulary of {len(ids)} rows holds {twice} ids a second time.")
    return Vocabulary(ids, np.asarray(table.column("first_day")).astype(np.int32))


def _standing_twice(ids: Ids) -> int:
    """How many of the ids stand there a second time. A sort of numbers takes a tenth of what a hash table takes."""
    if pa.types.is_integer(ids.type) and not ids.null_count:
        ordered = np.sort(np.asarray(ids))
        return int(np.count_nonzero(ordered[1:] == ordered[:-1]))
    return len(ids) - len(pc.unique(ids))


def unpacked_size(table: pa.Table) -> int:
    """Bytes that the values of a table take in memory: of the values alone, not of how Arrow came to hold them."""
    return sum(map(_column_size, table.columns))


def _column_size(column: pa.ChunkedArray) -> int:
    if pa.types.is_string(column.type):
        return 4 * len(column) + int(pc.sum(pc.binary_length(column)).as_py() or 0)
    if pa.types.is_list(column.type):
        return 4 * len(column) + _column_size(pc.list_flatten(column))
    return len(column) * max(1, int(column.type.bit_width) // 8)


def as_ids(column: pa.ChunkedArray) -> Ids:
    """One Arrow array of a stored column."""
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
