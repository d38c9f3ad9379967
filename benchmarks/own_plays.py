"""Each listener's own plays: as a retriever, faded, and as what trees put in order, of what is played again."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from benchmarks.joining import K, grown, taught
from benchmarks.recommender_logs import OWN_HALF_LIVES, Fold, Lists, Numbers, Task
from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.recommenders.base import Candidates
from recsys_tasks.recommenders.ranker import Rows
from recsys_tasks.recommenders.recent import Recent
from recsys_tasks.recommenders.vectors import Played

OTHERS = 3
"""Of the tracks that were not played again every third teaches, as in the program's own trees."""
LATELY = (7.0, 30.0)
NAMES = [f"own, {days:g} days" for days in OWN_HALF_LIVES]
NAMES += [f"{what}, {days:g} days" for days in LATELY for what in ("listeners", "discoveries", "share that comes back")]
NAMES += ["listeners", "tracks of the listener"]


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
    def of(cls, week: Fold) -> "Asked":
        """Those of a week."""
        own = [sparse.csr_matrix(plays[week.rows]) for plays in week.own.values()]
        cols, lengths = own[0].indices.astype(np.int64), np.diff(own[0].indptr)
        owners = np.repeat(np.arange(len(lengths)), lengths)
        columns = [plays.data for plays in own]
        for days in LATELY:
            listeners, new = (week.recent[Recent(days, each)].sums[cols] for each in ("listeners", "discoveries"))
            columns += [listeners, new, 1 - new / np.maximum(listeners, 1e-9)]
        columns += [week.facts.listeners[cols], lengths[owners]]
        hits = np.asarray(week.hidden[week.rows][owners, cols]).ravel() > 0
        return cls(owners, cols, np.stack(columns, axis=1, dtype=np.float32, casting="unsafe"), hits)

    def lists(self, scores: npt.NDArray[np.floating], n: int) -> Lists:
        """The best of each of n listeners. (n, K), -1 where nothing is left."""
        order = np.lexsort((self.cols, -scores, self.owners))
        starts = np.searchsorted(self.owners, np.arange(n))
        places = np.arange(len(order)) - starts[self.owners]
        found = np.full((n, K), -1)
        found[self.owners[places < K], places[places < K]] = self.cols[order][places < K]
        return found

    def lesson(self) -> tuple[Rows, BoolArray, Numbers]:
        """What was played again, and some of the others: rows, which of them were, how many each listener has."""
        kept = self.hits | (np.arange(len(self.hits)) % OTHERS == 0)
        return self.rows[kept], self.hits[kept], np.unique(self.owners[kept], return_counts=True)[1]


def own_by_trees(task: Task) -> list[Lists]:
    """Lists of each fold of the test: own tracks alone, put in order by trees that its teachers teach."""
    trees = taught(task, lambda place: Asked.of(task.folds[place]).lesson(), partial(grown, NAMES))
    found = []
    for fold, each in zip(task.test, trees, strict=True):
        asked = Asked.of(fold)
        found.append(asked.lists(each.scores(asked.rows), len(fold.rows)))
    return found
