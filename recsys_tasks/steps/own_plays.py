"""Each listener's own plays of a track, faded to the day of the data: what the products call on repeat."""

from datetime import timedelta

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import FloatArray, PlayMatrix
from recsys_tasks.matrix.play_matrix import day_counts
from recsys_tasks.steps.workplace import Workplace

HALF_LIVES = 4
"""Dates of so many half-lives are read one by one; all plays before them count as if they were of the last of these
days, a sixteenth: they only order the tracks that were not played since."""


def own_plays(at: Workplace, matrix: PlayMatrix, half_life_days: float) -> FloatArray:
    """Faded plays of each pair, in the order of the matrix. (n_pairs,).

    Args:
        at: where the partitions are.
        matrix: of the day that the plays fade to.
        half_life_days: after so many days a play counts half.
    """
    newest = matrix.chain[-1][0]
    first = newest - timedelta(days=round(HALF_LIVES * half_life_days))
    late = 0.5**HALF_LIVES
    total = sparse.csr_matrix(
        (matrix.counts.data * np.float32(late), matrix.counts.indices, matrix.counts.indptr), matrix.counts.shape
    )
    for day, digest in matrix.chain:
        if day > first:
            counts = day_counts(at.partitions.load(day, digest), matrix.users, matrix.tracks).astype(np.float32)
            total = total + counts * np.float32(0.5 ** ((newest - day).days / half_life_days) - late)
    return np.asarray(total.data, dtype=np.float32)
