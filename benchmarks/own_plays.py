"""Each listener's own plays as a retriever: what they play again."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.recommenders.base import Candidates
from recsys_tasks.recommenders.vectors import Played


@dataclass(frozen=True)
class Own:
    """Each listener's own plays, faded: of use only where repeats may be listed, and so no component of the library."""

    plays: sparse.csr_matrix

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``, of listeners who are shown everything."""
        cols, scores = np.full((len(user_rows), k), -1, np.int32), np.full((len(user_rows), k), -np.inf, np.float32)
        for place, row in enumerate(user_rows):
            own = slice(self.plays.indptr[row], self.plays.indptr[row + 1])
            best = np.argsort(-self.plays.data[own], kind="stable")[:k]
            cols[place, : len(best)] = self.plays.indices[own][best]
            scores[place, : len(best)] = self.plays.data[own][best]
        return Candidates(cols, scores, np.ones(len(user_rows), dtype=bool))

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        return np.asarray(self.plays[user_rows, item_cols], dtype=np.float32).ravel()

    def cold_users(self) -> BoolArray:
        """As ``Retriever``."""
        return np.diff(self.plays.indptr) == 0

    def cold_items(self) -> BoolArray:
        """As ``Retriever``."""
        return np.bincount(self.plays.indices, minlength=self.plays.shape[1]) == 0
