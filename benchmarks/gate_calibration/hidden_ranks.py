"""Ranks of hidden plays among the tracks that their listeners did not know, by exact scores."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from benchmarks.gate_calibration.daily_runs import Release
from benchmarks.gate_calibration.recorded_worlds import DatedWorld
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.evaluation.lists import translated
from recsys_tasks.matrix.popularity import listeners_of, popular_order
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.factors import Factors

WORST = 1_000
BLOCK = 128  # listeners whose scores are held at a time
Ranks = npt.NDArray[np.int16]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Listing:
    """A model as it ranks the tracks of the day for the scored listeners."""

    vectors: FloatArray  # (n_scored, n_factors)
    items: FloatArray  # (n_own, n_factors); its tracks are the first ones of the day
    fallback: FloatArray  # (n_own,) scores for a listener without a vector: the popular tracks

    def scores(self, some: slice, n_tracks: int) -> FloatArray:
        """Scores of some listeners, -inf for a track that it cannot list. (n_some, n_tracks)."""
        found = np.full((len(self.vectors[some]), n_tracks), -np.inf, np.float32)
        own = self.vectors[some] @ self.items.T
        own[:, Factors(self.vectors[:0], self.items).cold_items()] = -np.inf
        own[~self.vectors[some].any(axis=1)] = self.fallback
        found[:, : len(self.items)] = own
        return found


@dataclass(frozen=True)
class HiddenPlays:
    """What the scored listeners discovered on the day."""

    rows: Rows  # (n_scored,) places among the hidden listeners
    history: sparse.csr_matrix  # (n_scored, n_tracks)
    listener: Rows  # (n_plays,) rising
    track: Rows  # (n_plays,)

    @classmethod
    def of(cls, holdout: Holdout) -> "HiddenPlays":
        """Those of the listeners with at least one."""
        rows = np.flatnonzero(np.diff(holdout.hidden.indptr))
        hidden = holdout.hidden[rows]
        listener = np.repeat(np.arange(len(rows)), np.diff(hidden.indptr))
        return cls(rows, holdout.history[rows], listener, hidden.indices.astype(np.int64))

    def ranks(self, listing: Listing, *widths: int) -> list[Ranks]:
        """Rank of each play among the first so many tracks, -1 where it is none of them. (n_plays,) each."""
        found = [np.full(len(self.track), -1, np.int16) for _ in widths]
        n_scored, n_tracks = self.history.shape
        for start in range(0, n_scored, BLOCK):
            some = slice(start, min(start + BLOCK, n_scored))
            scores = listing.scores(some, n_tracks)
            scores[self.history[some].nonzero()] = -np.inf
            plays = slice(*np.searchsorted(self.listener, (some.start, some.stop)))
            owners, track = self.listener[plays] - start, self.track[plays]
            own = scores[owners, track]
            better = scores[owners] > own[:, None]
            for each, width in zip(found, widths, strict=True):
                place = np.minimum(np.count_nonzero(better[:, :width], axis=1), WORST)
                each[plays] = np.where(track < width, np.where(np.isfinite(own), place, WORST), -1)
        return found


def popular_scores(plays: sparse.csr_matrix) -> FloatArray:
    """Scores that order the tracks as the popular list does; -inf where nobody listened. (n_tracks,)."""
    order = popular_order(listeners_of(plays))
    found = np.full(plays.shape[1], -np.inf, np.float32)
    found[order] = -np.arange(len(order), dtype=np.float32)
    return found


def reference_listing(world: DatedWorld, reference: Release, asked: HiddenPlays) -> Listing:
    """The tracks of an older release, with listeners folded in from all plays before the day."""
    items = reference.trained.item_factors
    n_own, n_tracks = len(items), asked.history.shape[1]
    own_cols = np.where(np.arange(n_tracks) < n_own, np.arange(n_tracks), -1)
    vectors = Als(world.als).user_vectors(translated(asked.history, own_cols, n_own, keep_plays=True), items)
    return Listing(vectors, items, popular_scores(reference.matrix.counts))
