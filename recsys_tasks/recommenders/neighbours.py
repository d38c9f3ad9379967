"""Item-item neighbours as a component: a listener's tracks, and the tracks that are near to them.

Sarwar, Karypis, Konstan and Riedl, "Item-based collaborative filtering recommendation algorithms", WWW 2001: the score
of a track is the sum of its similarities to the tracks that the listener played. ``nearest_tracks`` finds these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.base import Arrays, Candidates
from recsys_tasks.recommenders.reached import Reached
from recsys_tasks.recommenders.vectors import Played, check_items, check_lists

LISTENERS_AT_ONCE = 256
"""Listeners whose tracks' neighbours are fetched and summed together. Of fewer the calls are so short that two threads
hand the interpreter's lock to and fro: of 64, a list of theirs takes a fifth more by the clock."""
BLOCKS_KEPT = 4
"""Blocks of so many listeners of whom a retriever knows what their tracks reach, eight bytes for each similarity: a
blend asks for candidates, then for scores of those of all components, and two threads may do so at a time."""
ASKED_TRACKS = 300
"""Tracks of a listener that are asked for their neighbours at the most, evenly spread over those that have any: the
list of one who played thousands would take tens of milliseconds, and be no better."""
PLAYED, PLAYED_BY, SIMILAR = "played", "played_indptr", ("similar", "similar_indptr", "similarities")


@dataclass(frozen=True)
class SimilarTracks:
    """The nearest tracks of each track.

    Raises:
        BadData: a similarity is not finite, or a column lies outside.
    """

    matrix: sparse.csr_matrix  # (n_tracks, n_tracks) float32: row i holds the similarities of the nearest of track i

    def __post_init__(self) -> None:
        cols, n_tracks = self.matrix.indices, self.matrix.shape[0]
        if not np.isfinite(self.matrix.data).all():
            raise BadData("A similarity of two tracks is not finite. Train again.")
        if len(cols) and not 0 <= cols.min() <= cols.max() < n_tracks:
            raise BadData(f"A neighbour lies outside of the {n_tracks} tracks. Train again.")

    def files(self, names: Sequence[str] = SIMILAR) -> Arrays:
        """Name -> array. names: of the columns, of where each row ends, and of the similarities."""
        return dict(zip(names, (self.matrix.indices, self.matrix.indptr, self.matrix.data), strict=True))

    def widened(self, n_items: int) -> "SimilarTracks":
        """The same with a row and a column for each item of a candidate; the others are near to nothing."""
        matrix = self.matrix
        if matrix.shape[0] >= n_items:
            return self
        indptr = np.append(matrix.indptr, np.full(n_items - matrix.shape[0], matrix.indptr[-1], matrix.indptr.dtype))
        return SimilarTracks(sparse.csr_matrix((matrix.data, matrix.indices, indptr), shape=(n_items, n_items)))

    @classmethod
    def of(cls, files: Arrays, names: Sequence[str] = SIMILAR) -> "SimilarTracks":
        """From its files, mapped or not. names: as for ``files``.

        Raises:
            BadData: they do not fit together.
        """
        cols, indptr, values = (np.asarray(files[name]) for name in names)
        ends = indptr[-1] if len(indptr) else -1
        if not ends == len(cols) == len(values) or indptr[0] != 0 or (np.diff(indptr) < 0).any():
            raise BadData("The neighbours of tracks do not fit together. Train again.")
        n_tracks = len(indptr) - 1
        return cls(sparse.csr_matrix((values, cols, indptr), shape=(n_tracks, n_tracks)))


@dataclass(frozen=True)
class Neighbours:
    """Scores by the tracks that each listener played; others than that listener's do not matter."""

    similar: SimilarTracks
    played: Played  # of the listeners, in the columns of the tracks

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: exact, for only tracks that are near to one of the listener's have a score. One that has a
        score of zero or less, as EASE gives, stands on no list."""
        check_lists(len(user_rows), played, k)
        check_items(self.similar.matrix.shape[0], played, allowed)
        cols, scores = np.empty((len(user_rows), k), np.int32), np.empty((len(user_rows), k), np.float32)
        exact = np.empty(len(user_rows), dtype=bool)
        for start in range(0, len(user_rows), LISTENERS_AT_ONCE):
            some = np.arange(start, min(start + LISTENERS_AT_ONCE, len(user_rows)))
            reached = self._reached(tuple(user_rows[some].tolist()))
            cols[some], scores[some] = reached.best(k, played.rows(some), allowed)
            exact[some] = np.diff(reached.ends) > 0
        return Candidates(cols, scores, exact)

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        by_user = np.argsort(user_rows, kind="stable")  # as good as nothing to do where they rise
        is_first = np.diff(user_rows[by_user], prepend=-1) > 0
        starts, owners = np.flatnonzero(is_first), np.cumsum(is_first) - 1
        listeners, scores = user_rows[by_user[starts]].tolist(), np.empty(len(user_rows), dtype=np.float32)
        for start in range(0, len(listeners), LISTENERS_AT_ONCE):
            asked = tuple(listeners[start : start + LISTENERS_AT_ONCE])
            own = slice(*np.append(starts, len(owners))[[start, start + len(asked)]])
            scores[by_user[own]] = self._reached(asked).of(owners[own] - start, item_cols[by_user[own]])
        return scores

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: those of whose tracks none has a neighbour."""
        near = np.diff(self.similar.matrix.indptr).astype(np.float32)
        cells = np.ones(len(self.played.cols), dtype=np.float32), self.played.cols, self.played.indptr
        return np.asarray(sparse.csr_matrix(cells, shape=(len(self.played.indptr) - 1, len(near))) @ near == 0)

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those that are no track's neighbour."""
        return np.asarray(np.bincount(self.similar.matrix.indices, minlength=self.similar.matrix.shape[0]) == 0)

    def files(self) -> Arrays:
        """As ``Component``."""
        return {**self.similar.files(), PLAYED: self.played.cols, PLAYED_BY: self.played.indptr}

    @cached_property
    def _reached(self) -> Callable[[tuple[int, ...]], Reached]:
        """What the tracks of some listeners reach; what was asked of late is kept."""
        return lru_cache(BLOCKS_KEPT)(partial(_reached_by, self.similar, self.played))


def _reached_by(similar: SimilarTracks, played: Played, rows: tuple[int, ...]) -> Reached:
    near = Played(similar.matrix.indptr, similar.matrix.indices)
    return Reached.by(_asked(played.rows(np.array(rows, dtype=np.int64)), near), similar.matrix)


def _asked(own: Played, near: Played) -> Played:
    """The tracks of each listener that are asked. near: the neighbours of each track."""
    if np.diff(own.indptr).max(initial=0) <= ASKED_TRACKS:
        return own
    return own.where(near.lengths(own.cols) > 0).thinned(ASKED_TRACKS)


class ByPlayedTracks:
    """What every ``Recommender`` of ``Neighbours`` does alike: its items know no listener."""

    def open(self, files: Arrays) -> Neighbours:
        """As ``Recommender``."""
        return Neighbours(SimilarTracks.of(files), Played(np.asarray(files[PLAYED_BY]), np.asarray(files[PLAYED])))

    def fold_in(self, component: Neighbours, plays: sparse.csr_matrix, user_rows: IntArray) -> Neighbours:
        """As ``Recommender``: their tracks are replaced."""
        indptr, n_tracks = component.played.indptr, component.similar.matrix.shape[0]
        rows = [component.played.of(row) for row in range(len(indptr) - 1)]
        for place, row in enumerate(user_rows):
            rows[row] = plays.indices[plays.indptr[place] : plays.indptr[place + 1]]
        ends = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
        cols = np.concatenate(rows).astype(np.int32) if n_tracks else np.zeros(0, np.int32)
        return replace(component, played=Played(ends, cols))

    def recorded_loss(self, component: Neighbours, plays: sparse.csr_matrix) -> None:
        """As ``Recommender``: counting has none."""
