"""What the tracks of listeners reach: the sums of similarities, of many listeners in each call of NumPy.

Such calls are long, and let go of the interpreter's lock meanwhile, so that two threads share the work. Listener by
listener they are so short that the threads hand the lock to and fro, and take longer than one of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.best_of_rows import are_best
from recsys_tasks.recommenders.falling import falling
from recsys_tasks.recommenders.in_blocks import blocks_of_work, work_of
from recsys_tasks.recommenders.vectors import Played

VALUE_BITS = 32
"""Bits of a similarity in the numbers that are sorted."""
AT_ONCE = 1 << 17
"""Similarities that are sorted together, or those of one listener: a megabyte, which a core keeps at hand."""


@dataclass(frozen=True)
class Reached:
    """The tracks that the tracks of some listeners reach, listener by listener, columns rising."""

    keys: npt.NDArray[np.int64]  # (n_reached,) rising: the listener's place above the bits of a column
    scores: FloatArray  # (n_reached,) float32
    ends: IntArray  # (n_listeners + 1,) where each listener's begin, and the last one's end
    n_tracks: int

    @classmethod
    def by(cls, played: Played, similar: sparse.csr_matrix) -> "Reached":
        """Each track once for each listener.

        Listener, column and the bits of a similarity are sorted as one whole number, which NumPy does several times as
        fast as it finds an order. So the similarities of a track are added in the order of their bits, in float64: who
        else is asked, and in which order the tracks were played, changes nothing.

        Args:
            played: tracks of the listeners.
            similar: (n_tracks, n_tracks) float32: row i holds the similarities of the nearest of track i.

        Raises:
            BadData: there are too many listeners and tracks for a whole number.
        """
        n, n_tracks = len(played.indptr) - 1, similar.shape[1]
        if n.bit_length() + n_tracks.bit_length() >= VALUE_BITS:
            raise BadData(f"{n} listeners and {n_tracks} tracks are too many at once.")
        owners, runs = played.owners, blocks_of_work(work_of(played, similar), AT_ONCE)
        blocks = (slice(*played.indptr[[first, last]]) for first, last in runs)
        parts = [_summed(similar[played.cols[own]], owners[own]) for own in blocks]
        keys = np.concatenate([np.zeros(0, np.int64), *(keys for keys, _ in parts)])
        scores = np.concatenate([np.zeros(0, np.float32), *(scores for _, scores in parts)])
        ends = np.searchsorted(keys, np.arange(n + 1) << n_tracks.bit_length())
        return cls(keys, scores, ends, n_tracks)

    def best(self, k: int, hidden: Played, allowed: BoolArray | None) -> tuple[IntArray, FloatArray]:
        """The k best of each listener that may be shown, best first, equal ones by column. (n_listeners, k) each.

        One that has a score of zero or less, as EASE gives, stands on no list; missing places are -1 and -infinity.

        Args:
            k: how many.
            hidden: tracks that each listener is not to be shown.
            allowed: (n_tracks,) tracks to choose from; None: all.
        """
        n, cols = len(self.ends) - 1, (self.keys & ((1 << self.n_tracks.bit_length()) - 1)).astype(np.int32)
        scores = self.scores.copy()
        places, there = self._places(_keys(np.arange(n), np.diff(hidden.indptr), hidden.cols, self.n_tracks))
        scores[places[there]] = -np.inf
        if allowed is not None:
            scores[~allowed[cols]] = -np.inf
        best = self._best(scores, cols, k)
        best = best[scores[best] > 0]
        free = np.arange(k) >= np.diff(np.searchsorted(best, self.ends))[:, None]
        best_cols, best_scores = np.full((n, k), -1, dtype=np.int32), np.full((n, k), -np.inf, dtype=np.float32)
        best_cols[~free], best_scores[~free] = cols[best], scores[best]
        order = falling(best_scores)
        return np.take_along_axis(best_cols, order, axis=1), np.take_along_axis(best_scores, order, axis=1)

    def of(self, owners: IntArray, cols: IntArray) -> FloatArray:
        """The scores of pairs, 0 of what is not reached. owners: places of the listeners. (n_pairs,) each."""
        places, there = self._places(owners.astype(np.int64) << self.n_tracks.bit_length() | cols)
        found = np.zeros(len(cols), dtype=np.float32)
        found[there] = self.scores[places[there]]
        return found

    def _best(self, scores: FloatArray, cols: IntArray, k: int) -> IntArray:
        """Where the k best of each listener stand, rising."""
        n = len(self.ends) - 1
        if n == 1:  # one row is put in order sooner
            return np.sort(falling(scores[None])[0, :k])
        return np.flatnonzero(are_best(sparse.csr_matrix((scores, cols, self.ends), shape=(n, self.n_tracks)), k))

    def _places(self, keys: npt.NDArray[np.int64]) -> tuple[IntArray, BoolArray]:
        """Where some listeners' tracks stand, and whether they are there."""
        places = self.keys.searchsorted(keys)
        if not len(self.keys):
            return places, np.zeros(len(keys), dtype=bool)
        return places, self.keys.take(places, mode="clip") == keys


def _summed(similar: sparse.csr_matrix, listeners: IntArray) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Keys, rising, and the sums of their similarities. listeners: (n_rows,) whose track each row is, rising."""
    keys = _keys(listeners, np.diff(similar.indptr), similar.indices, similar.shape[1])
    keys <<= VALUE_BITS
    keys |= similar.data.view(np.uint32)
    keys.sort()
    values = (keys & ((1 << VALUE_BITS) - 1)).astype(np.uint32).view(np.float32)
    keys >>= VALUE_BITS
    is_first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    starts = np.flatnonzero(is_first)
    return keys.take(starts), np.add.reduceat(values, starts, dtype=np.float64).astype(np.float32)


def _keys(listeners: IntArray, lengths: IntArray, cols: IntArray, n_tracks: int) -> npt.NDArray[np.int64]:
    """Columns as numbers that rise by listener, then by column. lengths: columns that belong to each of listeners."""
    keys = cols.astype(np.int64)
    keys |= np.repeat(listeners << n_tracks.bit_length(), lengths)
    return keys
