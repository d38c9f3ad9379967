"""Which of a listener's candidates stand on the list: at most so many of one artist, and unlike one another.

Diversity is maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): one after the other, the candidate with
the largest (1 - w) * relevance - w * (largest cosine to a chosen one), with relevance the score on a scale from 0 to 1
over the listener's candidates. Many listeners are chosen for at a time.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray

Kind = TypeVar("Kind", bound=np.generic)


def within_artists(artists: IntArray, there: BoolArray, most: int) -> BoolArray:
    """Which candidates are among the first ``most`` of their artist in their row. (n_users, n_places).

    Args:
        artists: (n_users, n_places) number of each candidate's artist, best first; -1: unknown, which is no artist.
        there: (n_users, n_places) which places hold a candidate.
        most: 0: no limit.
    """
    if not most:
        return there
    order = np.argsort(artists, axis=1, kind="stable")
    grouped = np.take_along_axis(artists, order, axis=1)
    places = np.broadcast_to(np.arange(artists.shape[1]), artists.shape)
    begins = np.ones(artists.shape, dtype=bool)
    begins[:, 1:] = grouped[:, 1:] != grouped[:, :-1]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    kept = np.empty(artists.shape, dtype=bool)
    np.put_along_axis(kept, order, (places - first < most) | (grouped < 0), axis=1)
    return np.asarray(kept & there)


def first_places(kept: BoolArray, k: int) -> npt.NDArray[np.int64]:
    """The first k places of each row that are kept, -1 behind them. (n_users, k)."""
    order = np.argsort(~kept, axis=1, kind="stable")[:, :k]
    places = np.where(np.take_along_axis(kept, order, axis=1), order, -1)
    return np.pad(places, ((0, 0), (0, k - places.shape[1])), constant_values=-1)


def diverse_places(
    scores: FloatArray, there: BoolArray, directions: FloatArray, artists: IntArray, k: int, most: int, weight: float
) -> npt.NDArray[np.int64]:
    """The places that MMR chooses, in its order, -1 behind them. (n_users, k).

    Args:
        scores: (n_users, n_places), best first.
        there: (n_users, n_places) which places hold a candidate.
        directions: (n_users, n_places, n_factors) of length 1, or zero where there is none.
        artists: (n_users, n_places) number of each candidate's artist; -1: unknown.
        k: length of the lists.
        most: tracks of one artist; 0: no limit.
        weight: of unlikeness, between 0 and 1.
    """
    relevance, rows = (1 - weight) * _scaled(scores, there), np.arange(len(scores))
    nearest, open_ = np.zeros_like(relevance), there.copy()
    of_artist = np.zeros(scores.shape, dtype=np.int32)
    places = np.full((len(scores), k), -1, dtype=np.int64)
    for place in range(min(k, scores.shape[1])):
        value = np.where(open_, relevance - weight * nearest, -np.inf)
        chosen = value.argmax(axis=1)
        found = open_[rows, chosen]
        places[found, place] = chosen[found]
        open_[rows, chosen] = False
        like = (directions @ directions[rows, chosen][:, :, None])[..., 0]  # (n_users, n_places)
        nearest = like if place == 0 else np.maximum(nearest, like)
        if most:
            of_artist += (artists == artists[rows, chosen][:, None]) & (artists >= 0)
            open_ &= of_artist < most
    return places


def _scaled(scores: FloatArray, there: BoolArray) -> FloatArray:
    """Scores from 0 to 1 over the candidates of a row, all of them 0 where they are alike."""
    low = np.where(there, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(there, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    spread = np.where(high > low, high - low, 1)
    return np.where(there, (scores - low) / spread, 0).astype(np.float32)


def taken(values: npt.NDArray[Kind], places: IntArray, nothing: float) -> npt.NDArray[Kind]:
    """The values of some places of each row, ``nothing`` for place -1. (n_users, k)."""
    found = np.take_along_axis(values, np.maximum(places, 0), axis=1)
    return np.where(places >= 0, found, np.asarray(nothing, dtype=values.dtype))
