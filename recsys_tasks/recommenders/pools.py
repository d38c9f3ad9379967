"""The candidates of listeners: the union of what several components list, and what each of these says of them.

Every component scores all candidates of a listener; its scores become z-scores over these candidates (mean 0, standard
deviation 1), because the scores of different components are on different scales.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.recommenders.base import Candidates, Retriever
from recsys_tasks.recommenders.falling import falling
from recsys_tasks.recommenders.neighbours import LISTENERS_AT_ONCE
from recsys_tasks.recommenders.vectors import Played

LEAST_DEVIATION = 1e-12
"""Scores with a smaller standard deviation differ by rounding, and say nothing of the candidates."""


@dataclass(frozen=True)
class Pool:
    """Candidates of listeners and what each component says of them, on one scale."""

    cols: npt.NDArray[np.int64]  # (n_users, n_places) rising, -1 for a missing one, which stands behind all others
    z: npt.NDArray[np.float64]  # (n_components, n_users, n_places), 0 for a missing candidate
    warm: BoolArray  # (n_users,) the first component lists anything
    complete: BoolArray  # (n_users,) no item is missing that has a score
    raw: npt.NDArray[np.float64]  # (n_components, n_users, n_places) the scores as they are; of a missing one, anything

    @cached_property
    def places(self) -> list[IntArray]:
        """Places of the candidates by each component; whatever else joins these components asks for them again."""
        return [places_of(raw, self.cols >= 0) for raw in self.raw]

    def of_listeners(self, rows: IntArray | slice) -> "Pool":
        """The same of some of the listeners. rows: their places among these."""
        return Pool(self.cols[rows], self.z[:, rows], self.warm[rows], self.complete[rows], self.raw[:, rows])


def pool_of(
    components: Sequence[Retriever],
    user_rows: IntArray,
    played: Played,
    depth: int,
    allowed: BoolArray | None = None,
) -> Pool:
    """The union of the components' candidates, and their z-scores.

    Args:
        components: what lists and scores.
        user_rows: (n_users,) rows of the listeners.
        played: items that each of them is not to be shown.
        depth: candidates that each component lists.
        allowed: (n_items,) items to choose from; None: all.
    """
    parts = [
        pooled(components, [each.candidates(rows, own, depth, allowed) for each in components], rows)
        for rows, own in blocks_of(user_rows, played)
    ]
    return parts[0] if len(parts) == 1 else together(parts)


def together(parts: Sequence[Pool]) -> Pool:
    """The pools of several listeners as one: each is as wide as all lists together."""
    cols, warm, complete = (
        np.concatenate([getattr(each, name) for each in parts]) for name in ("cols", "warm", "complete")
    )
    z, raw = (np.concatenate([getattr(each, name) for each in parts], axis=1) for name in ("z", "raw"))
    return Pool(cols, z, warm, complete, raw)


def pooled(components: Sequence[Retriever], lists: Sequence[Candidates], user_rows: IntArray) -> Pool:
    """The same of lists that are there already, one of each component for all of these listeners."""
    cols, there = _union(np.concatenate([found.cols for found in lists], axis=1).astype(np.int64))
    raw = raw_scores(components, user_rows, cols)
    z = np.stack([standardised(scores, there) for scores in raw])
    complete = [(found.cols[:, -1] < 0) & (found.exact | (found.cols[:, 0] < 0)) for found in lists]
    return Pool(cols, z, lists[0].cols[:, 0] >= 0, np.asarray(np.logical_and.reduce(complete)), raw)


def raw_scores(
    components: Sequence[Retriever], user_rows: IntArray, cols: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """What each component says of each listener's candidates (n_users, n_places), 0 where the place is empty."""
    there = cols >= 0
    listeners, items = np.repeat(user_rows, there.sum(axis=1)), cols[there]
    raw = np.zeros((len(components), *cols.shape))
    for scores, component in zip(raw, components, strict=True):
        scores[there] = component.scores(listeners, items)
    return raw


def places_of(scores: npt.NDArray[np.float64], there: BoolArray) -> IntArray:
    """The place of each candidate among those of its listener by a score of float32, the best having 0.

    Equal ones stand in their order, and missing ones behind all others. (n_users, n_places)
    """
    order = falling(np.where(there, scores, -np.inf).astype(np.float32))
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(order.shape[1])[None], axis=1)
    return places


def standardised(scores: npt.NDArray[np.float64], there: BoolArray) -> npt.NDArray[np.float64]:
    """z-scores of each row over the places that are there, 0 elsewhere and where all are alike. (n_users, n_places)."""
    n = np.maximum(there.sum(axis=1, keepdims=True), 1)
    centred = np.where(there, scores - np.where(there, scores, 0).sum(axis=1, keepdims=True) / n, 0)
    return in_deviations(centred, np.sqrt((centred**2).sum(axis=1, keepdims=True) / n))


def in_deviations(centred: npt.NDArray[np.float64], deviation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores less their mean, in standard deviations; 0 where all are alike. Of any one shape."""
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > LEAST_DEVIATION))


def blocks_of(user_rows: IntArray, played: Played) -> Iterator[tuple[IntArray, Played]]:
    """Listeners and what each of them is not to be shown, as many at a time as ``Neighbours`` looks up together: it
    keeps what their tracks reach for the next question. It changes no answer. Nobody is one block too."""
    for start in range(0, max(1, len(user_rows)), LISTENERS_AT_ONCE):
        rows = user_rows[start : start + LISTENERS_AT_ONCE]
        ends = played.indptr[start : start + len(rows) + 1]
        yield rows, Played(ends - ends[0], played.cols[ends[0] : ends[-1]])


def best_of(pool: Pool, totals: npt.NDArray[np.float64], k: int) -> Candidates:
    """The k best of a pool, exact where that is complete. totals: (n_users, n_places)."""
    rounded = np.where((pool.cols < 0) | ~pool.warm[:, None], -np.inf, totals).astype(np.float32)
    best = falling(rounded)[:, :k]  # columns rise, so equal scores stand by column
    scores = np.take_along_axis(rounded, best, axis=1)
    cols = np.where(np.isneginf(scores), -1, np.take_along_axis(pool.cols, best, axis=1))
    return Candidates(cols.astype(np.int32), scores, pool.complete & pool.warm)


def followed(found: Candidates, others: Candidates, k: int) -> Candidates:
    """Lists of k that go on with what else stands on others, of which each listener has k if there are so many; their
    scores fall to one below the last of the found ones at the most."""
    rows, beyond = np.arange(len(found.cols))[:, None], 1 + max(found.cols.max(initial=0), others.cols.max(initial=0))
    known = np.isin(rows * beyond + others.cols, (rows * beyond + found.cols)[found.cols >= 0])
    cols = np.concatenate([found.cols, np.where(known, -1, others.cols)], axis=1)
    least = np.where(found.cols >= 0, found.scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    behind = np.where(np.isfinite(least), least, 0) - np.arange(1, others.cols.shape[1] + 1) / k
    scores = np.where(cols >= 0, np.concatenate([found.scores, behind], axis=1), -np.inf).astype(np.float32)
    order = np.argsort(cols < 0, axis=1, kind="stable")[:, :k]
    return Candidates(np.take_along_axis(cols, order, axis=1), np.take_along_axis(scores, order, axis=1), found.exact)


def _union(cols: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], BoolArray]:
    """Each row's columns once, rising, -1 behind them; and which places hold one. (n_users, n_places) each.

    The width is the same whoever else asks: a sum over a row would otherwise be rounded differently.
    """
    beyond = np.iinfo(np.int64).max
    found = np.sort(np.where(cols < 0, beyond, cols), axis=1)
    found[:, 1:][found[:, 1:] == found[:, :-1]] = beyond
    found.sort(axis=1)
    there = found < beyond
    return np.where(there, found, -1), there
