"""A few tracks of each listener of many, for who counts pairs of tracks: a listener of n tracks has n * n of them.

The few listeners of thousands of tracks would have most of all pairs, and tell little by each (the "interaction cut" of
Schelter, Boden and Markl, "Scalable similarity-based neighborhood methods with MapReduce", RecSys 2012). The sample is
a function of row and column alone, and shrinks as a listener plays more tracks: nobody else's plays move it, and what
is left was there the day before.
"""

import numpy as np
from scipy import sparse

from recsys_tasks.core.keyed_random import mix
from recsys_tasks.recommenders.in_blocks import blocks_of_work
from recsys_tasks.recommenders.vectors import Played

DRAWN_TOGETHER = 1_000_000
"""Plays at a time, which bounds the memory."""


def downsampled(plays: sparse.csr_matrix, most: int) -> sparse.csr_matrix:
    """A one for about ``most`` plays of each row that holds more, and for all of the others. (n_users, n_tracks) uint8.

    Args:
        plays: (n_users, n_tracks).
        most: to be expected of each row; the number that is left varies by its square root.
    """
    lengths = np.diff(plays.indptr).astype(np.int64)
    heavy, kept, played = np.flatnonzero(lengths > most), np.ones(plays.nnz, bool), Played(plays.indptr, plays.indices)
    for start, end in blocks_of_work(lengths[heavy], DRAWN_TOGETHER):
        rows = heavy[start:end]
        own, shares = lengths[rows], ((most << 32) // lengths[rows]).astype(np.uint64)
        places = played.places(rows)
        cells = np.repeat(rows.astype(np.uint64) << np.uint64(32), own)
        cells |= played.cols[places].astype(np.uint64)
        drawn = mix(cells) >> np.uint64(32) < np.repeat(shares, own)
        kept[places], lengths[rows] = drawn, np.add.reduceat(drawn, np.cumsum(own) - own, dtype=np.int64)
    cols = plays.indices[kept] if len(heavy) else plays.indices  # a place of each would take twice the memory of all
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return sparse.csr_matrix((np.ones(len(cols), np.uint8), cols, ends.astype(plays.indptr.dtype)), shape=plays.shape)
