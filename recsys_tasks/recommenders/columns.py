"""Places by track column."""

import numpy as np

from recsys_tasks.core.domain import IntArray


def places_among(cols: IntArray, wanted: IntArray) -> tuple[IntArray, IntArray]:
    """Which of many whole numbers are among few wanted ones: their places, rising, and the places of their equals.

    A table of the last 16 bits of the wanted ones leaves few that are looked up.

    Args:
        cols: (n,) whole numbers, such as columns.
        wanted: (n_wanted,) whole numbers, rising, each once.
    """
    ends = np.zeros(1 << 16, dtype=bool)
    ends[wanted.astype(np.uint16)] = True
    places = np.flatnonzero(ends[cols.astype(np.uint16)])
    equals = np.searchsorted(wanted, cols[places])
    there = np.append(wanted, -1)[equals] == cols[places]
    return places[there], equals[there]
