"""What the trees of a re-ranker look at: a row of numbers for each candidate of a listener."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.lookup import places_among
from recsys_tasks.recommenders.base import Arrays
from recsys_tasks.recommenders.pools import Pool
from recsys_tasks.recommenders.vectors import Played

Rows = npt.NDArray[np.float32]
FACTS = ("ranker_listeners", "ranker_ages", "ranker_artists")
"""Names of the files with the facts of each track."""
OF_TRACK = ("listeners of the track", "days since its first play", "tracks played", "tracks played of its artist")
"""What trees know beside the scores, in this order."""


@dataclass(frozen=True)
class TrackFacts:
    """What trees know of each track beside its scores. (n_tracks,) each."""

    listeners: IntArray  # of the training
    ages: IntArray  # days from its first play to the day of the data
    artists: IntArray  # a number for each artist, -1 where the catalogue names none

    @cached_property
    def n_artists(self) -> int:
        """How many artists have a number."""
        return int(self.artists.max(initial=-1)) + 1

    def files(self) -> Arrays:
        """As a part of a candidate."""
        return {name: array.astype(np.int32) for name, array in zip(FACTS, self._arrays, strict=True)}

    def of_columns(self, cols: IntArray) -> "TrackFacts":
        """The same in other columns. cols: (n_others,) own column of each, -1 for a track of which nothing is known."""
        known = cols >= 0
        nothing = (0, 0, -1)
        return TrackFacts(*(np.where(known, of[cols], none) for of, none in zip(self._arrays, nothing, strict=True)))

    @property
    def _arrays(self) -> tuple[IntArray, IntArray, IntArray]:
        return self.listeners, self.ages, self.artists

    @classmethod
    def of(cls, files: Arrays) -> "TrackFacts":
        """From the files of a candidate.

        Raises:
            BadData: they are not of equally many tracks.
        """
        found = cls(*(files[name] for name in FACTS))
        if len({len(array) for array in found._arrays}) > 1:
            raise BadData("The facts of the re-ranker are of different numbers of tracks. Run the day again.")
        return found


def feature_names(components: Sequence[str]) -> list[str]:
    """Names of the columns of ``features``. components: their labels."""
    of_scores = [f"{what} of {component}" for what in ("score", "z-score", "place") for component in components]
    return [*of_scores, *OF_TRACK]


def features(pool: Pool, user_rows: IntArray, history: Played, facts: TrackFacts) -> Rows:
    """A row for each candidate, listener by listener: per component its score, z-score and place; then of the track.

    Args:
        pool: candidates of the listeners.
        user_rows: (n_users,) their rows in ``history``.
        history: what everybody played.
        facts: of the tracks.
    """
    there = pool.cols >= 0
    cols, users = pool.cols[there], np.repeat(np.arange(len(pool.cols)), there.sum(axis=1))
    own = history.rows(user_rows)
    columns = [values[there] for values in (*pool.raw, *pool.z, *pool.places)]
    columns += [facts.listeners[cols], facts.ages[cols], np.diff(own.indptr)[users]]
    return np.stack([*columns, _of_artist(own, facts, users, cols)], axis=1, dtype=np.float32, casting="unsafe")


def _of_artist(own: Played, facts: TrackFacts, users: IntArray, cols: IntArray) -> IntArray:
    """How many tracks of a candidate's artist its listener played; 0 where the artist is unknown. (n_rows,)"""
    artists, n = facts.artists, facts.n_artists + 1
    known, counts = np.unique(own.owners * n + artists[own.cols], return_counts=True)
    places, equals = places_among(users * n + artists.take(cols), known)
    played = np.zeros(len(cols), dtype=np.int64)
    played[places] = counts[equals]
    played[artists.take(cols) < 0] = 0
    return played
