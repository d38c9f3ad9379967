"""From play counts to the confidence of weighted matrix factorisation: c = 1 + a * w(plays)."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.errors import BadData


def confidence(plays: sparse.csr_matrix, config: AlsConfig) -> sparse.csr_matrix:
    """c_ui = 1 + a * w(min(plays, cap)) of the played cells. (n_users, n_tracks) float32.

    Raises:
        BadData: a cell is no positive count.
    """
    values = confidence_of(plays.data, config)
    cols, ends = (np.require(part, requirements="W") for part in (plays.indices, plays.indptr))
    return sparse.csr_matrix((values, cols, ends), shape=plays.shape)  # the library refuses arrays that are mapped


def confidence_of(plays: npt.NDArray[Any], config: AlsConfig) -> FloatArray:
    """c = 1 + a * w(min(plays, cap)) of each count. (n,) float32.

    Raises:
        BadData: as ``strength_of``.
    """
    values = strength_of(plays, config)
    values *= config.a
    values += 1
    return values


def strength_of(plays: npt.NDArray[Any], config: AlsConfig) -> FloatArray:
    """w(min(plays, cap)) of each count. (n,) float32.

    The library takes what it is given: it trains on negative, infinite and all-zero counts without a word.

    Raises:
        BadData: one is no positive count.
    """
    if plays.dtype.kind != "u" or not plays.all():
        raise BadData(f"The play matrix holds {plays.dtype} or a stored zero, and no positive counts. Fold it again.")
    values = plays.astype(np.float32)  # in place from here: a number for each pair, and no second one
    np.minimum(values, float(config.cap), out=values)
    if config.weight == "log":
        np.log1p(values, out=values)
    return values
