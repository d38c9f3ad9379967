"""What lists are like, hits aside: how new to people, how varied, how evenly spread, how true to a listener's genres.

Each function takes ``lists`` (n_users, k), track columns with -1 for a missing place.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, Figures, IntArray
from recsys_tasks.evaluation.estimates import TOLD_LISTENERS
from recsys_tasks.evaluation.lists import Lists
from recsys_tasks.evaluation.metrics import Values
from recsys_tasks.evaluation.traits import Traits
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.vectors import evenly_spread

SMOOTHING = 0.01
"""Share of the listener's own genres mixed into those of the list, so that a missing genre costs no infinity."""


def novelty(lists: Lists, listeners: IntArray, n_users: int) -> Values:
    """Mean of -log2(listeners / n_users) over a list: mean inverse user frequency (RecTools' MeanInvUserFreq).

    A track without a listener counts as one of a single listener. NaN for an empty list. (n_users,)

    Args:
        lists: tracks of each user.
        listeners: (n_tracks,) how many of ``n_users`` played each track.
        n_users: everybody who played anything.
    """
    surprise = -np.log2(np.maximum(listeners, 1) / n_users)
    return _mean_of_places(surprise[lists], lists >= 0)


def diversity(lists: Lists, codes: IntArray) -> Values:
    """Share of traits in which two tracks of a list differ, mean over its pairs: RecTools' IntraListDiversity with its
    Hamming distance, over the number of traits.

    Of a pair only those traits count that are known of both. NaN where none is. (n_users,)

    Args:
        lists: tracks of each user.
        codes: (n_tracks, n_traits) a number for each value, -1 where it is unknown.
    """
    unequal, pairs = np.zeros(len(lists)), np.zeros(len(lists))
    one, other = np.triu_indices(lists.shape[1], 1)
    for trait in codes.T:
        values = np.where(lists >= 0, trait[lists], -1)
        known = (values[:, one] >= 0) & (values[:, other] >= 0)
        unequal += (known & (values[:, one] != values[:, other])).sum(axis=1)
        pairs += known.sum(axis=1)
    return _quotients(unequal, pairs)


def gini(lists: Lists, n_tracks: int) -> float:
    """Inequality of how many lists each track stands in, those in none included: 0 all alike, towards 1 a single one
    (LensKit's ListGini)."""
    shown = np.sort(np.bincount(lists[lists >= 0], minlength=n_tracks))
    total = int(shown.sum())
    return float((2 * np.arange(1, n_tracks + 1) - n_tracks - 1) @ shown / (n_tracks * total)) if total else 0.0


def miscalibration(lists: Lists, history: sparse.csr_matrix, genres: sparse.csr_matrix) -> Values:
    """Kullback-Leibler divergence of the genres of a list from those of the listener's own tracks: Steck, Calibrated
    recommendations (RecSys 2018), equation 6, in nats. 0: the same shares.

    p(g) is the mean of p(g | track) over the tracks played, q(g) that over the list, each track alike; q is mixed with
    ``SMOOTHING`` of p. NaN where the catalogue says no genre of any track of either. (n_users,)

    Args:
        lists: tracks of each user.
        history: (n_users, n_tracks) what each has played; its values are not looked at.
        genres: (n_tracks, n_genres) p(g | track), rows sum to one or are empty.
    """
    n_users, listed = len(lists), lists >= 0
    of_lists = sparse.csr_matrix(
        (np.ones(int(listed.sum())), lists[listed], np.append(0, np.cumsum(listed.sum(axis=1)))),
        shape=(n_users, genres.shape[0]),
    )
    ones = sparse.csr_matrix((np.ones(history.nnz), history.indices, history.indptr), shape=history.shape)
    p, q = (np.asarray((tracks @ genres).todense()) for tracks in (ones, of_lists))
    known = (p.sum(axis=1) > 0) & (q.sum(axis=1) > 0)
    p, q = (shares[known] / shares[known].sum(axis=1, keepdims=True) for shares in (p, q))
    mixed = (1 - SMOOTHING) * q + SMOOTHING * p
    result = np.full(n_users, np.nan)
    result[known] = (p * np.log(np.divide(p, mixed, out=np.ones_like(p), where=p > 0))).sum(axis=1)
    return result


def beyond_accuracy(lists: dict[str, Lists], holdout: Holdout, scored: IntArray, traits: Traits) -> Figures:
    """The figures of each model's lists: means over the listeners of whom they can be told, with their number.

    Args:
        lists: by model, of the scored listeners.
        holdout: the day as the listeners are asked about it.
        scored: (n_users,) places of the scored listeners among the hidden ones.
        traits: of the tracks.
    """
    n_users = int((np.diff(holdout.training.indptr) > 0).sum())
    sample = evenly_spread(np.arange(len(scored)), TOLD_LISTENERS)
    history = holdout.history[scored[sample]]
    figures: Figures = {}
    for who, found in lists.items():
        values = {"novelty": novelty(found, holdout.listeners, n_users)}
        values["artist_diversity"] = diversity(found[sample], traits.artists[:, None])
        values["feature_diversity"] = diversity(found[sample], traits.features)
        if traits.genres is not None:
            values["miscalibration"] = miscalibration(found[sample], history, traits.genres)
        figures |= {f"{who}_{name}": told for name, of in values.items() if (told := _mean(of)) is not None}
        figures[f"{who}_gini"] = gini(found, len(holdout.listeners))
    return figures


def _mean_of_places(values: Values, listed: BoolArray) -> Values:
    return _quotients((values * listed).sum(axis=1), listed.sum(axis=1))


def _quotients(above: Values, below: npt.NDArray[Any]) -> Values:
    """NaN where ``below`` is 0."""
    return np.asarray(np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0))


def _mean(values: Values) -> Figures | None:
    known = values[~np.isnan(values)]
    return {"mean": float(known.mean()), "users": len(known)} if len(known) else None
