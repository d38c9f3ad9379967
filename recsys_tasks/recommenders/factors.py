"""User and item factors as a fitted component, and the factors that a training begins with."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.keyed_random import keyed_normals
from recsys_tasks.recommenders.base import Arrays, Candidates
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.vectors import Played, has_direction, row_norms

INITIAL_SCALE = 0.01
"""Standard deviation of the factors that a cold start draws; larger ones need more iterations."""


@dataclass(frozen=True)
class Factors:
    """A listener's score of an item is the inner product of their factors.

    Raises:
        BadData: the factors are of other shapes or types, or a number is not finite.
    """

    user_factors: FloatArray  # (n_users, n_factors)
    item_factors: FloatArray  # (n_tracks, n_factors)

    def __post_init__(self) -> None:
        if self.user_factors.ndim != 2 or self.user_factors.shape[1:] != self.item_factors.shape[1:]:
            raise BadData(
                f"Factors of shapes {self.user_factors.shape} and {self.item_factors.shape} do not fit together. "
                "Train again."
            )
        for kind, values in (("user", self.user_factors), ("item", self.item_factors)):
            if values.dtype != np.float32:
                raise BadData(f"The {kind} factors are {values.dtype}, and float32 is what they are. Train again.")
            bad = int((~np.isfinite(values)).any(axis=1).sum())
            if bad:
                raise BadData(f"{bad} {kind} factors are not finite. Train again from a cold start (--cold-start).")

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: the exact answer, by scoring every item."""
        asked = self.item_factors, self.user_factors[user_rows]
        top = exact_top(*asked, played, k, allowed, lengths=self._lengths)
        return Candidates(top.cols, top.scores, ~self.cold_users()[user_rows])

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``: inner products, summed in float64."""
        pairs = self.user_factors.take(user_rows, axis=0), self.item_factors.take(item_cols, axis=0)
        return np.asarray(np.einsum("nf,nf->n", *pairs, dtype=np.float64), dtype=np.float32)

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: those whose factors are zero."""
        return np.asarray(~self.user_factors.any(axis=1))

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those whose norm is a residue of the solver."""
        return np.asarray(~has_direction(self._lengths))

    @cached_property
    def _lengths(self) -> npt.NDArray[np.float64]:
        """Norms of the items' factors, which are many where few listeners ask at a time. (n_tracks,)."""
        return row_norms(self.item_factors)

    def files(self) -> Arrays:
        """As ``Component``."""
        return {"user_factors": self.user_factors, "item_factors": self.item_factors}

    def with_users(self, user_rows: IntArray, user_factors: FloatArray) -> "Factors":
        """The same items, some listeners with other factors. user_factors: (n_rows, n_factors)."""
        changed = self.user_factors.copy()
        changed[user_rows] = user_factors
        return replace(self, user_factors=changed)


def cold_factors(users: Vocabulary, tracks: Vocabulary, n_factors: int, seed: int) -> Factors:
    """Initial factors of every row, drawn from (seed, id): 0.01 * N(0, 1)."""
    return Factors(
        INITIAL_SCALE * keyed_normals(users.ids, seed, "user", n_factors),
        INITIAL_SCALE * keyed_normals(tracks.ids, seed, "track", n_factors),
    )


def warm_factors(
    parent: Factors, parent_users: Vocabulary, parent_tracks: Vocabulary, users: Vocabulary, tracks: Vocabulary
) -> Factors:
    """The parent's factors under today's row numbers, aligned by id; ids that it did not know start at zero."""
    return Factors(
        _aligned(parent.user_factors, parent_users, users), _aligned(parent.item_factors, parent_tracks, tracks)
    )


def _aligned(values: FloatArray, old: Vocabulary, new: Vocabulary) -> npt.NDArray[np.float32]:
    aligned = np.zeros((len(new), values.shape[1]), dtype=np.float32)
    if new.ids[: len(old)].equals(old.ids):  # an ordinary day only appends
        aligned[: len(old)] = values
        return aligned
    rows = old.rows_of(new.ids)
    known = rows >= 0
    aligned[known] = values[rows[known]]
    return aligned
