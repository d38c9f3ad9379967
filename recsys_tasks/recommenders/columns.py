"""Sums and places by track column: a listener's tracks have some thousands of neighbours, many of them twice."""

import numpy as np

from recsys_tasks.core.domain import FloatArray, IntArray

PLACE_BITS = 32
"""Bits of a place beside its column in one number."""


def summed(cols: IntArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Each column once, rising, and the sum of its values, added in float64 in the order given.

    Columns and places are sorted as one number each, which numpy does several times as fast as it finds an order.

    Args:
        cols: (n,) columns.
        values: (n,) theirs.
    """
    keys = cols.astype(np.int64) << PLACE_BITS
    keys |= np.arange(len(cols))
    keys.sort()
    rising = keys >> PLACE_BITS
    first = np.ones(len(cols), dtype=bool)
    np.not_equal(rising[1:], rising[:-1], out=first[1:])
    once = rising[first]
    ordered = values[keys & ((1 << PLACE_BITS) - 1)]
    return once, np.bincount(np.cumsum(first) - 1, ordered, len(once)).astype(np.float32)


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
