"""Rows of the source over COPY, as Arrow tables: streams of whole numbers in binary form, anything else as CSV.

Binary rows of one length are an array as they come, and cost the server less than digits do. Rows with texts have no
one length; Arrow reads their CSV on all cores, where Python would have to walk from one row to the next.
"""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from psycopg2 import sql
from pyarrow import csv

from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.source.connection import Cursor

INSTANT = pa.timestamp("us", tz="UTC")
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_EPOCH_US = 946_684_800_000_000
"""2000-01-01, from which PostgreSQL counts, in microseconds since 1970."""
# Before each value stands its length, -1 for a null. A stream has an event id or an instant, never both: all rows are
# of one length, and the same bytes are read in two ways.
_IDS = [("columns", ">i2"), ("user_bytes", ">i4"), ("user_id", ">i8"), ("track_bytes", ">i4"), ("track_id", ">i8")]
_LENGTHS = {"columns": 4, "user_bytes": 8, "track_bytes": 8}
_NAMED = np.dtype([*_IDS, ("event_bytes", ">i4"), ("event_id", ">i8"), ("instant_bytes", ">i4")])
_NAMELESS = np.dtype([*_IDS, ("event_bytes", ">i4"), ("instant_bytes", ">i4"), ("instant", ">i8")])


def copy_streams(
    cursor: Cursor, query: sql.Composable, types: dict[str, pa.DataType], table: str, block_bytes: int
) -> pa.Table:
    """Read the rows of ``streams_query``: user_id, track_id, event_id, and the instant where there is no event_id.

    Args: as ``copy_out`` takes them.

    Raises:
        SourceMismatch: the rows do not hold what their types promise.
    """
    if pa.string() in types.values():
        return copy_out(cursor, query, types, table, block_bytes)
    try:
        return _numbers(_received(cursor, query, "binary"))
    except ValueError:
        raise SourceMismatch(
            f"Rows of {table} come in another binary form than PostgreSQL's. Name a PostgreSQL server as the source."
        ) from None


def copy_out(
    cursor: Cursor, query: sql.Composable, types: dict[str, pa.DataType], table: str, block_bytes: int
) -> pa.Table:
    """Read the rows of a query as CSV; only SQL NULL becomes null.

    Args:
        cursor: of the snapshot that is read.
        query: what to read.
        types: Arrow type of each of its columns.
        table: where the rows come from, for the messages.
        block_bytes: Arrow reads the CSV in blocks of this size; one row must fit in one block.

    Raises:
        SourceMismatch: the rows do not hold what their types promise.
    """
    # The header names the columns, and keeps Arrow from taking a U+FEFF at the start of the first id for a mark.
    received = _received(cursor, query, "csv, HEADER")
    text = pa.types.is_string
    try:
        return csv.read_csv(
            pa.py_buffer(received),
            read_options=csv.ReadOptions(block_size=block_bytes),
            parse_options=csv.ParseOptions(newlines_in_values=any(text(each) for each in types.values())),
            convert_options=csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,  # COPY writes NULL as nothing and an empty text as ""
            ),
        )
    except pa.ArrowInvalid:  # its message quotes the value
        kinds = ", ".join(f"{name} {kind}" for name, kind in types.items())
        raise SourceMismatch(
            f"Rows of {table} cannot be read as {kinds}: text that is not UTF-8, or a row of more than "
            f"{block_bytes >> 20} MiB. Mend the rows, or leave them out in a view."
        ) from None


def _received(cursor: Cursor, query: sql.Composable, form: str) -> memoryview:
    """Receive all that the server sends of a query's rows."""
    received = io.BytesIO()
    cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT {})").format(query, sql.SQL(form)), received)
    return received.getbuffer()


def _numbers(received: memoryview) -> pa.Table:
    """Read streams from the binary form.

    Raises:
        ValueError: the bytes are not that.
    """
    rows = np.frombuffer(received[len(_HEADER) : -len(_TRAILER)], _NAMED)
    with ThreadPoolExecutor(1) as beside:  # NumPy reads without the interpreter's lock
        lengths = beside.submit(_are_of_one_length, rows)
        named = rows["event_bytes"] == 8
        nameless = rows.view(_NAMELESS)[~named]
        instants = np.zeros(len(rows), np.int64)
        instants[~named] = nameless["instant"] + _EPOCH_US
        columns = {name: pa.array(rows[name].astype(np.int64)) for name in ("user_id", "track_id")}
        columns["event_id"] = pa.array(rows["event_id"].astype(np.int64), mask=~named)
    if not (
        received[: len(_HEADER)] == _HEADER
        and received[-len(_TRAILER) :] == _TRAILER
        and lengths.result()
        and (rows["instant_bytes"][named] == -1).all()
        and (nameless["event_bytes"] == -1).all()
        and (nameless["instant_bytes"] == 8).all()
    ):
        raise ValueError("not the rows that were asked for")
    return pa.table(columns | {"instant": pa.array(instants, INSTANT, mask=named)})


def _are_of_one_length(rows: npt.NDArray[np.void]) -> bool:
    return all(bool((rows[name] == value).all()) for name, value in _LENGTHS.items())
