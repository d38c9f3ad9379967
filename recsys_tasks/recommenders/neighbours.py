"""Item-item neighbours as a component: a listener's tracks, and the tracks that are near to them.

Sarwar, Karypis, Konstan and Riedl, "Item-based collaborative filtering recommendation algorithms", WWW 2001: the score
of a track is the sum of its similarities to the tracks that the listener played. ``nearest_tracks`` finds these.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from threading import Lock

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.base import Arrays, Candidates
from recsys_tasks.recommenders.columns import summed
from recsys_tasks.recommenders.falling import PLACE_BITS, rising_keys
from recsys_tasks.recommenders.vectors import Played, check_lists

LISTENERS_AT_ONCE = 64
"""Listeners whose tracks' neighbours are fetched together: one by one, the calls take longer than the copying."""
BLOCKS_KEPT = 4
"""Blocks of so many listeners of whom a retriever knows what their tracks reach, some 60 kilobytes a listener: a blend
asks for candidates, then for scores of those of all components, and two threads may do so at a time."""
ASKED_TRACKS = 300
"""Tracks of a listener that are asked for their neighbours at the most, evenly spread over those that have any: the
list of one who played thousands would take tens of milliseconds, and be no better."""
FEW = 8
"""Listeners, up to which a place for each track would take longer to make than it spares."""
TURN = Lock()
"""Held by the thread that goes through many listeners one by one. Each of its calls is short: two threads that make
such calls hand the interpreter's lock to and fro, and take longer than one after the other. In turns, one does so while
the other scores, ranks or asks the trees, in calls that are long. Few listeners never wait."""
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
        cols = np.full((len(user_rows), k), -1, dtype=np.int32)
        scores = np.full((len(user_rows), k), -np.inf, dtype=np.float32)
        exact, hidden = np.zeros(len(user_rows), dtype=bool), np.zeros(self.similar.matrix.shape[0], dtype=bool)
        with _in_turn(len(user_rows)):
            for row, reach in enumerate(self._reaches(user_rows)):
                own = played.of(row)
                hidden[own] = True
                top = reach.best(k, len(own), hidden, allowed)
                hidden[own] = False
                exact[row], n = len(reach.cols) > 0, np.count_nonzero(top[1] > 0)
                cols[row, :n], scores[row, :n] = top[0][:n], top[1][:n]
        return Candidates(cols, scores, exact)

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        by_user = np.argsort(user_rows, kind="stable")  # as good as nothing to do where they rise
        rising = user_rows[by_user]
        starts = np.flatnonzero(np.diff(rising, prepend=-1))
        scores = np.zeros(len(user_rows), dtype=np.float32)
        ends = np.append(starts, len(rising))[1:].tolist()  # of no pair there is none
        with _in_turn(len(starts)):
            for start, end, reach in zip(starts.tolist(), ends, self._reaches(rising[starts]), strict=True):
                pairs = by_user[start:end]
                scores[pairs] = reach.of(item_cols[pairs])
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

    def _reaches(self, user_rows: IntArray) -> Iterator["Reach"]:
        """What the tracks of each listener reach; what is asked twice in a row is kept."""
        for start in range(0, len(user_rows), LISTENERS_AT_ONCE):
            yield from self._reaches_of(tuple(user_rows[start : start + LISTENERS_AT_ONCE].tolist()))

    @cached_property
    def _reaches_of(self) -> Callable[[tuple[int, ...]], list["Reach"]]:
        return lru_cache(BLOCKS_KEPT)(partial(_reaches, self.similar, self.played))


class Reach:
    """The tracks that a listener's tracks reach."""

    def __init__(self, cols: IntArray, scores: FloatArray) -> None:
        """Columns, rising, and their scores. (n_reached,) each."""
        self.cols, self.scores = cols, scores
        self._best = cols[:0], scores[:0]

    def best(self, k: int, n_hidden: int, hidden: BoolArray, allowed: BoolArray | None) -> tuple[IntArray, FloatArray]:
        """The k best that may be shown, best first, equal ones by column. (at most k,) each.

        Args:
            k: how many.
            n_hidden: tracks that are hidden.
            hidden: (n_tracks,) which ones.
            allowed: (n_tracks,) tracks to choose from; None: all.
        """
        longest = min(2 * k + n_hidden, len(self.cols))  # among so many there are k, whatever is hidden: often enough
        if len(self._best[0]) < longest:
            self._best = best_scored(self.cols, self.scores, longest)
        cols, scores = self._best
        open_ = _open(cols, hidden, allowed)
        if len(cols) == len(self.cols) or np.count_nonzero(open_) >= k:
            return cols[open_][:k], scores[open_][:k]
        open_ = _open(self.cols, hidden, allowed)
        return best_scored(self.cols[open_], self.scores[open_], k)

    def of(self, cols: IntArray) -> FloatArray:
        """The scores of some tracks, 0 of those that are not reached. (n,)"""
        if not len(self.cols):
            return np.zeros(len(cols), dtype=np.float32)
        nearest = self.cols.searchsorted(cols)
        found = self.scores.take(nearest, mode="clip")  # beyond the last one it is compared with that
        found[self.cols.take(nearest, mode="clip") != cols] = 0
        return found


def _in_turn(n_listeners: int) -> AbstractContextManager[object]:
    return TURN if n_listeners > FEW else nullcontext()


def _open(cols: IntArray, hidden: BoolArray, allowed: BoolArray | None) -> BoolArray:
    return ~hidden[cols] if allowed is None else ~hidden[cols] & allowed[cols]


def _reaches(similar: SimilarTracks, played: Played, rows: tuple[int, ...]) -> list[Reach]:
    """What the tracks of each listener reach. A product of sparse matrices takes longer."""
    near = Played(similar.matrix.indptr, similar.matrix.indices)
    own = _asked(played.rows(np.array(rows, dtype=np.int64)), near)
    if len(rows) <= FEW:
        places = [near.places(own.of(place)) for place in range(len(rows))]
        return [Reach(*summed(near.cols[some], similar.matrix.data[some])) for some in places]
    found = similar.matrix[own.cols]  # (n_own_tracks, n_tracks)
    ends, sums = found.indptr[own.indptr].tolist(), np.zeros(found.shape[1])
    parts = (slice(*each) for each in itertools.pairwise(ends))
    return [Reach(*summed(found.indices[part], found.data[part], sums)) for part in parts]


def _asked(own: Played, near: Played) -> Played:
    """The tracks of each listener that are asked. near: the neighbours of each track."""
    if np.diff(own.indptr).max(initial=0) <= ASKED_TRACKS:
        return own
    reaching = near.lengths(own.cols) > 0
    ends = np.concatenate([[0], np.cumsum(reaching)])[own.indptr]
    return Played(ends, own.cols[reaching]).thinned(ASKED_TRACKS)


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


def best_scored(cols: IntArray, scores: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """The k best, best first, equal ones by column. (at most k,) each."""
    if len(cols) > k:
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        cols, scores = cols[scores >= least], scores[scores >= least]
    order = np.argsort(rising_keys(scores) << PLACE_BITS | cols)[:k]
    return cols[order], scores[order]
