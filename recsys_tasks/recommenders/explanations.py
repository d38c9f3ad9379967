"""Why a track stands on a list: "like X, which you played".

The score of an item-item component is the sum of the similarities to the tracks that the listener played (Sarwar et
al., WWW 2001), so that each of these has its share of it; the largest one is the reason.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.columns import places_among
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.vectors import Played


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
        for row in np.flatnonzero(((found < 0) & (cols >= 0)).any(axis=1)).tolist():
            found[row] = np.where(found[row] < 0, _reasons(each, played.of(row), cols[row]), found[row])
    return found


def _reasons(similar: SimilarTracks, played: IntArray, wanted: IntArray) -> npt.NDArray[np.int32]:
    """The reasons of one listener's list. (k,)."""
    matrix = similar.matrix
    played = played[played < matrix.shape[0]]
    near = Played(matrix.indptr, matrix.indices)
    places = near.places(played)
    rising, asked = np.unique(wanted, return_inverse=True)
    hit, at = places_among(near.cols[places], rising)
    sources = np.repeat(played, near.lengths(played))[hit]
    best = np.lexsort((sources, -matrix.data[places[hit]], at))
    first = best[np.diff(at[best], prepend=-1) > 0]  # the largest of each wanted track
    first = first[matrix.data[places[hit]][first] > 0]  # what speaks against a track is no reason for it
    found = np.full(len(rising), -1, dtype=np.int32)
    found[at[first]] = sources[first]
    return found[asked]
