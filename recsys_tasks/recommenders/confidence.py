"""From play counts to the confidence of weighted matrix factorisation: c = 1 + a * w(plays)."""

import numpy as np
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import BadData

MOST_PAIRS = 2**31 - 1
"""Pairs of user and track that ``implicit`` can number, in 32 bits."""


def confidence(plays: sparse.csr_matrix, config: AlsConfig) -> sparse.csr_matrix:
    """c_ui = 1 + a * w(min(plays, cap)) of the played cells. (n_users, n_tracks) float32.

    The library takes what it is given: it trains on negative, infinite and all-zero counts without a word.

    Raises:
        BadData: nothing was played at all, so nothing can be learned; a cell is no positive count; there are more pairs
            than the library can number.
    """
    if plays.nnz == 0:
        raise BadData("The play matrix is empty: nothing can be learned from it. Check the source and history_start.")
    if plays.nnz > MOST_PAIRS:
        raise BadData(
            f"The play matrix has {plays.nnz:,} pairs, and the library can number {MOST_PAIRS:,}. Let the history "
            "begin later (source.history_start)."
        )
    if plays.data.dtype.kind != "u" or not plays.data.all():
        raise BadData(f"The play matrix holds {plays.dtype} or a stored zero, and no positive counts. Fold it again.")
    values = plays.data.astype(np.float32)  # in place from here: a number for each pair, and no second one
    np.minimum(values, float(config.cap), out=values)
    if config.weight == "log":
        np.log1p(values, out=values)
    values *= config.a
    values += 1
    cols, ends = (np.require(part, requirements="W") for part in (plays.indices, plays.indptr))
    return sparse.csr_matrix((values, cols, ends), shape=plays.shape)  # the library refuses arrays that are mapped
