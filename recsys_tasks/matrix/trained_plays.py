"""What is trained on, as rows of a matrix that is never copied as a whole."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import IntArray
from recsys_tasks.matrix.play_matrix import pad, take_out
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.matrix.row_ranges import PlayRows, by_blocks, rows_at, rows_within


@dataclass(frozen=True)
class TrainedPlays:
    """Play counts without the day of any hidden listener: ``PlayRows`` of the matrix, made when they are asked for."""

    counts: sparse.csr_matrix  # (n_users, n_tracks) all play counts
    taken: sparse.csr_matrix  # (n_users, n_tracks) those of the day by hidden listeners

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of users and tracks."""
        return self.counts.shape  # type: ignore[no-any-return]

    @property
    def nnz(self) -> int:
        """Number of pairs."""
        return int(self.indptr[-1])

    @cached_property
    def indptr(self) -> IntArray:
        """Where the pairs of each user begin. (n_users + 1,)."""
        lengths = np.diff(self.counts.indptr).astype(np.int64)
        lengths[self.changed_rows] = np.diff(self[self.changed_rows].indptr)
        return np.concatenate([[0], np.cumsum(lengths)])

    def __getitem__(self, rows: slice | IntArray) -> sparse.csr_matrix:
        """Of a range of users, or of some. (n_rows, n_tracks) uint32, canonical, a copy."""
        if isinstance(rows, slice):
            return take_out(rows_within(self.counts, rows).copy(), rows_within(self.taken, rows))
        return take_out(rows_at(self.counts, rows), self.taken[rows])

    @cached_property
    def changed_rows(self) -> npt.NDArray[np.int64]:
        """Rows of the hidden listeners who played on the day."""
        return np.flatnonzero(np.diff(self.taken.indptr))


def track_listeners(plays: PlayRows) -> npt.NDArray[np.int64]:
    """Number of users who played each track. (n_tracks,)."""
    if not isinstance(plays, TrainedPlays):
        return listeners_of(plays)
    rows = plays.changed_rows
    return listeners_of(plays.counts) - listeners_of(rows_at(plays.counts, rows)) + listeners_of(plays[rows])


def by_track_range(plays: PlayRows, tracks: slice) -> sparse.csr_matrix:
    """All users' plays of a range of tracks, gathered block by block. (n_users, n_range), a copy."""
    counts, taken = (plays.counts, plays.taken) if isinstance(plays, TrainedPlays) else (plays, None)
    parts = []
    for rows, cells in by_blocks(counts):
        part = cells[:, tracks]
        parts.append(part if taken is None else take_out(part, rows_within(taken, rows)[:, tracks]))
    return sparse.vstack(parts, format="csr")


def widened(plays: Any, n_items: int) -> Any:
    """The same play counts with so many columns: a matrix of a matrix, ``TrainedPlays`` of such."""
    if isinstance(plays, TrainedPlays):
        return TrainedPlays(*(pad(each, (each.shape[0], n_items)) for each in (plays.counts, plays.taken)))
    return pad(plays, (plays.shape[0], n_items))
