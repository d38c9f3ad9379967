"""The weights of a blend, fitted on the blend's listeners: nDCG@k of their hidden plays, one weight after the other.

Coordinate ascent (Metzler and Croft, "Linear feature-based models for information retrieval", Information Retrieval
2007): the first component keeps weight 1, each other one in turn takes the value of a fixed grid that scores most,
until none gains. Nothing is drawn: the same listeners give the same weights. The gate's listeners take no part.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.evaluation.metrics import Values, ndcg
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import weighted_sum
from recsys_tasks.recommenders.pools import Pool, pool_of, together
from recsys_tasks.recommenders.vectors import evenly_spread

GRID = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Weights that a component may have beside the first one's 1."""
ROUNDS = 5
"""Turns of all components at the most; two or three settle."""
MOST_LISTENERS = 5_000
"""Listeners that are asked at the most, evenly spread over all: each is an exact search through every track."""
LEAST_LISTENERS = 100
"""Of fewer listeners with a hidden play, the weights would be those of chance: the first component stays alone."""


@dataclass(frozen=True)
class Teachers:
    """Blend listeners with a hidden play, and their candidates: weights and trees are learnt on the same ones."""

    user_rows: IntArray  # (n_users,) places among the listeners of the hold-out
    pool: Pool
    hidden: sparse.csr_matrix  # (n_users, n_tracks) hidden plays, at least one of each


def teachers_of(components: Sequence[Retriever], holdout: Holdout, depth: int) -> Teachers | None:
    """Those who teach how components are joined; None of too few, who would teach chance.

    Args:
        components: blind to the hidden plays; rows are places among the listeners of the hold-out.
        holdout: the day as the blend's listeners are asked about it.
        depth: candidates that each component lists of each listener.
    """
    asked = evenly_spread(np.flatnonzero(np.diff(holdout.hidden.indptr)), MOST_LISTENERS)
    if len(asked) < LEAST_LISTENERS:
        return None

    def pooled(rows: IntArray) -> Pool:
        return pool_of(components, rows, played_of(holdout.history[rows]), depth)

    with ThreadPoolExecutor(2) as threads:  # most of it is NumPy's work, which lets go of the interpreter
        pool = together(list(threads.map(pooled, np.array_split(asked, 2))))
    return Teachers(asked, pool, holdout.hidden[asked])


def in_words(
    labels: Sequence[str], weights: Sequence[float], holdout: Holdout, teachers: Teachers | None, most: int
) -> str:
    """The weights of components, and on whom they were fitted; or that too few listeners teach, and what helps.

    Args:
        labels: names of the components.
        weights: their weights.
        holdout: the day as the blend's listeners are asked about it.
        teachers: those of them who teach.
        most: how many of them there may be, which is ``max_users``.
    """
    if teachers is None:
        asked, n = int(np.count_nonzero(np.diff(holdout.hidden.indptr))), len(holdout.user_rows)
        return (
            f"not fitted, {labels[0]} stays alone: {asked} of {n} blend listeners played anything new, and "
            f"{LEAST_LISTENERS} are needed. More listeners teach with a larger [evaluation] "
            f"{'blend_share' if n < most else 'max_users'}, where a day has so many."
        )
    found = ", ".join(f"{label} {weight:g}" for label, weight in zip(labels, weights, strict=True))
    return f"fitted on {len(teachers.user_rows)} listeners: {found}"


def fitted_weights(teachers: Teachers | None, n_components: int, k: int) -> tuple[float, ...]:
    """Weights of components, in their order; the first one's is 1, and the others' 0 where nobody teaches.

    Args:
        teachers: whose hidden plays decide.
        n_components: how many there are.
        k: length of a list.
    """
    if teachers is None:
        return (1.0, *(0.0 for _ in range(n_components - 1)))
    return weights_for(teachers.pool, teachers.hidden, k)


def weights_for(pool: Pool, hidden: sparse.csr_matrix, k: int) -> tuple[float, ...]:
    """The weights that score most on these candidates.

    Args:
        pool: candidates and their z-scores.
        hidden: (n_users, n_tracks) hidden plays, at least one of each listener.
        k: length of a list.
    """
    hits, n_hidden = is_hit(pool.cols, hidden), np.diff(hidden.indptr)
    able = np.flatnonzero(hits.any(axis=1))  # the others score nothing, whatever the weights
    some = pool.of_listeners(able)

    def mean(weights: Sequence[float]) -> float:
        values = np.zeros(len(hits))
        values[able] = ndcg_of(some, weights, hits[able], n_hidden[able], k)
        return float(values.mean())

    weights = [1.0] + [0.0] * (len(pool.z) - 1)
    best = mean(weights)
    for _ in range(ROUNDS):
        before = best
        for place in range(1, len(weights)):
            tried = [(*weights[:place], weight, *weights[place + 1 :]) for weight in GRID]
            scores = [mean(each) for each in tried]
            if max(scores) > best:
                best, weights = max(scores), list(tried[int(np.argmax(scores))])
        if best == before:
            break
    return tuple(weights)


def ndcg_of(pool: Pool, weights: Sequence[float], hits: BoolArray, n_hidden: IntArray, k: int) -> Values:
    """nDCG@k of each listener's list under some weights. (n_users,)."""
    totals = np.where(pool.cols < 0, -np.inf, weighted_sum(pool.z, weights)).astype(np.float32)
    best = np.argpartition(-totals, k - 1, axis=1)[:, :k] if k < totals.shape[1] else _all(totals)
    order = np.lexsort((best, -np.take_along_axis(totals, best, axis=1)), axis=1)
    return ndcg(np.take_along_axis(hits, np.take_along_axis(best, order, axis=1), axis=1), n_hidden)


def _all(totals: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    return np.broadcast_to(np.arange(totals.shape[1]), totals.shape)
