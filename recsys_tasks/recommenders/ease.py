"""EASE: what each track that a listener played says of another, beside all others that they played.

Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equations 6 to 8. With X the plays, here
x = log(1 + plays), and B the weights of least error |X - XB|^2 + lambda |B|^2 that have a diagonal of zero,

    P = (X'X + lambda I)^-1,    B_ij = -P_ij / P_jj,    the score of track j is the sum over played i of B_ij

We differ in three ways, so that it stays small: the tracks of most listeners take part alone, for P takes the cube of
their number; of each track the weights that are largest, either way, are kept; and a played track counts once.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits

from recsys_tasks.core.domain import IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.popularity import listeners_of, popular_order

ROWS_AT_ONCE = 512
"""Rows of a square of all tracks that are looked at together, which bounds what lies beside it in memory."""
Square = npt.NDArray[np.float64]


def ease(plays: sparse.csr_matrix, n_heard: int, regularization: float, nearest: int) -> sparse.csr_matrix:
    """The weights of least error, row i holding those of track i for others. (n_tracks, n_tracks) float32.

    One thread does it, so that the same plays give the same bytes.

    Args:
        plays: (n_users, n_tracks) play counts.
        n_heard: tracks that take part, those of most listeners: 8 bytes for each pair of them.
        regularization: lambda.
        nearest: weights that are kept of each track, the largest by absolute value.

    Raises:
        BadData: the weights are not finite.
    """
    n_tracks, head = plays.shape[1], np.sort(popular_order(listeners_of(plays))[:n_heard])
    with threadpool_limits(limits=1, user_api="blas"):
        inverse = _inverse(_gram(plays[:, head]), regularization)
    rows, cols, values = (np.concatenate(each) for each in zip(*_largest(inverse, nearest), strict=True))
    return sparse.csr_matrix((values, (head[rows], head[cols].astype(np.int32))), shape=(n_tracks, n_tracks))


def _gram(plays: sparse.csr_matrix) -> Square:
    """X'X. (n_heard, n_heard)."""
    x = sparse.csr_matrix((np.log1p(plays.data, dtype=np.float64), plays.indices, plays.indptr), shape=plays.shape)
    tracks = sparse.csr_matrix(x.T)
    gram = np.empty((x.shape[1],) * 2, order="F")
    for start in range(0, len(gram), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        gram[:, some] = (tracks @ tracks[some].T).toarray()
    return gram


def _inverse(gram: Square, regularization: float) -> Square:
    """(X'X + lambda I)^-1 in the place of X'X, its lower triangle alone.

    Raises:
        BadData: it has none that is finite.
    """
    gram[np.diag_indices_from(gram)] += regularization
    factor, failed = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    if failed:
        raise BadData(f"EASE finds no weights with ease_regularization = {regularization:g}. Give a larger one.")
    return np.asarray(lapack.dpotri(factor, lower=1, overwrite_c=1)[0])


def _largest(inverse: Square, nearest: int) -> list[tuple[IntArray, IntArray, npt.NDArray[np.float32]]]:
    """Rows, columns and values of the weights that are kept, some rows after the other."""
    n, found = len(inverse), []
    diagonal = np.diagonal(inverse).copy()
    for start in range(0, n, ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, n))
        weights = np.where(rows[:, None] >= np.arange(n), inverse[rows], inverse[:, rows].T) / -diagonal
        weights[np.arange(len(rows)), rows] = 0
        kept = np.argpartition(-np.abs(weights), min(nearest, n) - 1, axis=1)[:, :nearest]
        kept.sort(axis=1)
        values = np.take_along_axis(weights, kept, axis=1).astype(np.float32)
        there = values != 0
        found.append((np.broadcast_to(rows[:, None], kept.shape)[there], kept[there], values[there]))
    return found
