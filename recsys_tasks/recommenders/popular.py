"""The most popular tracks as a component: what every candidate has to beat, and what an unknown listener gets."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.popularity import first_of, first_unplayed, listeners_of, popular_order
from recsys_tasks.recommenders.base import Arrays, Candidates, Fit, Parent, Progress, TrainingData, unheard
from recsys_tasks.recommenders.vectors import Played


@dataclass(frozen=True)
class PopularTracks:
    """An item's score is its number of listeners, the same for everybody; nobody is cold to it."""

    listeners: npt.NDArray[np.int64]  # (n_tracks,)
    n_users: int

    @cached_property
    def order(self) -> npt.NDArray[np.int64]:
        """Columns by falling number of listeners, those without any left out; made when it is first asked for."""
        return popular_order(self.listeners)

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``; whoever asks for a listener of no row at all may say so by any number."""
        return same_for_all(self.listeners, self.order, len(user_rows), played, k, allowed)

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        return np.asarray(self.listeners[item_cols], dtype=np.float32)

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: nobody."""
        return np.zeros(self.n_users, dtype=np.bool_)

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those without a listener."""
        return np.asarray(self.listeners == 0)

    def files(self) -> Arrays:
        """As ``Component``."""
        return {"listeners": self.listeners, "n_users": np.array([self.n_users])}


def same_for_all(
    scores: npt.NDArray[Any], order: IntArray, n_users: int, played: Played, k: int, allowed: BoolArray | None
) -> Candidates:
    """Lists where an item's score is the same for every listener.

    Args:
        scores: (n_tracks,) of each item.
        order: columns by falling score, those left out that stand on no list.
        n_users: how many listeners ask.
        played: items that each of them is not to be shown.
        k: length of a list.
        allowed: (n_tracks,) items to choose from; None: all.

    Raises:
        BadData: the played items are those of another number of listeners.
        ConfigError: k is not positive.
    """
    if k < 1:
        raise ConfigError(f"A list of {k} tracks was asked for. Ask for one or more.")
    if len(played.indptr) != n_users + 1:
        raise BadData(f"Played tracks of {len(played.indptr) - 1} users do not fit {n_users} listeners.")
    if allowed is not None:
        order = order[allowed[order]]
    order = order[: k + int(np.diff(played.indptr).max(initial=0))]  # nobody needs to look further
    if n_users == 1:  # who waits for it
        first = first_of(order, played.cols, k)
        cols = np.append(first, np.full(k - len(first), -1))[None].astype(np.int32)
    else:
        cells = (np.ones(len(played.cols), np.uint8), played.cols, played.indptr)
        cols = first_unplayed(order, sparse.csr_matrix(cells, shape=(n_users, len(scores))), k).astype(np.int32)
    found = np.where(cols >= 0, scores[cols], -np.inf).astype(np.float32)
    return Candidates(cols, found, np.ones(n_users, dtype=np.bool_))


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
