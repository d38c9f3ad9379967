"""The figures of a delivery: who got a list, how varied the lists are, and what was shown before."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, Figures, IntArray
from recsys_tasks.core.lookup import are_in
from recsys_tasks.recommenders.vectors import Played


@dataclass
class ListFigures:
    """Sums over the lists of a product, batch by batch."""

    new_tracks: BoolArray  # (n_tracks,) which count as new
    artists: IntArray | None  # (n_tracks,) number of each track's artist, -1 unknown; None: there are no artists
    countries: IntArray | None = None  # (n_tracks,) the same of the country that it comes from
    listeners: int = 0
    listed: int = 0  # listeners with a list
    popular: int = 0  # of them, those whose list is the popular tracks
    places: int = 0
    new: int = 0
    list_artists: int = 0  # different artists of each list, summed
    list_countries: int = 0
    repeats: dict[str, int] = field(default_factory=dict)
    _tracks: BoolArray | None = None

    def add(self, cols: IntArray, popular: BoolArray, before: dict[str, Played], n_tracks: int) -> None:
        """Add the lists of a batch.

        Args:
            cols: (n_users, k) track columns, -1 for none.
            popular: (n_users,) whose list is the popular tracks.
            before: name of an earlier delivery -> what it showed these listeners.
            n_tracks: number of columns.
        """
        there = cols >= 0
        rows = np.nonzero(there)[0]
        found = cols[there]
        has_list = there.any(axis=1)
        self.listeners += len(cols)
        self.listed += int(has_list.sum())
        self.popular += int((has_list & popular).sum())
        self.places += len(found)
        self._tracks = np.zeros(n_tracks, bool) if self._tracks is None else self._tracks
        self._tracks[found] = True
        self.new += int(self.new_tracks[found].sum())
        self.list_artists += _distinct(cols, self.artists)
        self.list_countries += _distinct(cols, self.countries)
        for name, shown in before.items():
            self.repeats[name] = self.repeats.get(name, 0) + _common(rows, found, shown, n_tracks)

    def figures(self) -> Figures:
        """The figures as they are stored; a share is of places where it does not say otherwise."""
        places, lists = max(self.places, 1), max(self.listed, 1)
        tracks = int(self._tracks.sum()) if self._tracks is not None else 0
        return {
            "listeners": self.listeners,
            "listed": self.listed,
            "coverage": round(self.listed / max(self.listeners, 1), 6),
            "popular_lists": self.popular,
            "places": self.places,
            "distinct_tracks": tracks,
            "new_tracks": round(self.new / places, 6),
            "artists_a_list": None if self.artists is None else round(self.list_artists / lists, 4),
            "countries_a_list": None if self.countries is None else round(self.list_countries / lists, 4),
            "repeats": {name: round(count / places, 6) for name, count in self.repeats.items()},
        }


def _distinct(cols: IntArray, of_col: IntArray | None) -> int:
    """How many different values the tracks of each list have, summed; one below zero is none.

    Args:
        cols: (n, k) track columns, -1 for none.
        of_col: (n_tracks,) the values; None: there are none.
    """
    if of_col is None:
        return 0
    values = np.where(cols >= 0, of_col[cols], -1)
    ordered = np.sort(values, axis=1)  # np.unique hashes, which takes seconds where this takes milliseconds
    fresh = np.ones(ordered.shape, bool)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return int((fresh & (ordered >= 0)).sum())


def _common(rows: IntArray, cols: IntArray, shown: Played, n_tracks: int) -> int:
    """How many places hold a track that their listener was shown."""
    known = np.sort(_keys(shown.owners, shown.cols, n_tracks))
    return int(are_in(known, _keys(rows, cols, n_tracks)).sum())


def _keys(rows: IntArray, values: IntArray, n: int) -> npt.NDArray[np.int64]:
    return np.asarray(rows.astype(np.int64) * n + values)
