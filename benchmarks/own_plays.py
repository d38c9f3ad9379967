"""Each listener's own plays: as a retriever, faded, and as what trees put in order, of what is played again."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from benchmarks.joining import K
from benchmarks.recommender_logs import Fold, Lists, Numbers, Task
from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.evaluation.playing_again import spans
from recsys_tasks.recommenders.base import Candidates
from recsys_tasks.recommenders.played_again import habits, own_tracks, trees_of
from recsys_tasks.recommenders.ranker_features import Rows
from recsys_tasks.recommenders.vectors import Played

DAYS = 7
"""What is hidden of baskets, where repeats may be listed."""


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


class Asked(NamedTuple):
    """The own tracks of the listeners of a week, listener by listener. (n_rows,) each."""

    owners: Numbers  # places among the listeners
    cols: Numbers
    rows: Rows  # (n_rows, n_features)
    hits: BoolArray

    @classmethod
    def of(cls, week: Fold, half_life: float) -> "Asked":
        """Those of a week. half_life: the longest by which own plays are faded."""
        dates = week.dates
        own = own_tracks(dates.of_users(week.rows), week.cut, half_life, habits(dates, week.cut))
        users, cols = np.divmod(own.pairs, dates.n_tracks)
        return cls(np.searchsorted(week.rows, users), cols, own.rows, np.asarray(week.hidden[users, cols]).ravel() > 0)

    def lists(self, scores: npt.NDArray[np.floating], n: int) -> Lists:
        """The best of each of n listeners. (n, K), -1 where nothing is left."""
        order = np.lexsort((self.cols, -scores, self.owners))
        starts = np.searchsorted(self.owners, np.arange(n))
        places = np.arange(len(order)) - starts[self.owners]
        found = np.full((n, K), -1)
        found[self.owners[places < K], places[places < K]] = self.cols[order][places < K]
        return found


def own_by_trees(task: Task, half_life: float) -> list[Lists]:
    """Lists of each fold of the test: own tracks alone, put in order by trees that the days before it teach, as a
    service has them."""
    found = []
    for week in task.test:
        trees = trees_of([span.lesson for span in spans(week.dates, week.cut, DAYS, half_life)])
        asked = Asked.of(week, half_life)
        found.append(asked.lists(trees.scores(asked.rows), len(week.rows)))
    return found
