"""The tracks in the order of falling factor norm, in which every search reads them.

Tracks without a factor (zero, or a negligible residue of the solver) are left out; equal norms stand in the order of
the track columns. A track's place in this order is its rank, and its item number in the Annoy index.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.vectors import has_direction, row_norms


@dataclass(frozen=True)
class RankedTracks:
    """The tracks in order of falling norm.

    Raises:
        BadData: the arrays do not fit together, the norms rise or are not positive, or a column appears twice.
    """

    rank_cols: npt.NDArray[np.int32]  # (n_indexed,) rank -> track column
    ranked_factors: FloatArray  # (n_indexed, n_factors)
    ranked_norms: FloatArray  # (n_indexed,) never rising
    n_tracks: int
    col_ranks: npt.NDArray[np.int32] = field(init=False, repr=False)  # (n_tracks,) column -> rank, -1: not indexed

    def __post_init__(self) -> None:
        for name in ("rank_cols", "ranked_factors", "ranked_norms"):  # slicing a memory map costs more than its page
            object.__setattr__(self, name, np.asarray(getattr(self, name)))
        size, cols, norms = len(self.rank_cols), self.rank_cols, self.ranked_norms
        if self.ranked_factors.ndim != 2 or not size == len(self.ranked_factors) == len(norms):
            raise BadData(
                f"{size} ranks, factors of shape {self.ranked_factors.shape} and {len(norms)} norms do not fit "
                "together. Build the index again."
            )
        if size and not (np.isfinite(norms[0]) and norms[-1] > 0 and (np.diff(norms) <= 0).all()):
            raise BadData("The track norms are not finite, positive and falling. Build the index again.")
        if size and not 0 <= cols.min() <= cols.max() < self.n_tracks:
            raise BadData(f"A rank points outside of the {self.n_tracks} tracks. Build the index again.")
        col_ranks = np.full(self.n_tracks, -1, dtype=np.int32)
        col_ranks[cols] = np.arange(size, dtype=np.int32)
        if np.count_nonzero(col_ranks >= 0) != size:
            raise BadData("Two ranks point at one track. Build the index again.")
        object.__setattr__(self, "col_ranks", col_ranks)

    def __len__(self) -> int:
        return len(self.rank_cols)


def rank_tracks(item_factors: FloatArray) -> RankedTracks:
    """Order the tracks with a factor by falling norm. item_factors: (n_tracks, n_factors) float32.

    Raises:
        BadData: a factor is not finite.
    """
    norms = row_norms(item_factors).astype(np.float32)  # (n_tracks,)
    if not np.isfinite(norms).all():
        raise BadData("A track factor is not finite. Train again from a cold start (--cold-start).")
    order = np.argsort(-norms, kind="stable")[: np.count_nonzero(has_direction(norms))]
    factors = np.ascontiguousarray(item_factors[order], dtype=np.float32)
    return RankedTracks(order.astype(np.int32), factors, norms[order], len(item_factors))
