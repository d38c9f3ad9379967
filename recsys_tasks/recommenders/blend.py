"""How the components of a candidate are joined: a weighted sum of their z-scores.

The candidates of a listener are the union of what each component lists for them. Every component scores all of them;
its scores become z-scores over these candidates (mean 0, standard deviation 1), because the scores of different
components are on different scales (Shaw and Fox, "Combination of multiple searches", TREC-2, 1994; z-scores as in
Montague and Aslam, CIKM 2001). The sum of the z-scores under the weights ranks the candidates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.base import Candidates, Retriever
from recsys_tasks.recommenders.falling import falling
from recsys_tasks.recommenders.neighbours import LISTENERS_AT_ONCE
from recsys_tasks.recommenders.vectors import Played

ALONE = ("als",)
DEPTH = 100


@dataclass(frozen=True)
class Pool:
    """Candidates of listeners and what each component says of them, on one scale."""

    cols: npt.NDArray[np.int64]  # (n_users, n_places) rising, -1 for a missing one, which stands behind all others
    z: npt.NDArray[np.float64]  # (n_components, n_users, n_places), 0 for a missing candidate
    warm: BoolArray  # (n_users,) the first component lists anything
    complete: BoolArray  # (n_users,) no item is missing that has a score
    raw: npt.NDArray[np.float64]  # (n_components, n_users, n_places) the scores as they are, 0 for a missing candidate


@dataclass(frozen=True)
class Blend:
    """Names and weights of components, in their order.

    Raises:
        ConfigError: there is no component, no weight that is positive, or they are not equally many.
    """

    weights: tuple[float, ...] = (1.0,)
    names: tuple[str, ...] = ALONE
    depth: int = DEPTH  # candidates that each component lists of each listener
    trees: str = ""  # digest of the model whose trees put the candidates in order; "": the weights do

    def __post_init__(self) -> None:
        if not self.weights or max(self.weights) <= 0:
            raise ConfigError(f"A blend of weights {self.weights} recommends nothing. Give one a positive weight.")
        if len(self.names) != len(self.weights):
            raise ConfigError(f"{len(self.names)} components do not fit {len(self.weights)} weights.")

    def of(self, components: Sequence[Retriever]) -> Retriever:
        """The components as one retriever. One component alone answers as it is, whatever its scale.

        The first stays even where its weight is zero: who is cold to it gets no list.

        Raises:
            ConfigError: weights and components are not equally many.
        """
        if len(components) != len(self.weights):
            raise ConfigError(f"{len(components)} components do not fit {len(self.weights)} weights.")
        used = [n for n, weight in enumerate(self.weights) if weight or n == 0]
        if len(used) == 1:
            return components[0]
        return Blended(tuple(components[n] for n in used), tuple(self.weights[n] for n in used), self.depth)

    def to_json(self) -> Json:
        """The stored form: of ALS alone, its weight alone, as before there was anything to join."""
        if self.names == ALONE:
            return {"weights": list(self.weights)}
        values: Json = {"weights": list(self.weights), "names": list(self.names), "depth": self.depth}
        return values | ({"trees": self.trees} if self.trees else {})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Blend":
        """From the stored form."""
        names, depth = tuple(values.get("names", ALONE)), int(values.get("depth", DEPTH))
        return cls(tuple(values["weights"]), names, depth, values.get("trees", ""))


@dataclass(frozen=True)
class Blended:
    """Several retrievers as one; a listener for whom the first has no list gets none."""

    components: tuple[Retriever, ...]
    weights: tuple[float, ...]
    depth: int

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: the best of the pool, exact where that is complete."""

        def best(rows: IntArray, own: Played) -> Candidates:
            pool = pool_of(self.components, rows, own, max(k, self.depth), allowed)
            return best_of(pool, joined(pool.z, self.weights), k)

        return some_at_a_time(best, user_rows, played, k)

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``: z-scores over the pairs of a listener that are asked for together."""
        rows, places = np.unique(user_rows, return_inverse=True)
        total = np.zeros(len(user_rows))
        for component, weight in zip(self.components, self.weights, strict=True):
            raw = np.asarray(component.scores(user_rows, item_cols), dtype=np.float64)
            n = np.bincount(places, minlength=len(rows))
            centred = raw - (np.bincount(places, raw) / n)[places]
            spread = np.sqrt(np.bincount(places, centred**2) / n)[places]
            total += weight * np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
        cold = self.cold_users()[user_rows] | self.cold_items()[item_cols]
        return np.where(cold, 0, total).astype(np.float32)

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: those who are cold to the first component."""
        return self.components[0].cold_users()

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those that are cold to every component."""
        return np.asarray(np.logical_and.reduce([component.cold_items() for component in self.components]))


def some_at_a_time(
    best: Callable[[IntArray, Played], Candidates], user_rows: IntArray, played: Played, k: int
) -> Candidates:
    """The lists of many listeners, made for a few of them at a time, so that memory does not grow with their number.

    Raises:
        BadData: there are played tracks of more or fewer listeners.
        ConfigError: k is not positive.
    """
    if k < 1:
        raise ConfigError(f"A list of {k} tracks was asked for. Ask for one or more.")
    if len(played.indptr) != len(user_rows) + 1:
        raise BadData(f"Played tracks of {len(played.indptr) - 1} users do not fit {len(user_rows)} listeners.")
    found = [best(rows, own) for rows, own in blocks_of(user_rows, played)]
    if len(found) == 1:
        return found[0]
    return Candidates(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


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
    return parts[0] if len(parts) == 1 else _together(parts)


def _together(parts: Sequence[Pool]) -> Pool:
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


def standardised(scores: npt.NDArray[np.float64], there: BoolArray) -> npt.NDArray[np.float64]:
    """z-scores of each row over the places that are there, 0 elsewhere and where all are alike. (n_users, n_places)."""
    n = np.maximum(there.sum(axis=1, keepdims=True), 1)
    centred = np.where(there, scores - np.where(there, scores, 0).sum(axis=1, keepdims=True) / n, 0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / n)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12))


def joined(z: npt.NDArray[np.float64], weights: Sequence[float]) -> npt.NDArray[np.float64]:
    """The weighted sum over components, added in their order. (n_users, n_places)."""
    total = np.zeros(z.shape[1:])
    for values, weight in zip(z, weights, strict=True):
        total += weight * values
    return total


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
