"""The loss of Hu, Koren and Volinsky (ICDM 2008, equation 3), of all pairs or estimated from some listeners.

    sum over all (u, i) of c_ui * (p_ui - x_u . y_i)^2  +  lambda * (sum |x_u|^2 + sum |y_i|^2)

divided by the sum of all c_ui, as ``implicit`` divides it. The cells that nobody played are not visited: with s = x . y
the sum of s^2 over all cells is trace(X'X Y'Y), so each played pair adds c * (1 - s)^2 - s^2 to it.

``implicit`` has a function for it, which takes two to three times as long where the factors do not fit into the cache
(it waits for one row after the other; here the rows of many pairs are fetched together), and whose last digits
depend on the order in which its threads finish. Fetching the tracks' rows is two thirds of the time here.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.matrix.row_ranges import PlayRows, rows_at, whole

BLOCK_PAIRS = 1 << 15
"""Pairs whose tracks' rows are fetched together: 5 MB at 40 factors, so that they stay in the cache."""
BLOCK_ROWS = 1 << 16
"""Rows of factors that are multiplied together: 21 MB in float64 at 40 factors."""


class Pairs(NamedTuple):
    """The played pairs of some listeners, who stand for all."""

    weighted: sparse.csr_matrix  # (n_chosen, n_tracks) float32, c_ui
    user_rows: npt.NDArray[np.int64]  # (n_chosen,) their rows among all users


def sampled_rows(cells: PlayRows, at_most: int) -> tuple[sparse.csr_matrix, npt.NDArray[np.int64]]:
    """Every n-th row, so that about ``at_most`` are left, and which these are: of all ages, as rows are in their order.

    cells: (n_users, n_tracks), of any meaning.
    """
    n_users = cells.shape[0]
    rows = np.arange(0, n_users, max(1, -(-n_users // at_most)))
    return whole(cells) if len(rows) == n_users else rows_at(cells, rows), rows


def loss_of(
    pairs: Pairs,
    users: FloatArray,
    tracks: FloatArray,
    regularization: float,
    threads: int,
    block_pairs: int = BLOCK_PAIRS,
    block_rows: int = BLOCK_ROWS,
) -> float:
    """The loss of factors, or its estimate where ``pairs`` are of some listeners; the same bits for any ``threads``.

    The part of the cells that nobody played, and that of lambda, are of all rows in either case.

    Args:
        pairs: whose plays are looked at.
        users: (n_users, n_factors), of all users.
        tracks: (n_tracks, n_factors).
        regularization: lambda.
        threads: that work on it, each with one of BLAS.
        block_pairs: pairs whose tracks' rows are fetched together.
        block_rows: rows of factors that are multiplied together.
    """
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:  # numpy lets go of the lock
        parts = pool.map(lambda part: _of_played(pairs, users, tracks, part), _alike(pairs.weighted, block_pairs))
        each_for = len(users) / max(1, len(pairs.user_rows))
        errors, extra = each_for * np.array([(0.0, 0.0), *parts]).sum(axis=0)
        user_squares, track_squares = pool.map(lambda rows: _gram(rows, block_rows), (users, tracks))
    squares = np.sum(user_squares * track_squares)
    norms = np.trace(user_squares) + np.trace(track_squares)
    return float((squares + errors + regularization * norms) / (extra + float(len(users)) * len(tracks)))


def _alike(weighted: sparse.csr_matrix, block_pairs: int) -> Iterator[IntArray]:
    """Rows with equally many pairs, of about ``block_pairs`` pairs in all; rows without a pair are left out."""
    counts = np.diff(weighted.indptr)
    rows = np.flatnonzero(counts)
    rows = rows[np.argsort(counts[rows], kind="stable")]
    sizes, firsts = np.unique(counts[rows], return_index=True)
    for n, alike in zip(sizes.tolist(), np.split(rows, firsts[1:]), strict=False):  # no size where there are no pairs
        together = max(1, block_pairs // n)
        yield from (alike[start : start + together] for start in range(0, len(alike), together))


def _of_played(pairs: Pairs, users: FloatArray, tracks: FloatArray, rows: IntArray) -> tuple[float, float]:
    """Of the pairs of rows that have equally many: the sum of c * (1 - s)^2 - s^2, and the sum of c - 1."""
    ends = pairs.weighted.indptr
    cells = ends[rows][:, None] + np.arange(ends[rows[0] + 1] - ends[rows[0]])  # (n_rows, n)
    track_vectors = np.take(tracks, pairs.weighted.indices[cells], axis=0)  # (n_rows, n, n_factors)
    user_vectors = users[pairs.user_rows[rows]]
    scores = np.matmul(track_vectors, user_vectors[:, :, None])[:, :, 0].astype(np.float64)
    weights = pairs.weighted.data[cells].astype(np.float64)
    return float(np.sum(weights * (1 - scores) ** 2 - scores**2)), float(np.sum(weights - 1))


def _gram(rows: FloatArray, block_rows: int) -> npt.NDArray[np.float64]:
    """rows' rows, summed in float64. (n_factors, n_factors)."""
    total: npt.NDArray[Any] = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), block_rows):
        part = rows[start : start + block_rows].astype(np.float64)
        total += part.T @ part
    return total
