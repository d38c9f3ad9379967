"""The tracks in order of loudness, and what every search over them asks first.

Tracks without a factor (zero, or a negligible residue of the solver) are left out. The others lie in order of falling
factor norm, ties by track column; the place in this order is the rank, and the item number in the Annoy index.
"""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.errors import BadData, ConfigError

NEGLIGIBLE = 1e-6
"""A track whose norm is below this share of the loudest one's counts as a track without a factor."""


class Played(NamedTuple):
    """Tracks that each user is not to be shown: user u played ``cols[indptr[u]:indptr[u + 1]]``, as in a CSR matrix."""

    indptr: IntArray  # (n_users + 1,)
    cols: IntArray  # (n_pairs,) track columns

    def of(self, row: int) -> IntArray:
        """The track columns of one user."""
        return self.cols[self.indptr[row] : self.indptr[row + 1]]


@dataclass(frozen=True)
class RankedTracks:
    """The tracks in order of falling norm.

    Raises:
        BadData: the arrays do not fit together, the norms rise or are not positive, or a column appears twice.
    """

    rank_cols: npt.NDArray[np.int32]  # (n_indexed,) rank -> track column
    ranked_factors: FloatArray  # (n_indexed, n_factors)
    ranked_norms: FloatArray  # (n_indexed,) never rising
    n_tracks: int
    col_ranks: npt.NDArray[np.int32] = field(init=False, repr=False)  # (n_tracks,) column -> rank, -1: not indexed

    def __post_init__(self) -> None:
        for name in ("rank_cols", "ranked_factors", "ranked_norms"):  # slicing a memory map costs more than its page
            object.__setattr__(self, name, np.asarray(getattr(self, name)))
        size, cols, norms = len(self.rank_cols), self.rank_cols, self.ranked_norms
        if self.ranked_factors.ndim != 2 or not size == len(self.ranked_factors) == len(norms):
            raise BadData(
                f"{size} ranks, factors of shape {self.ranked_factors.shape} and {len(norms)} norms do not fit "
                "together. Build the index again."
            )
        if size and not (np.isfinite(norms[0]) and norms[-1] > 0 and (np.diff(norms) <= 0).all()):
            raise BadData("The track norms are not finite, positive and falling. Build the index again.")
        if size and not 0 <= cols.min() <= cols.max() < self.n_tracks:
            raise BadData(f"A rank points outside of the {self.n_tracks} tracks. Build the index again.")
        col_ranks = np.full(self.n_tracks, -1, dtype=np.int32)
        col_ranks[cols] = np.arange(size, dtype=np.int32)
        if np.count_nonzero(col_ranks >= 0) != size:
            raise BadData("Two ranks point at one track. Build the index again.")
        object.__setattr__(self, "col_ranks", col_ranks)

    def __len__(self) -> int:
        return len(self.rank_cols)


def rank_tracks(item_factors: FloatArray) -> RankedTracks:
    """Order the tracks with a factor by falling norm. item_factors: (n_tracks, n_factors) float32.

    Raises:
        BadData: a factor is not finite.
    """
    norms = row_norms(item_factors).astype(np.float32)  # (n_tracks,)
    if not np.isfinite(norms).all():
        raise BadData("A track factor is not finite. Train again from a cold start (--cold-start).")
    order = np.argsort(-norms, kind="stable")[: np.count_nonzero(has_direction(norms))]
    factors = np.ascontiguousarray(item_factors[order], dtype=np.float32)
    return RankedTracks(order.astype(np.int32), factors, norms[order], len(item_factors))


def has_direction(norms: npt.NDArray[np.floating[Any]]) -> BoolArray:
    """Whether a factor says anything: a norm under NEGLIGIBLE of the loudest is a residue of the solver. (n,).

    Annoy multiplies squared norms in float32: two such residues vanish, and the track is not even like itself.
    """
    norms = norms.astype(np.float32)  # as stored, so that every caller draws the same line
    return np.asarray(norms > NEGLIGIBLE * norms.max(initial=0.0))


def row_norms(vectors: FloatArray) -> npt.NDArray[np.float64]:
    """Euclidean norm of each row, summed in float64 so that tiny rows do not vanish. (n,)."""
    return np.asarray(np.sqrt(np.einsum("nf,nf->n", vectors, vectors, dtype=np.float64)))


def rounding(n_factors: int) -> float:
    """Largest error of a float32 inner product, as a share of the product of the two norms.

    gamma_n = n * u / (1 - n * u), u = 2**-24 (Higham, Accuracy and Stability of Numerical Algorithms, 2002, eq. 3.5);
    the four more terms cover the denominator and the rounding of the stored norms.
    """
    return (n_factors + 4) * 2.0**-24


def inner_products(user_vectors: FloatArray, factors: FloatArray, rows: IntArray) -> FloatArray:
    """Score of each listed row of ``factors``, the same bits in any batch; row -1 scores -inf. (n_users, k)."""
    scores = np.einsum("nf,nkf->nk", user_vectors, factors[rows], dtype=np.float64).astype(np.float32)
    return np.where(rows >= 0, scores, np.float32(-np.inf))


def _as_unsigned(numbers: IntArray) -> IntArray:
    """The same bits; a number below zero becomes one that is larger than all that are not."""
    return numbers.view(f"u{numbers.itemsize}")


def check_query(
    user_vectors: FloatArray, played: Played, k: int, allowed: BoolArray | None, shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Norms of the users, once the question fits a catalogue of ``shape`` (n_tracks, n_factors). (n_users,).

    Raises:
        BadData: shapes do not fit, or a vector is not finite.
        ConfigError: k is not positive.
    """
    n_tracks, n_factors = shape
    if k < 1:
        raise ConfigError(f"A list of {k} tracks was asked for. Ask for one or more.")
    if user_vectors.ndim != 2 or user_vectors.shape[1] != n_factors:
        raise BadData(f"User vectors of shape {user_vectors.shape} do not fit {n_factors} factors.")
    if len(played.indptr) != len(user_vectors) + 1 or played.indptr[-1] > len(played.cols):
        raise BadData(f"Played tracks of {len(played.indptr) - 1} users do not fit {len(user_vectors)} user vectors.")
    if len(played.cols) and _as_unsigned(played.cols).max() >= n_tracks:
        raise BadData(f"A played track lies outside of the {n_tracks} tracks.")
    if allowed is not None and allowed.shape != (n_tracks,):
        raise BadData(f"A choice of shape {allowed.shape} does not fit {n_tracks} tracks.")
    norms = row_norms(user_vectors)
    if not math.isfinite(norms.max(initial=0.0)):  # the largest of values with a NaN is NaN
        raise BadData("A user vector is not finite. Fold the user in again, or train from a cold start (--cold-start).")
    return norms
