"""Sums and places by track column: a listener's tracks have some thousands of neighbours, many of them twice."""

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.recommenders.falling import PLACE_BITS


def summed(
    cols: IntArray, values: FloatArray, sums: npt.NDArray[np.float64] | None = None
) -> tuple[IntArray, FloatArray]:
    """Each column once, rising, and the sum of its values, added in float64 in the order given.

    Args:
        cols: (n,) columns.
        values: (n,) theirs.
        sums: (n_columns,) zeros, which it leaves as such: with a place for each column nothing has to be put in order
            but the columns. Who sums for one listener alone would take longer to get it than it spares.
    """
    if sums is None:
        return _summed_in_order(cols, values)
    np.add.at(sums, cols, values.astype(np.float64))  # of another type it adds ten times as slowly
    once = np.sort(cols)
    once = once[_first_of_each(once)]
    found = sums.take(once)
    sums[once] = 0
    return once, found.astype(np.float32)


def _summed_in_order(cols: IntArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Columns and places are sorted as one number each, which numpy does several times as fast as it finds an order."""
    keys = cols.astype(np.int64) << PLACE_BITS
    keys |= np.arange(len(cols))
    keys.sort()
    rising = keys >> PLACE_BITS
    first = _first_of_each(rising)
    once = rising[first].astype(cols.dtype)
    ordered = values[keys & ((1 << PLACE_BITS) - 1)]
    return once, np.bincount(np.cumsum(first) - 1, ordered, len(once)).astype(np.float32)


def _first_of_each(rising: IntArray) -> BoolArray:
    """Which numbers differ from the one before."""
    first = np.ones(len(rising), dtype=bool)
    np.not_equal(rising[1:], rising[:-1], out=first[1:])
    return first


def places_among(cols: IntArray, wanted: IntArray) -> tuple[IntArray, IntArray]:
    """Which of many columns are among few wanted ones: their places, rising, and the places of their equals.

    A table of the last 16 bits of the wanted ones leaves few columns that are looked up.

    Args:
        cols: (n,) columns.
        wanted: (n_wanted,) columns, rising, each once.
    """
    ends = np.zeros(1 << 16, dtype=bool)
    ends[wanted.astype(np.uint16)] = True
    places = np.flatnonzero(ends[cols.astype(np.uint16)])
    equals = np.searchsorted(wanted, cols[places])
    there = np.append(wanted, -1)[equals] == cols[places]
    return places[there], equals[there]
