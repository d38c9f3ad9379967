"""Why a track stands on a list: "like X, which you played".

The score of an item-item component is the sum of the similarities to the tracks that the listener played (Sarwar et
al., WWW 2001), so that each of these has its share of it; the largest one is the reason.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.lookup import places_among
from recsys_tasks.recommenders.in_blocks import blocks_of_work, work_of
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.vectors import Played

AT_ONCE = 1 << 18
"""Neighbours of listeners' tracks that are looked through together, or those of one listener."""


def reasons(similar: Sequence[SimilarTracks], played: Played, cols: IntArray) -> npt.NDArray[np.int32]:
    """The played track that contributes most to each recommended one, -1 where no component names any.

    Args:
        similar: of the components that know similar tracks, ``neighbours`` before ``content``: their similarities are
            on different scales, so the first that names a track is believed.
        played: tracks of the listeners, in the columns of ``cols``; a component may know fewer.
        cols: (n_users, k) recommended tracks, -1 for a missing place.

    Returns:
        (n_users, k) columns; of equal contributions the lowest column.

    Raises:
        BadData: played tracks and lists are of different numbers of listeners.
    """
    if len(played.indptr) != len(cols) + 1:
        raise BadData(f"Played tracks of {len(played.indptr) - 1} users do not fit {len(cols)} lists.")
    found = np.full(np.shape(cols), -1, dtype=np.int32)
    for each in similar:
        rows = np.flatnonzero(((found < 0) & (cols >= 0)).any(axis=1))
        own = played.rows(rows)
        own = own.where(own.cols < each.matrix.shape[0])
        for start, end in blocks_of_work(work_of(own, each.matrix), AT_ONCE):
            some = np.arange(start, end)
            named = _reasons(each, own.rows(some), cols[rows[some]])
            found[rows[some]] = np.where(found[rows[some]] < 0, named, found[rows[some]])
    return found


def _reasons(similar: SimilarTracks, played: Played, wanted: IntArray) -> npt.NDArray[np.int32]:
    """The reasons of the lists of some listeners. (n_users, k)."""
    n_tracks, near = similar.matrix.shape[1], similar.matrix[played.cols]
    first_keys = np.arange(len(wanted)) * n_tracks
    keys = near.indices + np.repeat(first_keys, np.diff(near.indptr[played.indptr]))
    there = (wanted >= 0) & (wanted < n_tracks)
    rising, asked = np.unique(np.where(there, wanted + first_keys[:, None], -1), return_inverse=True)
    hit, at = places_among(keys, rising)
    sources, values = np.repeat(played.cols, np.diff(near.indptr))[hit], near.data.take(hit)
    best = np.lexsort((sources, -values, at))
    first = best[np.diff(at[best], prepend=-1) > 0]  # the largest of each wanted track
    first = first[values[first] > 0]  # what speaks against a track is no reason for it
    found = np.full(len(rising), -1, dtype=np.int32)
    found[at[first]] = sources[first]
    return found[asked].reshape(wanted.shape)
