"""What the tracks of listeners reach: the sums of similarities, of many listeners in each call of NumPy.

Such calls are long, and let go of the interpreter's lock meanwhile, so that two threads share the work. Listener by
listener they are so short that the threads hand the lock to and fro, and take longer than one of them.

Most tracks are reached once, and few are asked for: similarities are sorted, and summed where a sum is wanted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.recommenders.best_of_rows import are_best, promising
from recsys_tasks.recommenders.falling import falling
from recsys_tasks.recommenders.in_blocks import blocks_of_work, work_of
from recsys_tasks.recommenders.vectors import Played

Keys = npt.NDArray[np.unsignedinteger[Any]]
KEY_BITS = 32
"""Bits of the key of a pair: listener and column together."""
PAIR = np.dtype([("value", "<f4"), ("key", "<u4")])
"""Key and similarity, which are sorted as one whole number: NumPy does so far sooner than it finds an order."""
NEVER = np.float32(-1e30)
"""Takes a track off every list, whatever else is added."""
AT_ONCE = 1 << 17
"""Similarities that are sorted together, or those of one listener: a megabyte, which a core keeps at hand."""


@dataclass(frozen=True)
class Reached:
    """The similarities of the tracks that the tracks of some listeners reach: listener by listener, columns rising."""

    keys: Keys  # (n_similarities,) rising: the listener's place above the bits of a column; of 64 bits if need be
    values: FloatArray  # (n_similarities,) float32
    ends: IntArray  # (n_listeners + 1,) where each listener's begin, and the last one's end
    n_tracks: int

    @classmethod
    def by(cls, played: Played, similar: sparse.csr_matrix) -> "Reached":
        """What some tracks reach.

        Those of one track stand in the order of their bits, in which they are added, in float64: who else is asked, and
        in which order the tracks were played, changes nothing.

        Args:
            played: tracks of the listeners.
            similar: (n_tracks, n_tracks) float32: row i holds the similarities of the nearest of track i.
        """
        n, n_tracks, bits = len(played.indptr) - 1, similar.shape[1], similar.shape[1].bit_length()
        work, owners = work_of(played, similar), played.owners
        ends = np.concatenate([[0], np.cumsum(work)])
        keys = np.empty(ends[-1], dtype=np.uint32 if n.bit_length() + bits <= KEY_BITS else np.uint64)
        values = np.empty(ends[-1], dtype=np.float32)
        for first, last in _runs(work, 1 << (KEY_BITS - bits)):
            own, at = slice(*played.indptr[[first, last]]), slice(*ends[[first, last]])
            pairs = _sorted(similar[played.cols[own]], owners[own] - first)
            keys[at], values[at] = pairs["key"], pairs["value"]
            keys[at] += keys.dtype.type(first << bits)
        return cls(keys, values, ends, n_tracks)

    def best(self, k: int, hidden: Played, allowed: BoolArray | None) -> tuple[IntArray, FloatArray]:
        """The k best of each listener that may be shown, best first, equal ones by column. (n_listeners, k) each.

        One that has a score of zero or less, as EASE gives, stands on no list; missing places are -1 and -infinity.

        Args:
            k: how many.
            hidden: tracks that each listener is not to be shown.
            allowed: (n_tracks,) tracks to choose from; None: all.
        """
        n, values = len(self.ends) - 1, self.values.copy()
        places, there = self._places(self._keys(hidden.owners, hidden.cols))
        values[places[there]] = NEVER  # one of those of a track is enough
        if allowed is not None:
            values[~allowed[self._cols(self.keys)]] = NEVER
        keys, scores, ends = self._summed(values, k)
        best = self._best(scores, self._cols(keys), ends, k)
        best = best[scores[best] > 0]
        free = np.arange(k) >= np.diff(np.searchsorted(best, ends))[:, None]
        best_cols, best_scores = np.full((n, k), -1, dtype=np.int32), np.full((n, k), -np.inf, dtype=np.float32)
        best_cols[~free], best_scores[~free] = self._cols(keys[best]), scores[best]
        order = falling(best_scores)
        return np.take_along_axis(best_cols, order, axis=1), np.take_along_axis(best_scores, order, axis=1)

    def of(self, owners: IntArray, cols: IntArray) -> FloatArray:
        """The scores of pairs, 0 of what is not reached. owners: places of the listeners. (n_pairs,) each."""
        keys = self._keys(owners, cols)
        starts, there = self._places(keys)
        starts = starts[there]
        lengths = self.keys.searchsorted(keys[there], side="right") - starts
        firsts = np.cumsum(lengths) - lengths
        found = np.zeros(len(cols), dtype=np.float32)
        if len(starts):
            places = np.arange(lengths.sum()) + np.repeat(starts - firsts, lengths)
            found[there] = np.add.reduceat(self.values[places], firsts, dtype=np.float64)
        return found

    def _summed(self, values: FloatArray, k: int) -> tuple[Keys, FloatArray, IntArray]:
        """Keys and scores of the tracks among which the k best of each listener are, and where each one's begin.

        A track that is reached once has its score already: of these, some may be left out that others exceed.
        """
        again = np.zeros(len(values) + 1, dtype=bool)
        np.equal(self.keys[1:], self.keys[:-1], out=again[1:-1])
        if len(self.ends) > 2:
            more = again[1:] | again[:-1]
            alone = values * ~more  # a tenth of what it takes to choose entry by entry
            kept = np.flatnonzero(promising(alone, self.ends, k) | more)
        else:  # all of one listener's are summed sooner
            kept = np.arange(len(values))
        starts = np.flatnonzero(~again[kept])  # whoever is kept is kept with all of a track
        scores = np.add.reduceat(values[kept], starts, dtype=np.float64) if len(kept) else np.zeros(0)
        return self.keys[kept[starts]], scores.astype(np.float32), np.searchsorted(kept[starts], self.ends)

    def _best(self, scores: FloatArray, cols: IntArray, ends: IntArray, k: int) -> IntArray:
        """Where the k best of each listener stand, rising."""
        n = len(ends) - 1
        if n == 1:  # one row is put in order sooner
            return np.sort(falling(scores[None])[0, :k])
        return np.flatnonzero(are_best(sparse.csr_matrix((scores, cols, ends), shape=(n, self.n_tracks)), k))

    def _keys(self, owners: IntArray, cols: IntArray) -> Keys:
        return (owners.astype(np.int64) << self.n_tracks.bit_length() | cols).astype(self.keys.dtype)

    def _cols(self, keys: Keys) -> npt.NDArray[np.int32]:
        return (keys & keys.dtype.type((1 << self.n_tracks.bit_length()) - 1)).astype(np.int32)

    def _places(self, keys: Keys) -> tuple[IntArray, BoolArray]:
        """Where the first similarities of some listeners' tracks stand, and whether they are there."""
        places = self.keys.searchsorted(keys)
        if not len(self.keys):
            return places, np.zeros(len(keys), dtype=bool)
        return places, self.keys.take(places, mode="clip") == keys


def _runs(work: npt.NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """First listener, and the one after the last, of those who are sorted together. most: listeners of a run."""
    for first, last in blocks_of_work(work, AT_ONCE):
        for start in range(first, last, most):
            yield start, min(start + most, last)


def _sorted(similar: sparse.csr_matrix, listeners: IntArray) -> npt.NDArray[np.void]:
    """Similarities by their keys. (n_similarities,). listeners: (n_rows,) whose track each row is, rising."""
    pairs = np.empty(len(similar.data), dtype=PAIR)
    pairs["key"] = similar.indices
    pairs["key"] |= np.repeat((listeners << similar.shape[1].bit_length()).astype(np.uint32), np.diff(similar.indptr))
    pairs["value"] = similar.data
    pairs.view("<u8").sort()
    return pairs
