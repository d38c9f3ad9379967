"""Item-item neighbours as a component: a listener's tracks, and the tracks that are near to them.

Sarwar, Karypis, Konstan and Riedl, "Item-based collaborative filtering recommendation algorithms", WWW 2001: the score
of a track is the sum of its similarities to the tracks that the listener played. ``nearest_tracks`` finds these.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.recommenders.base import Arrays, Candidates
from recsys_tasks.recommenders.vectors import Played

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
    _last: dict[int, tuple[IntArray, FloatArray]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: exact, for only tracks that are near to one of the listener's have a score."""
        if k < 1:
            raise ConfigError(f"A list of {k} tracks was asked for. Ask for one or more.")
        if len(played.indptr) != len(user_rows) + 1:
            raise BadData(f"Played tracks of {len(played.indptr) - 1} users do not fit {len(user_rows)} listeners.")
        cols = np.full((len(user_rows), k), -1, dtype=np.int32)
        scores = np.full((len(user_rows), k), -np.inf, dtype=np.float32)
        exact, hidden = np.zeros(len(user_rows), dtype=bool), np.zeros(self.similar.matrix.shape[0], dtype=bool)
        for row, (found, values) in enumerate(self._reached(user_rows)):
            hidden[played.of(row)] = True
            open_ = ~hidden[found] if allowed is None else ~hidden[found] & allowed[found]
            hidden[played.of(row)] = False
            top, exact[row] = best_scored(found[open_], values[open_], k), len(found) > 0
            cols[row, : len(top[0])], scores[row, : len(top[0])] = top
        return Candidates(cols, scores, exact)

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        rows, places = np.unique(user_rows, return_inverse=True)
        by_place = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[by_place], np.arange(len(rows) + 1))
        scores = np.zeros(len(user_rows), dtype=np.float32)
        for row, (found, values) in enumerate(self._reached(rows)):
            pairs = by_place[ends[row] : ends[row + 1]]
            nearest = np.searchsorted(found, item_cols[pairs])
            there = np.append(found, -1)[nearest] == item_cols[pairs]
            scores[pairs[there]] = values[nearest[there]]
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

    def _reached(self, user_rows: IntArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """Columns, rising, and scores of the tracks that have one, listener by listener.

        A product of sparse matrices would need a place for every track, which takes longer than one listener's tracks.
        """
        if len(user_rows) == 1:
            yield self._reached_alone(int(user_rows[0]))
        else:
            yield from map(self._reached_by, user_rows)

    def _reached_alone(self, row: int) -> tuple[IntArray, FloatArray]:
        """Of a listener who is asked for alone: whoever wants a list wants the scores of its candidates next."""
        found = self._last.get(row)
        if found is None:
            found = self._reached_by(row)
            self._last.clear()
            self._last[row] = found
        return found

    def _reached_by(self, row: int) -> tuple[IntArray, FloatArray]:
        near = Played(self.similar.matrix.indptr, self.similar.matrix.indices)
        places = near.places(self.played.of(row))
        cols, inverse = np.unique(near.cols[places], return_inverse=True)
        return cols, np.bincount(inverse, self.similar.matrix.data[places], len(cols)).astype(np.float32)


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
    order = np.lexsort((cols, -scores))[:k]
    return cols[order], scores[order]
