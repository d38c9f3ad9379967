"""Tracks like a track, by the cosine of their factors."""

import numpy as np

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.index.annoy_index import find_similar
from recsys_tasks.products.lists import Cols, TrackLists
from recsys_tasks.products.view import ReleaseView

MOST_ASKED = 2_000
"""Neighbours that Annoy is asked for where only some tracks are allowed; beyond, all of these are looked at."""


def similar_tracks(view: ReleaseView, cols: IntArray, k: int, allowed: BoolArray | None) -> TrackLists:
    """The k allowed tracks nearest to each of some tracks; none for a track without a factor.

    Args:
        view: the release.
        cols: (n_lists,) the tracks that are asked about.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.
    """
    found, cosines = np.full((len(cols), k), -1, np.int32), np.full((len(cols), k), -np.inf, np.float32)
    ranks = view.tracks.col_ranks[cols]
    for place in np.flatnonzero(ranks >= 0):
        near, values = _near(view, int(ranks[place]), k, allowed)
        found[place, : len(near)], cosines[place, : len(near)] = near, values
    return TrackLists(found, cosines, np.where(found >= 0, np.asarray(cols, np.int32)[:, None], -1).astype(np.int32))


def _near(view: ReleaseView, rank: int, k: int, allowed: BoolArray | None) -> tuple[Cols, FloatArray]:
    """Columns and cosines of the nearest allowed tracks. (at most k,) each."""
    if allowed is None:
        return _found(view, rank, k)
    n_allowed = int(np.count_nonzero(allowed))
    wanted = 2 * k * len(allowed) // max(n_allowed, 1)
    if wanted <= MOST_ASKED:
        cols, cosines = _found(view, rank, wanted)
        kept = allowed[cols]
        if np.count_nonzero(kept) >= k:
            return cols[kept][:k], cosines[kept][:k]
    return _looked_through(view, rank, k, allowed)


def _found(view: ReleaseView, rank: int, k: int) -> tuple[Cols, FloatArray]:
    gated = view.bundle.gated
    ranks, cosines = find_similar(gated.search.index, rank, k, gated.parameters_for(k).similar_search_k)
    return view.tracks.rank_cols[ranks], cosines


def _looked_through(view: ReleaseView, rank: int, k: int, allowed: BoolArray) -> tuple[Cols, FloatArray]:
    """The nearest allowed tracks by looking at each of them."""
    tracks = view.tracks
    open_ = np.flatnonzero(allowed[tracks.rank_cols])
    open_ = open_[open_ != rank]
    cosines = tracks.ranked_factors[open_] @ (tracks.ranked_factors[rank] / tracks.ranked_norms[rank])
    cosines = (cosines / tracks.ranked_norms[open_]).astype(np.float32)
    best = np.argsort(-cosines, kind="stable")[:k]
    return tracks.rank_cols[open_[best]], cosines[best]
