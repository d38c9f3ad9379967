"""Factor vectors: their norms, their inner products with rounding bounds, and the checks of a query over them."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData, ConfigError

NEGLIGIBLE = 1e-6
"""Share of the largest norm: a track with less counts as a track without a factor. The solver leaves such residues, of
about 1e-9, for tracks that no listener of the training plays."""


class Played(NamedTuple):
    """Tracks that each user is not shown: user u played ``cols[indptr[u]:indptr[u + 1]]``, as in a CSR matrix."""

    indptr: IntArray  # (n_users + 1,)
    cols: IntArray  # (n_pairs,) track columns

    def of(self, row: int) -> IntArray:
        """The track columns of one user."""
        return self.cols[self.indptr[row] : self.indptr[row + 1]]

    def lengths(self, rows: IntArray) -> npt.NDArray[np.int64]:
        """Number of columns of each of some users: ``diff`` would go through those of everybody. (n_rows,)."""
        return (self.indptr[np.asarray(rows) + 1] - self.indptr[rows]).astype(np.int64)

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        """The user of each pair, from 0. (n_pairs,)."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def places(self, rows: IntArray) -> IntArray:
        """Where the columns of some users stand in ``cols``, user by user."""
        starts, lengths = self.indptr[rows], self.lengths(rows)
        before = np.cumsum(lengths) - lengths
        return np.asarray(np.arange(lengths.sum()) + np.repeat(starts - before, lengths))

    def rows(self, wanted: IntArray) -> "Played":
        """Those of some users, in this order; row -1 played nothing."""
        known = wanted[wanted >= 0]
        lengths = np.zeros(len(wanted), dtype=np.int64)
        lengths[wanted >= 0] = self.indptr[known + 1] - self.indptr[known]
        return Played(np.concatenate([[0], np.cumsum(lengths)]), self.cols[self.places(known)])

    def where(self, kept: BoolArray) -> "Played":
        """Some of the columns of everybody. kept: (n_pairs,)."""
        return Played(np.concatenate([[0], np.cumsum(kept)])[self.indptr], self.cols[kept])

    def thinned(self, most: int) -> "Played":
        """Of each user at most so many columns, evenly spread over all that the user has."""
        lengths = np.diff(self.indptr).astype(np.int64)
        if lengths.max(initial=0) <= most:
            return self
        kept = np.minimum(lengths, most)
        ends = np.cumsum(kept)
        place = np.arange(kept.sum()) - np.repeat(ends - kept, kept)
        places = np.repeat(self.indptr[:-1], kept) + place * np.repeat(lengths, kept) // np.repeat(kept, kept)
        return Played(np.concatenate([[0], ends]), self.cols[places])


def evenly_spread(rows: IntArray, most: int) -> IntArray:
    """At most so many of some rows, evenly spread over all of them: every second, every third, and so on."""
    return rows[:: max(1, -(-len(rows) // most))]


def has_direction(norms: npt.NDArray[np.floating[Any]]) -> BoolArray:
    """Whether each factor has a direction: a norm under NEGLIGIBLE of the largest is a residue of the solver. (n,).

    Annoy multiplies squared norms in float32: those of two residues vanish, and the track is not even like itself.
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
    """Scores of the listed rows (n_users, k) of ``factors``, with the same bits in any batch; row -1 scores -inf."""
    scores = np.einsum("nf,nkf->nk", user_vectors, factors.take(rows, axis=0), dtype=np.float64).astype(np.float32)
    return np.where(rows >= 0, scores, np.float32(-np.inf))


def _as_unsigned(numbers: IntArray) -> IntArray:
    """The same bits; a number below zero becomes one that is larger than all that are not."""
    return numbers.view(f"u{numbers.itemsize}")


def check_lists(n_users: int, played: Played, k: int) -> None:
    """Check what every retriever is asked.

    Args:
        n_users: how many listeners are asked about.
        played: items that each of them is not to be shown.
        k: length of the lists.

    Raises:
        BadData: there are played items of more or fewer listeners.
        ConfigError: k is not positive.
    """
    if k < 1:
        raise ConfigError(f"A list of {k} tracks was asked for. Ask for one or more.")
    if len(played.indptr) != n_users + 1 or played.indptr[-1] > len(played.cols):
        raise BadData(f"Played tracks of {len(played.indptr) - 1} users do not fit {n_users} listeners.")


def check_items(n_items: int, played: Played, allowed: BoolArray | None) -> None:
    """Check that what every retriever is asked fits its items: a column beyond them may mean another listener's track.

    Args:
        n_items: how many there are.
        played: items that each listener is not to be shown.
        allowed: (n_items,) items to choose from; None: all.

    Raises:
        BadData: a played item lies outside, or the choice is of more or fewer items.
    """
    if len(played.cols) and _as_unsigned(played.cols).max() >= n_items:
        raise BadData(f"A played track lies outside of the {n_items} tracks.")
    if allowed is not None and allowed.shape != (n_items,):
        raise BadData(f"A choice of shape {allowed.shape} does not fit {n_items} tracks.")


def check_query(
    user_vectors: FloatArray, played: Played, k: int, allowed: BoolArray | None, shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Check that a query fits a catalogue.

    Args:
        user_vectors: (n_users, n_factors) float32.
        played: track columns that each user is not shown.
        k: length of the lists.
        allowed: (n_tracks,) the tracks to choose from; None: all.
        shape: of the catalogue, (n_tracks, n_factors).

    Returns:
        The norms of the users, (n_users,).

    Raises:
        BadData: shapes do not fit, or a vector is not finite.
        ConfigError: k is not positive.
    """
    n_tracks, n_factors = shape
    if user_vectors.ndim != 2 or user_vectors.shape[1] != n_factors:
        raise BadData(f"User vectors of shape {user_vectors.shape} do not fit {n_factors} factors.")
    check_lists(len(user_vectors), played, k)
    check_items(n_tracks, played, allowed)
    norms = row_norms(user_vectors)
    if not math.isfinite(norms.max(initial=0.0)):  # the largest of values with a NaN is NaN
        raise BadData("A user vector is not finite. Fold the user in again, or train from a cold start (--cold-start).")
    return norms
