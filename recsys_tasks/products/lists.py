"""What a product is: lists of track columns with scores and reasons, and the names that a person reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, Id, IntArray
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.recommenders.vectors import Played

Cols = npt.NDArray[np.int32]
LONGEST_LIST = 10_000
"""Tracks: the search takes memory for each place of a list, whether there is a track for it or not."""


@dataclass(frozen=True)
class Track:
    """One place of a list."""

    track_id: Id
    title: str | None
    artist: str | None
    score: float  # of a popular track: the number of its listeners; where it is by recent plays, each of them faded
    because: "Track | None" = None  # the played track that explains it


class Listed(NamedTuple):
    """One list of track columns, best first; -1 where nothing is left."""

    cols: Cols  # (k,)
    scores: npt.NDArray[np.float32]  # (k,)
    reasons: Cols  # (k,)


@dataclass(frozen=True)
class TrackLists:
    """Lists that belong to no listener, best first; -1, -inf and -1 where nothing is left."""

    cols: Cols  # (n_lists, k)
    scores: FloatArray  # (n_lists, k)
    reasons: Cols  # (n_lists, k) column of the track that explains a place; -1: none


@dataclass(frozen=True)
class Lists:
    """The lists of some listeners, best first; -1, -inf and -1 where nothing is left."""

    user_rows: IntArray  # (n_users,)
    cols: Cols  # (n_users, k)
    scores: FloatArray  # (n_users, k) of the retriever; where diversity counts, they do not fall evenly
    reasons: Cols  # (n_users, k) column of the played track that explains a place; -1: none
    popular: BoolArray  # (n_users,) the popular tracks, by number of listeners: nothing else is known of the listener
    propensities: FloatArray | None = None  # (n_users, k) with which a new track was drawn; NaN: none was

    def of(self, place: int) -> tuple[Cols, FloatArray, Cols]:
        """Columns, scores and reasons of one list, without what stands for nothing."""
        there = self.cols[place] >= 0
        return self.cols[place, there], self.scores[place, there], self.reasons[place, there]


@dataclass(frozen=True)
class ArtistLists:
    """Lists of artists, best first; -1 and -inf where nothing is left."""

    artists: Cols  # (n_lists, k) numbers of ``Artists``
    scores: FloatArray  # (n_lists, k)


def check_length(k: int) -> None:
    """Refuse a list that no search makes.

    Raises:
        ConfigError: k is not positive, or beyond ``LONGEST_LIST``.
    """
    if not 1 <= k <= LONGEST_LIST:
        raise ConfigError(f"A list of {k:,} tracks was asked for. Ask for one or more, {LONGEST_LIST:,} at the most.")


def without_reasons(cols: Cols, scores: FloatArray) -> TrackLists:
    """Lists that nothing explains."""
    return TrackLists(cols, scores, np.full_like(cols, -1))


def hidden_together(parts: Sequence[Played], n_tracks: int) -> Played:
    """All that several sets of tracks hold of each listener, each track once, by column.

    Args:
        parts: of the same listeners, one at least.
        n_tracks: number of columns.
    """
    if len(parts) == 1:
        return parts[0]
    n_users = len(parts[0].indptr) - 1
    keys = np.sort(np.concatenate([keys_of(part, n_tracks) for part in parts]))
    keys = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]  # np.unique hashes, a hundred times as long
    ends = np.searchsorted(keys, np.arange(n_users + 1) * n_tracks)
    return Played(ends, (keys % n_tracks).astype(np.int32))


def keys_of(played: Played, n_tracks: int) -> npt.NDArray[np.int64]:
    """One number for each pair of listener, by place, and column. (n_pairs,)."""
    return played.owners * n_tracks + played.cols[played.indptr[0] : played.indptr[-1]]


def as_played(lists: Sequence[IntArray]) -> Played:
    """Track columns of several lists in one value."""
    ends = np.concatenate([[0], np.cumsum([len(cols) for cols in lists])]).astype(np.int64)
    cols = np.concatenate([np.zeros(0, np.int32), *lists]).astype(np.int32)
    return Played(ends, cols)


def best_of_each(owners: IntArray, cols: IntArray, scores: FloatArray, n: int, k: int) -> tuple[Cols, FloatArray]:
    """The k best of each owner's entries, equal scores by column, padded with -1 and -inf. (n, k) each.

    Args:
        owners: (n_entries,) whose entry each is, from 0.
        cols: (n_entries,) columns.
        scores: (n_entries,) scores.
        n: number of owners.
        k: length of the lists.
    """
    found, values = np.full((n, k), -1, dtype=np.int32), np.full((n, k), -np.inf, dtype=np.float32)
    order = np.lexsort((cols, -scores, owners))
    owners = owners[order]
    place = np.arange(len(order)) - np.searchsorted(owners, owners)
    kept = place < k
    found[owners[kept], place[kept]] = cols[order][kept]
    values[owners[kept], place[kept]] = scores[order][kept]
    return found, values
