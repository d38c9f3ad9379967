"""What most are listening to: everybody, or some listeners."""

import numpy as np

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.products.listeners import chosen, rules_of
from recsys_tasks.products.lists import TrackLists, without_reasons
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.popular import PopularTracks, SameForAll
from recsys_tasks.recommenders.vectors import Played

NOTHING = Played(np.zeros(2, np.int64), np.zeros(0, np.int32))
"""Nobody's tracks are left out."""


def popular_tracks(
    view: ReleaseView, k: int, allowed: BoolArray | None = None, segment: IntArray | None = None
) -> TrackLists:
    """One list: by listeners of late where the release has them, else by all its listeners; of a segment, by its own.

    Args:
        view: the release.
        k: length of the list.
        allowed: (n_tracks,) tracks to choose from; None: all.
        segment: (n,) rows of the listeners who count; None: all.
    """
    counted = view.popular if segment is None else _among(view, segment)
    found = chosen(
        view, lambda _: counted, np.zeros(1, np.int64), NOTHING, k, allowed, rules_of(view)._replace(diversity=0.0)
    )
    return without_reasons(found.cols, found.scores)


def _among(view: ReleaseView, segment: IntArray) -> SameForAll:
    listeners = np.bincount(view.played.rows(np.asarray(segment)).cols, minlength=view.n_tracks)
    return PopularTracks(listeners.astype(np.int64), 1)
