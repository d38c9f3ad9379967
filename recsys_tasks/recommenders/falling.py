"""Places by falling score. Scores and places are sorted as one whole number each, which numpy does several times as
fast as it finds an order."""

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray

PLACE_BITS = 32
"""Bits of a place beside its score, or its column, in one number."""
Numbers = npt.NDArray[np.int64]


def falling(scores: FloatArray) -> Numbers:
    """Places of each row by falling score, equal ones in their order. scores: (n_rows, n_places) float32, no NaN."""
    keys = rising_keys(scores) << PLACE_BITS
    keys |= np.arange(scores.shape[1])
    keys.sort(axis=1)
    keys &= (1 << PLACE_BITS) - 1
    return keys


def rising_keys(scores: FloatArray) -> Numbers:
    """Whole numbers of 32 bits and a sign, which rise as scores fall, and are equal where these are. float32, no NaN.

    The bits of a number of float32 rise with it, and fall where it is below zero.
    """
    bits = np.add(scores, np.float32(0), dtype=np.float32).view(np.int32)  # there is one zero now, not two
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    return ~bits.astype(np.int64)
