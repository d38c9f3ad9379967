"""The most popular tracks as a component: what every candidate has to beat, and what an unknown listener gets."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.popularity import first_of, first_unplayed, listeners_of, popular_order
from recsys_tasks.recommenders.base import Arrays, Candidates, Fit, Parent, Progress, TrainingData, unheard
from recsys_tasks.recommenders.vectors import Played, check_items, check_lists


class SameForAll(ABC):
    """A ``Retriever`` by a score that an item has for every listener; nobody is cold to it."""

    n_users: int

    @property
    @abstractmethod
    def item_scores(self) -> npt.NDArray[Any]:
        """(n_tracks,) score of each item; 0: it stands on no list."""

    @property
    @abstractmethod
    def order(self) -> npt.NDArray[np.int64]:
        """Columns by falling score, those left out that stand on no list."""

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``; whoever asks for a listener of no row at all may say so by any number."""
        n_users, order = len(user_rows), self.order
        check_lists(n_users, played, k)
        check_items(len(self.item_scores), played, allowed)
        if allowed is not None:
            order = order[allowed[order]]
        order = order[: k + int(np.diff(played.indptr).max(initial=0))]  # nobody needs to look further
        if n_users == 1:  # who waits for it
            first = first_of(order, played.cols, k)
            cols = np.append(first, np.full(k - len(first), -1))[None].astype(np.int32)
        else:
            cells = (np.ones(len(played.cols), np.uint8), played.cols, played.indptr)
            shape = (n_users, len(self.item_scores))
            cols = first_unplayed(order, sparse.csr_matrix(cells, shape=shape), k).astype(np.int32)
        found = np.where(cols >= 0, self.item_scores[cols], -np.inf).astype(np.float32)
        return Candidates(cols, found, np.ones(n_users, dtype=np.bool_))

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        return np.asarray(self.item_scores[item_cols], dtype=np.float32)

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: nobody."""
        return np.zeros(self.n_users, dtype=np.bool_)

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those that stand on no list."""
        return np.asarray(self.item_scores == 0)


@dataclass(frozen=True)
class PopularTracks(SameForAll):
    """An item's score is its number of listeners, the same for everybody; nobody is cold to it."""

    listeners: npt.NDArray[np.int64]  # (n_tracks,)
    n_users: int

    @property
    def item_scores(self) -> npt.NDArray[np.int64]:
        """As ``SameForAll``."""
        return self.listeners

    @cached_property
    def order(self) -> npt.NDArray[np.int64]:
        """As ``SameForAll``: by number of listeners; made when it is first asked for."""
        return popular_order(self.listeners)

    def files(self) -> Arrays:
        """As ``Component``."""
        return {"listeners": self.listeners, "n_users": np.array([self.n_users])}


class Popularity:
    """Counting listeners; a ``Recommender`` of ``PopularTracks``."""

    name = "popular"

    def identity(self) -> Json:
        """As ``Recommender``: there is nothing to choose."""
        return {}

    def fit(
        self, data: TrainingData, parent: Parent[PopularTracks] | None = None, progress: Progress = unheard
    ) -> Fit[PopularTracks]:
        """As ``Recommender``; a parent is of no use to it."""
        if data.plays.nnz == 0:
            raise BadData("Nothing was played, so no track is popular. Check the source and history_start.")
        return Fit(PopularTracks(listeners_of(data.plays), data.plays.shape[0]))

    def open(self, files: Arrays) -> PopularTracks:
        """As ``Recommender``."""
        return PopularTracks(np.asarray(files["listeners"]), int(files["n_users"][0]))

    def fold_in(self, component: PopularTracks, plays: sparse.csr_matrix, user_rows: IntArray) -> PopularTracks:
        """As ``Recommender``: the same for everybody, so nothing changes."""
        return component

    def recorded_loss(self, component: PopularTracks, plays: sparse.csr_matrix) -> None:
        """As ``Recommender``: counting has none."""
