"""Lists for the listeners of a release: what suits them best, within the rules of the settings."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.products.choice import diverse_places, first_places, taken, within_artists
from recsys_tasks.products.lists import Cols, Lists
from recsys_tasks.products.reasons import reasons_for
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.vectors import Played

USERS_AT_ONCE = 512
"""Listeners for whom lists are chosen together."""
LARGEST_POOL = 10_000
"""Candidates of a listener whose list is short of artists: no search goes further."""
WIDER = 4
"""How many times as many candidates a short list gets on another try."""
Asked: TypeAlias = Callable[[int], Retriever]
"""The retriever for a number of candidates."""


class Chosen(NamedTuple):
    """Lists without reasons."""

    cols: Cols  # (n_users, k)
    scores: FloatArray  # (n_users, k)


def best_tracks(
    view: ReleaseView, user_rows: IntArray, hidden: Played, k: int, allowed: BoolArray | None = None
) -> Lists:
    """The lists of some listeners; whoever is cold to the release gets the popular tracks.

    Args:
        view: the release.
        user_rows: (n_users,) rows of the listeners.
        hidden: tracks that each of them is not shown.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.
    """
    cols, scores = np.full((len(user_rows), k), -1, np.int32), np.full((len(user_rows), k), -np.inf, np.float32)
    for start in range(0, len(user_rows), USERS_AT_ONCE):
        some = slice(start, start + USERS_AT_ONCE)
        cols[some], scores[some] = chosen(view, view.retriever, user_rows[some], _slice(hidden, some), k, allowed)
    popular = np.asarray(~view.bundle.users.vectors[user_rows].any(axis=1), dtype=bool)
    if popular.any():
        rows = np.flatnonzero(popular)
        cols[rows], scores[rows] = chosen(view, lambda _: view.popular_ever, rows, hidden.rows(rows), k, allowed)
    reasons = reasons_for(view, np.where(popular[:, None], -1, cols), view.played.rows(user_rows))
    return Lists(user_rows, cols, scores, reasons, popular)


def chosen(
    view: ReleaseView,
    asked: Asked,
    user_rows: IntArray,
    hidden: Played,
    k: int,
    allowed: BoolArray | None,
    most_of_one_artist: int | None = None,
) -> Chosen:
    """Lists out of a retriever's candidates; a list that its artists leave short is chosen out of more of them.

    Args:
        view: the release.
        asked: the retriever for a number of candidates.
        user_rows: (n_users,) rows of the listeners, in the retriever's own numbers.
        hidden: tracks that each of them is not shown.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.
        most_of_one_artist: None: that of the settings.
    """
    most = view.settings.most_of_one_artist if most_of_one_artist is None else most_of_one_artist
    leaves_out = (most and len(view.artists)) or view.settings.diversity
    places = min(round(k * view.settings.pool), LARGEST_POOL) if leaves_out else k
    cols, scores = np.full((len(user_rows), k), -1, np.int32), np.full((len(user_rows), k), -np.inf, np.float32)
    short = np.arange(len(user_rows))
    while len(short):
        found = asked(places).candidates(user_rows[short], _rows(hidden, short), places, allowed)
        cols[short], scores[short] = _picked(view, found.cols, found.scores, k, most)
        more = (found.cols[:, -1] >= 0) & (cols[short, -1] < 0)  # there are more candidates, and the list wants some
        short, done = short[more], places >= LARGEST_POOL
        if done:
            break
        places = min(places * WIDER, LARGEST_POOL)
    return Chosen(cols, scores)


def _slice(hidden: Played, some: slice) -> Played:
    """Those of some listeners in a row, alone: retrievers go through all columns that they are given."""
    ends = hidden.indptr[some.start : some.stop + 1]
    return Played(ends - ends[0], hidden.cols[ends[0] : ends[-1]])


def _rows(hidden: Played, rows: IntArray) -> Played:
    return hidden if len(rows) == len(hidden.indptr) - 1 else hidden.rows(rows)


def _picked(view: ReleaseView, cols: Cols, scores: FloatArray, k: int, most: int) -> Chosen:
    """The list out of the candidates of each listener, best first."""
    weight, there = view.settings.diversity, cols >= 0
    artists = np.where(there, view.artists.of_col[cols], -1)
    if weight:
        places = diverse_places(scores, there, view.directions(cols), artists, k, most, weight)
    else:
        places = first_places(within_artists(artists, there, most), k)
    return Chosen(taken(cols, places, -1).astype(np.int32), taken(scores, places, -np.inf).astype(np.float32))
