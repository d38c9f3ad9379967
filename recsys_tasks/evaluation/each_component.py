"""What each component of a blend is worth: alone, left out, and all of them, on the same listeners."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import IntArray
from recsys_tasks.evaluation.estimates import TOLD_LISTENERS, paired_interval
from recsys_tasks.evaluation.lists import Lists, is_hit, played_of
from recsys_tasks.evaluation.metrics import Values, ndcg, precision
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Candidates, Retriever
from recsys_tasks.recommenders.blend import Blend, weighted_sum
from recsys_tasks.recommenders.pools import best_of, blocks_of, pooled
from recsys_tasks.recommenders.popular import PopularTracks
from recsys_tasks.recommenders.vectors import evenly_spread

WHOLE, BY_WEIGHTS = "all components", "all by weights"


@dataclass(frozen=True)
class ComponentRow:
    """The lists of a part of a blend, beside those of the whole."""

    lists: str  # whose, in words
    weight: float | None  # of the component that is named
    precision: float
    ndcg: float
    difference: float  # of precision, to ``beside``
    low: float | None  # of its interval of 95 %; None for fewer than two listeners
    high: float | None
    beside: str = WHOLE  # whose lists it is compared with: where trees join, a part is left out of the weights alone


@dataclass(frozen=True)
class Part:
    """Some components of a blend, joined by their weights."""

    lists: str  # whose, in words
    weight: float | None  # of the component that is named
    used: tuple[int, ...]  # places of the components; who is cold to the first gets the popular tracks
    weights: tuple[float, ...]  # theirs
    beside: str = WHOLE  # whose lists it is compared with


def each_component(
    labels: Sequence[str],
    components: Sequence[Retriever],
    blend: Blend,
    holdout: Holdout,
    k: int,
    whole: Callable[[], Lists],
) -> list[ComponentRow]:
    """The whole, each component alone, and the whole without each; nothing of a component that stands alone.

    What is left out has no weight, and the others keep theirs. Each component lists its candidates once for all rows.

    Args:
        labels: names of the components.
        components: row i answers for the i-th hidden listener.
        blend: how they are joined.
        holdout: the day as the listeners are asked about it.
        k: length of a list.
        whole: gives (n_scored, k) lists of all components, of each listener with a hidden play; it is asked last.
    """
    scored = np.flatnonzero(np.diff(holdout.hidden.indptr))
    if len(components) < 2 or not len(scored):
        return []
    told = evenly_spread(np.arange(len(scored)), TOLD_LISTENERS)
    scored, parts = scored[told], _parts(labels, blend)
    lists = _lists_of(parts, components, blend, holdout, scored, k)
    hidden = holdout.hidden[scored]
    named = [Part(WHOLE, None, (), ()), *parts]
    found = {part.lists: _scored(each, hidden) for part, each in zip(named, [whole()[told], *lists], strict=True)}
    return [_row(part, found) for part in named]


def _parts(labels: Sequence[str], blend: Blend) -> list[Part]:
    """By weights where trees join the whole, each alone, and the whole without each that has a weight."""
    parts = [_joined(BY_WEIGHTS, None, blend.weights)] if blend.trees else []
    for place, (label, weight) in enumerate(zip(labels, blend.weights, strict=True)):
        parts.append(Part(f"{label} alone", weight, (place,), (1.0,)))
    for place, label in enumerate(labels):
        rest = tuple(0.0 if n == place else weight for n, weight in enumerate(blend.weights))
        if blend.weights[place] and any(rest):
            without = _joined(f"without {label}", blend.weights[place], rest)
            parts.append(replace(without, beside=BY_WEIGHTS if blend.trees else WHOLE))
    return parts


def _joined(lists: str, weight: float | None, weights: Sequence[float]) -> Part:
    """A part as ``Blend.of`` joins it: the first component stays, whatever its weight."""
    used = tuple(n for n, each in enumerate(weights) if each or n == 0)
    return Part(lists, weight, used, tuple(weights[n] for n in used))


def _lists_of(
    parts: Sequence[Part], components: Sequence[Retriever], blend: Blend, holdout: Holdout, scored: IntArray, k: int
) -> list[Lists]:
    """The lists of each part. (n_scored, k) each."""
    played = played_of(holdout.history[scored])
    blocks = []
    for rows, own in blocks_of(scored, played):
        found = [component.candidates(rows, own, max(k, blend.depth)) for component in components]
        blocks.append([_best(part, components, found, rows, k) for part in parts])
    lists = [np.concatenate(each) for each in zip(*blocks, strict=True)]
    popular = PopularTracks(holdout.listeners, 0).candidates(scored, played, k).cols.astype(np.int64)
    for part, listed in zip(parts, lists, strict=True):
        cold = components[part.used[0]].cold_users()[scored]
        listed[cold] = popular[cold]
    return lists


def _best(part: Part, components: Sequence[Retriever], found: Sequence[Candidates], rows: IntArray, k: int) -> Lists:
    """The lists of a part from the candidates of the components. (n_rows, k)."""
    if len(part.used) == 1:
        return found[part.used[0]].cols[:, :k].astype(np.int64)
    pool = pooled([components[n] for n in part.used], [found[n] for n in part.used], rows)
    return best_of(pool, weighted_sum(pool.z, part.weights), k).cols.astype(np.int64)


def _scored(lists: Lists, hidden: sparse.csr_matrix) -> tuple[Values, Values]:
    """precision@k and nDCG@k of each listener."""
    hits = is_hit(lists, hidden)
    return precision(hits), ndcg(hits, np.diff(hidden.indptr))


def _row(part: Part, found: Mapping[str, tuple[Values, Values]]) -> ComponentRow:
    own, own_ndcg = found[part.lists]
    difference, low, high = paired_interval(own, found[part.beside][0])
    means = float(own.mean()), float(own_ndcg.mean())
    return ComponentRow(part.lists, part.weight, *means, difference, low, high, part.beside)
