"""The confidences of both sides of weighted ALS, listeners by tracks and tracks by listeners, in slices of rows.

Whoever solves one side reads the factors of the other alone, so that slices give the bytes that the whole side gives,
in any size. A slice of listeners is made from the plays when its turn comes; the transposed matrix is made once, one
range of tracks after the other. What one slice holds is made once, in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Scratch
from recsys_tasks.matrix.row_ranges import PlayRows, row_ranges, whole
from recsys_tasks.matrix.trained_plays import by_track_range, track_listeners
from recsys_tasks.recommenders.confidence import confidence, confidence_of

SUMMED_TOGETHER = 1 << 20
"""Confidences whose sum is rounded to float64 before the next are added: the same ones whatever the slices are."""


class ListenerSlices:
    """c_ui of ranges of listeners, as often as they are asked for. (n_rows, n_tracks) float32 each."""

    def __init__(self, plays: PlayRows, config: AlsConfig, pairs: int) -> None:
        """plays: canonical; pairs: of a slice, at the most."""
        self._plays, self._config = plays, config
        self._ranges = row_ranges(plays.indptr, pairs)
        self.only = confidence(whole(plays), config) if len(self._ranges) == 1 else None

    def __iter__(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        for rows in self._ranges:
            yield rows, confidence(self._plays[rows], self._config) if self.only is None else self.only


@dataclass(frozen=True)
class TrackSlices:
    """c_ui of all tracks by listeners, given out by ranges of tracks."""

    listeners: npt.NDArray[np.int32]  # (n_pairs,) rising within a track
    confidences: npt.NDArray[np.float32]  # (n_pairs,)
    ends: npt.NDArray[Any]  # (n_tracks + 1,) where those of each track begin
    n_users: int
    pairs: int  # of a slice, at the most

    def __iter__(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Range after range of tracks, and its confidences. (n_rows, n_users) float32 each."""
        for tracks in row_ranges(self.ends, self.pairs):
            ends = self.ends[tracks.start : tracks.stop + 1]
            own, shape = slice(int(ends[0]), int(ends[-1])), (len(ends) - 1, self.n_users)
            cells = self.confidences[own], self.listeners[own], (ends - ends[0]).astype(np.int32)
            yield tracks, sparse.csr_matrix(cells, shape=shape)

    def extra(self) -> float:
        """Sum of c_ui - 1 over all pairs."""
        starts = range(0, len(self.confidences), SUMMED_TOGETHER)
        parts = (self.confidences[start : start + SUMMED_TOGETHER] - 1.0 for start in starts)
        return float(sum(np.sum(part, dtype=np.float64) for part in parts))


def transposed(weighted: sparse.csr_matrix, pairs: int) -> TrackSlices:
    """The tracks' side of confidences that lie in memory. weighted: (n_users, n_tracks)."""
    cells = weighted.T.tocsr()
    return TrackSlices(cells.indices, cells.data, cells.indptr, cells.shape[1], pairs)


def transposed_by_ranges(plays: PlayRows, config: AlsConfig, pairs: int, scratch: Scratch) -> TrackSlices:
    """The tracks' side, one range of tracks after the other from one pass over the plays each.

    Args:
        plays: (n_users, n_tracks) canonical.
        config: weight, a and cap.
        pairs: of a range, at the most.
        scratch: gives room for all listeners and confidences, 8 bytes a pair.
    """
    n_users = plays.shape[0]
    ends = np.concatenate([[0], np.cumsum(track_listeners(plays))])
    made = TrackSlices(scratch(ends[-1], np.int32), scratch(ends[-1], np.float32), ends, n_users, pairs)
    for tracks in row_ranges(ends, pairs):
        some = by_track_range(plays, tracks).T.tocsr()
        own = slice(int(ends[tracks.start]), int(ends[tracks.stop]))
        made.listeners[own], made.confidences[own] = some.indices, confidence_of(some.data, config)
    return made
