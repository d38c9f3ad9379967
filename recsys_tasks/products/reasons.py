"""Why a track is listed: the played track to which it owes most.

Where the release knows similar tracks, the one with the largest share of the item-item score
(``recommenders.explanations``); else, and where that names none, the played track with the nearest factors.
"""

from collections.abc import Iterator

import numpy as np

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.products.lists import Cols
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.explanations import reasons
from recsys_tasks.recommenders.vectors import Played

MOST_PLAYED = 200
"""Played tracks of a listener that are compared: of a longer history, so many evenly spaced ones."""
USERS_AT_ONCE = 128
"""Listeners whose tracks are compared together: their factors stay in the cache."""


def reasons_for(view: ReleaseView, cols: Cols, played: Played) -> Cols:
    """The played track that explains each place of each list. (n_users, k).

    Args:
        view: the release.
        cols: (n_users, k) the lists; -1: no track.
        played: what each of the listeners played.

    Returns:
        Track columns; -1 where none is nearer than ``least_reason``.
    """
    if not view.settings.reasons:
        return np.full_like(cols, -1)
    gated = view.bundle.gated
    known = [each for each in (gated.similar, gated.content) if each is not None]
    named = reasons(known, played, cols)
    return np.where(named >= 0, named, _by_factors(view, np.where(named >= 0, -1, cols).astype(np.int32), played))


def _by_factors(view: ReleaseView, cols: Cols, played: Played) -> Cols:
    """The played track whose factors are nearest to those of each place. (n_users, k)."""
    found, asked = np.full_like(cols, -1), np.asarray((cols >= 0).any(axis=1), dtype=bool)
    for rows, padded in _padded(played, asked):
        likeness = view.directions(cols[rows]) @ view.directions(padded).transpose(0, 2, 1)
        nearest = likeness.argmax(axis=2)
        near = np.take_along_axis(likeness, nearest[..., None], axis=2)[..., 0] >= view.settings.least_reason
        reason = np.take_along_axis(padded, nearest, axis=1)
        found[rows] = np.where(near & (cols[rows] >= 0), reason, -1)
    return found


def _padded(played: Played, asked: BoolArray) -> Iterator[tuple[IntArray, Cols]]:
    """Listeners who are asked about, of about equally many played tracks, and these, padded with -1.

    (n_some,) and (n_some, width).
    """
    lengths = np.diff(played.indptr)
    order = np.argsort(lengths, kind="stable")
    order = order[(lengths[order] > 0) & asked[order]]
    for start in range(0, len(order), USERS_AT_ONCE):
        rows = order[start : start + USERS_AT_ONCE]
        width = min(int(lengths[rows[-1]]), MOST_PLAYED)
        steps = np.maximum(lengths[rows], width) / width  # 1 where all of them have a place
        places = (np.arange(width) * steps[:, None]).astype(np.int64)
        there = places < lengths[rows][:, None]
        cols = played.cols[np.where(there, played.indptr[rows][:, None] + places, 0)]
        yield rows, np.where(there, cols, -1).astype(np.int32)
