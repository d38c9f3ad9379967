"""Factors asked through their index: the retriever that readers and the evaluation use."""

from dataclasses import dataclass

import numpy as np

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.recommenders.base import Candidates
from recsys_tasks.recommenders.vectors import Played, inner_products


@dataclass(frozen=True)
class IndexedFactors:
    """A ``Retriever`` over the factors of listeners and the search over those of tracks."""

    search: TwoTierSearch
    user_factors: FloatArray  # (n_users, n_factors), zero for a listener without an answer

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: what the search finds with its search parameters, exact where it says so."""
        found = self.search.find(self.user_factors[user_rows], played, k, allowed)
        return Candidates(found.cols, found.scores, found.exact)

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``: inner products, summed in float64."""
        ranks = self.search.tracks.col_ranks[item_cols]
        users, tracks = self.user_factors.take(user_rows, axis=0), self.search.tracks.ranked_factors
        return np.where(ranks >= 0, inner_products(users, tracks, ranks[:, None])[:, 0], np.float32(0))

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: those whose factors are zero."""
        return ~np.asarray(self.user_factors.any(axis=1), dtype=np.bool_)

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those that the index leaves out."""
        return np.asarray(self.search.tracks.col_ranks < 0)
