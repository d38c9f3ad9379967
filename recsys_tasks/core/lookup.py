"""Where ids, numbers and cells stand among others."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse


def places_in(among: pa.Array, ids: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Where each id stands among others, which are of the same type; -1: nowhere, or it is null. (n_ids,)."""
    if len(among) == 0 or len(ids) == 0:
        return np.full(len(ids), -1, dtype=np.int64)
    return np.asarray(pc.fill_null(pc.index_in(ids, value_set=among), -1)).astype(np.int64)


def are_in(rising: npt.NDArray[np.integer[Any]], values: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    """Which values stand in rising numbers: ``isin`` would sort these first. As ``values``."""
    if not len(rising):
        return np.zeros(values.shape, dtype=np.bool_)
    return np.asarray(rising.take(rising.searchsorted(values), mode="clip") == values)


def are_cells(cols: npt.NDArray[np.integer[Any]], matrix: sparse.csr_matrix) -> npt.NDArray[np.bool_]:
    """Which columns of each row are cells of a matrix.

    Args:
        cols: (n_rows, k), -1 for none.
        matrix: (n_rows, n_columns).
    """
    n_rows, n_columns = matrix.shape
    cells = np.repeat(np.arange(n_rows), np.diff(matrix.indptr)) * n_columns + matrix.indices
    cells.sort(kind="stable")  # quick where they are in order, as those of a canonical matrix are
    asked = np.arange(n_rows)[:, None] * n_columns + cols
    return np.asarray(are_in(cells, asked) & (cols >= 0))


def places_among(
    values: npt.NDArray[np.integer[Any]], wanted: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which of many whole numbers are among few wanted ones: their places, rising, and the places of their equals.

    A table of the last 16 bits of the wanted ones leaves few that are looked up.

    Args:
        values: (n,) whole numbers.
        wanted: (n_wanted,) whole numbers, rising, each once.
    """
    ends = np.zeros(1 << 16, dtype=bool)
    ends[wanted.astype(np.uint16)] = True
    places = np.flatnonzero(ends[values.astype(np.uint16)])
    equals = np.searchsorted(wanted, values[places])
    there = np.append(wanted, -1)[equals] == values[places]
    return places[there], equals[there]
