"""The tracks nearest to each of many tracks, by looking at all of them: what ``similar`` gives for one, exactly.

Annoy inspects tracks that lie all over memory; for every track of a catalogue, blocks of exact products take a quarter
of its time and find everything. They are 2 * n_tracks^2 * n_factors operations, of which nearly all the time goes into
the matrix product and into one comparison of each score with the worst that still is on a list.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.products.lists import TrackLists, best_of_each
from recsys_tasks.products.view import ReleaseView

ASKED_AT_ONCE = 256
"""Tracks whose neighbours are looked for together: with MOST_AT_ONCE, 4 MB of scores, which stay in the cache."""
FIRST, MOST_AT_ONCE = 256, 4_096
"""Tracks that are looked at together, at first and later: the first ones all stand on the lists for a while."""


Runs: TypeAlias = list[tuple[int, int]]


class Best(NamedTuple):
    """The nearest so far, best first; -1 and -inf where there are no more."""

    places: IntArray  # (n, k)
    cosines: FloatArray  # (n, k)


def nearest_tracks(
    view: ReleaseView,
    cols: IntArray,
    k: int,
    allowed: BoolArray | None = None,
    first: int = FIRST,
    most_at_once: int = MOST_AT_ONCE,
) -> TrackLists:
    """The k allowed tracks with the largest cosines to each of some tracks; none for a track without a factor.

    Args:
        view: the release.
        cols: (n_lists,) the tracks that are asked about.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.
        first, most_at_once: tracks that are looked at together, at first and later; change no answer.

    Returns:
        Equal cosines stand by falling norm.
    """
    tracks, asked = view.tracks, view.tracks.col_ranks[cols]
    open_ = np.arange(len(tracks)) if allowed is None else np.flatnonzero(allowed[tracks.rank_cols])
    directions = tracks.ranked_factors[open_] / tracks.ranked_norms[open_, None]
    found, cosines = np.full((len(cols), k), -1, np.int32), np.full((len(cols), k), -np.inf, np.float32)
    known, runs = np.flatnonzero(asked >= 0), list(_runs(len(open_), first, most_at_once))
    for start in range(0, len(known), ASKED_AT_ONCE):
        some = known[start : start + ASKED_AT_ONCE]
        ranks = asked[some]
        places, values = _nearest(directions, _places(open_, ranks), view.directions(cols[some]), k, runs)
        found[some] = np.where(places >= 0, tracks.rank_cols[open_[places]], -1) if len(open_) else -1
        cosines[some] = values
    return TrackLists(found, cosines, np.where(found >= 0, np.asarray(cols, np.int32)[:, None], -1).astype(np.int32))


def _places(open_: IntArray, ranks: IntArray) -> IntArray:
    """Where some tracks stand among the open ones, -1: nowhere. (n,)"""
    places = np.minimum(np.searchsorted(open_, ranks), max(len(open_) - 1, 0))
    return np.where(open_[places] == ranks, places, -1) if len(open_) else np.full(len(ranks), -1)


def _nearest(directions: FloatArray, own: IntArray, wanted: FloatArray, k: int, runs: Runs) -> Best:
    """The nearest directions.

    Args:
        directions: (n_open, n_factors) of length 1.
        own: (n,) place of each that is asked about, which is not listed; -1: none.
        wanted: (n, n_factors) of length 1.
        k: length of the lists.
        runs: where tracks that are looked at together begin and end.
    """
    n = len(wanted)
    best = Best(np.full((n, k), -1, np.int32), np.full((n, k), -np.inf, np.float32))
    waiting: list[tuple[IntArray, IntArray, FloatArray]] = []  # owners, places and cosines that may enter
    for start, stop in runs:
        scores = wanted @ directions[start:stop].T  # (n, stop - start)
        here = np.flatnonzero((own >= start) & (own < stop))
        scores[here, own[here] - start] = -np.inf
        at = np.flatnonzero(scores > best.cosines[:, -1:])
        owners, places = np.divmod(at, stop - start)
        waiting.append((owners, start + places, scores.ravel()[at]))
        if stop == len(directions) or sum(len(each) for each, _, _ in waiting) > n * k:
            best, waiting = _merged(best, waiting), []
    return best


def _merged(best: Best, waiting: list[tuple[IntArray, IntArray, FloatArray]]) -> Best:
    """The best of what stands on the lists, which comes first of equal ones, and of what may enter."""
    n, k = best.places.shape
    owners, at = np.nonzero(best.places >= 0)
    parts = [(owners, best.places[owners, at], best.cosines[owners, at]), *waiting]
    every = [np.concatenate(each) for each in zip(*parts, strict=True)]
    return Best(*best_of_each(every[0], every[1], every[2], n, k))


def _runs(n: int, first: int, most_at_once: int) -> Iterator[tuple[int, int]]:
    """Where runs of tracks begin and end: each as long as all before it, up to a bound."""
    start, stop = 0, min(first, n)
    while start < n:
        yield start, stop
        start, stop = stop, min(stop + min(stop, most_at_once), n)
