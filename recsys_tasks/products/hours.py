"""A prior by the hour of the day: what a track is played at this hour, against what all tracks are.

With n_ih the plays of track i in the hours around h, n_i its plays in all hours, and q_h the share of the hours around
h in the plays of all tracks, the prior is

    log((n_ih + m q_h) / ((n_i + m) q_h)),

0 for a track without plays, and near to it for one with few: m plays of an ordinary track are added to its own. Times a
weight, it is added to a candidate's score in standard deviations of the listener's candidates.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.base import Candidates, Retriever
from recsys_tasks.recommenders.pools import standardised
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.storage.stored_forms import as_ids

HOURS = 24
BESIDE = 2
"""Hours before and after one that count as it does: a track has few plays in each."""
SHRINKAGE = 20.0
"""Plays of an ordinary track that are added to each track's own."""
CANDIDATES = 200
"""Of a listener, among which the hour decides, at the least."""
Counts = npt.NDArray[np.uint32]


def hour_counts(table: pa.Table, tracks: Vocabulary) -> Counts:
    """Plays of each track of a release by hour. (n_tracks, 24).

    Args:
        table: track_id, hour and plays; tracks that the release does not know are passed over.
        tracks: of the release.

    Raises:
        BadData: an hour is none of 0 to 23, or a number of plays is below zero or beyond 32 bits.
    """
    hours, plays = (np.asarray(table[name]).astype(np.int64) for name in ("hour", "plays"))
    for name, found, most in (("hour", hours, HOURS - 1), ("number of plays", plays, (1 << 32) - 1)):
        if (wrong := found[(found < 0) | (found > most)]).size:
            raise BadData(f"The plays by hour hold {wrong[0]} as a {name}. It lies from 0 to {most}.")
    cols = tracks.rows_of(as_ids(table["track_id"]).cast(tracks.ids.type))
    counts = np.zeros((len(tracks), HOURS), np.uint32)
    counts[cols[cols >= 0], hours[cols >= 0]] = plays[cols >= 0]
    return counts


@dataclass(frozen=True)
class HourPrior:
    """The prior of the tracks of a release."""

    counts: Counts  # (n_tracks, 24) plays, perhaps mapped

    @cached_property
    def _of_all(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.counts.sum(axis=0, dtype=np.float64))

    def of(self, cols: IntArray, hour: int) -> npt.NDArray[np.float64]:
        """The prior of some tracks; 0 for column -1, and for all where nothing is played around this hour.

        Args:
            cols: track columns of any shape.
            hour: 0 to 23.
        """
        around = np.arange(hour - BESIDE, hour + BESIDE + 1) % HOURS
        share = self._of_all[around].sum() / max(self._of_all.sum(), 1)
        if not share:
            return np.zeros(np.shape(cols))
        own = self.counts[cols].astype(np.float64)
        prior = np.log((own[..., around].sum(axis=-1) + SHRINKAGE * share) / (own.sum(axis=-1) + SHRINKAGE) / share)
        return np.where(np.asarray(cols) >= 0, prior, 0.0)


@dataclass(frozen=True)
class AtAnHour:
    """A retriever whose best candidates are put in another order by the hour; scores are those sums."""

    retriever: Retriever  # for lists of as many as ``CANDIDATES``
    prior: HourPrior
    hour: int
    weight: float

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: the best for this hour among the listener's best, which certifies nothing."""
        found = self.retriever.candidates(user_rows, played, max(k, CANDIDATES), allowed)
        there = found.cols >= 0
        sums = standardised(found.scores.astype(np.float64), there) + self.weight * self.prior.of(found.cols, self.hour)
        scores: FloatArray = np.where(there, sums, -np.inf).astype(np.float32)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        cols = np.take_along_axis(found.cols, best, axis=1)
        return Candidates(cols, np.take_along_axis(scores, best, axis=1), np.zeros(len(user_rows), bool))

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``: those of the retriever, which know of no hour."""
        return self.retriever.scores(user_rows, item_cols)

    def cold_users(self) -> BoolArray:
        """As ``Retriever``."""
        return self.retriever.cold_users()

    def cold_items(self) -> BoolArray:
        """As ``Retriever``."""
        return self.retriever.cold_items()
