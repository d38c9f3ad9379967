"""Lists for the listeners of a release: what suits them best, within the rules of the settings."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.products.choice import diverse_places, first_places, taken, within_artists
from recsys_tasks.products.lists import Cols, Lists
from recsys_tasks.products.reasons import reasons_for
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.vectors import Played

CANDIDATES_AT_ONCE = 1 << 16
"""Candidates among which lists are chosen together: with 40 factors 10 MB, however many of them a listener has."""
LARGEST_POOL = 10_000
"""Candidates of a listener whose list is short of artists: no search goes further."""
WIDER = 4
"""How many times as many candidates a short list gets on another try."""
Asked: TypeAlias = Callable[[int], Retriever]
"""The retriever for a number of candidates."""


class Rules(NamedTuple):
    """What a list keeps to beside the scores."""

    most_of_one_artist: int  # 0: no limit
    diversity: float


class Chosen(NamedTuple):
    """Lists without reasons."""

    cols: Cols  # (n_users, k)
    scores: FloatArray  # (n_users, k)


def rules_of(view: ReleaseView) -> Rules:
    """The rules of the settings; without artists there is no limit of them."""
    most = view.settings.most_of_one_artist if len(view.artists) else 0
    return Rules(most, view.settings.diversity)


def best_tracks(
    view: ReleaseView,
    user_rows: IntArray,
    hidden: Played,
    k: int,
    allowed: BoolArray | None,
    plain: bool = False,
    hour: int | None = None,
) -> Lists:
    """The lists of some listeners; whoever is cold to the release gets the popular tracks.

    Args:
        view: the release.
        user_rows: (n_users,) rows of the listeners.
        hidden: tracks that each of them is not shown.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.
        plain: whether the lists keep to no rules, and nothing is explained.
        hour: of the day, 0 to 23, for which they are made; None: for no hour. It changes no list of popular tracks.

    Raises:
        ConfigError: nobody knows when the tracks are played.
    """
    rules = Rules(0, 0.0) if plain else rules_of(view)
    asked = view.retriever if hour is None else partial(view.at_an_hour, hour)
    cols, scores = chosen(view, asked, user_rows, hidden, k, allowed, rules)
    popular = np.asarray(~view.bundle.users.vectors[user_rows].any(axis=1), dtype=bool)
    if popular.any():
        rows, rules = np.flatnonzero(popular), rules._replace(diversity=0.0)
        cols[rows], scores[rows] = chosen(view, lambda _: view.popular_ever, rows, hidden.rows(rows), k, allowed, rules)
    played = view.played.rows(user_rows)
    reasons = np.full_like(cols, -1) if plain else reasons_for(view, np.where(popular[:, None], -1, cols), played)
    return Lists(user_rows, cols, scores, reasons, popular)


def chosen(
    view: ReleaseView,
    asked: Asked,
    user_rows: IntArray,
    hidden: Played,
    k: int,
    allowed: BoolArray | None,
    rules: Rules,
) -> Chosen:
    """Lists out of a retriever's candidates; a list that its artists leave short is chosen out of more of them.

    Args:
        view: the release.
        asked: the retriever for a number of candidates.
        user_rows: (n_users,) rows of the listeners, in the retriever's own numbers.
        hidden: tracks that each of them is not shown.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.
        rules: what the lists keep to.
    """
    places = min(round(k * view.settings.pool), LARGEST_POOL) if any(rules) else k
    cols, scores = np.full((len(user_rows), k), -1, np.int32), np.full((len(user_rows), k), -np.inf, np.float32)
    short = np.arange(len(user_rows))
    while len(short):
        left, retriever, at_once = [short[:0]], asked(places), max(1, CANDIDATES_AT_ONCE // places)
        for start in range(0, len(short), at_once):
            some = short[start : start + at_once]
            found = retriever.candidates(user_rows[some], hidden.rows(some), places, allowed)
            cols[some], scores[some] = _picked(view, found.cols, found.scores, k, rules)
            left.append(some[(found.cols[:, -1] >= 0) & (cols[some, -1] < 0)])  # there are more, and the list is short
        short = np.concatenate(left) if places < LARGEST_POOL else short[:0]
        places = min(places * WIDER, LARGEST_POOL)
    return Chosen(cols, scores)


def _picked(view: ReleaseView, cols: Cols, scores: FloatArray, k: int, rules: Rules) -> Chosen:
    """The list out of the candidates of each listener, best first."""
    there, most = cols >= 0, rules.most_of_one_artist
    artists = np.where(there, view.artists.of_col[cols], -1)
    if rules.diversity:
        places = diverse_places(scores, there, view.directions(cols), artists, k, most, rules.diversity)
    else:
        places = first_places(within_artists(artists, there, most), k)
    return Chosen(taken(cols, places, -1).astype(np.int32), taken(scores, places, -np.inf).astype(np.float32))
