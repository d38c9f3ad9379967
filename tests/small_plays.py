"""A small random play matrix, and ids for its rows and columns."""

import numpy as np
import pyarrow as pa
from scipy import sparse

from recsys_tasks.core.domain import Vocabulary


def random_plays(n_users=60, n_tracks=40, seed=3):
    """A small random play matrix."""
    rng = np.random.default_rng(seed)
    plays = sparse.random(n_users, n_tracks, 0.2, format="csr", rng=rng)
    plays.data = rng.integers(1, 50, len(plays.data)).astype(np.uint32)
    return plays


def vocabulary(n):
    """Ids 0 .. n-1."""
    return Vocabulary(pa.array(range(n), type=pa.int64()), np.zeros(n, np.int32))
