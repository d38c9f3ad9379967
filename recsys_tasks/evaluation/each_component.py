"""What each component of a blend is worth: alone, left out, and all of them, on the same listeners."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys_tasks.core.domain import IntArray
from recsys_tasks.evaluation.estimates import Z_95, paired_difference
from recsys_tasks.evaluation.lists import EvaluatedModel, is_hit, recommend
from recsys_tasks.evaluation.metrics import Values, ndcg, precision
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.popular import PopularTracks


@dataclass(frozen=True)
class ComponentRow:
    """The lists of a part of a blend, beside those of the whole."""

    lists: str  # whose, in words
    weight: float | None  # of the component that is named
    precision: float
    ndcg: float
    difference: float  # of precision, to the whole
    low: float | None  # of its interval of 95 %; None for fewer than two listeners
    high: float | None


def each_component(
    labels: Sequence[str],
    components: Sequence[Retriever],
    blend: Blend,
    holdout: Holdout,
    k: int,
    ranked: Retriever | None = None,
) -> list[ComponentRow]:
    """The whole, each component alone, and the whole without each; nothing of a component that stands alone.

    What is left out has no weight, and the others keep theirs.

    Args:
        labels: names of the components.
        components: row i answers for the i-th hidden listener.
        blend: how they are joined.
        holdout: the day as the listeners are asked about it.
        k: length of a list.
        ranked: the whole where trees put the candidates in order; None: the weights do.
    """
    scored = np.flatnonzero(np.diff(holdout.hidden.indptr))
    if len(components) < 2 or not len(scored):
        return []
    asked: list[tuple[str, float | None, Retriever]] = [("all components", None, ranked or blend.of(components))]
    if ranked is not None:
        asked.append(("all by weights", None, blend.of(components)))
    for label, weight, component in zip(labels, blend.weights, components, strict=True):
        asked.append((f"{label} alone", weight, component))
    for place, label in enumerate(labels):
        rest = tuple(0.0 if n == place else weight for n, weight in enumerate(blend.weights))
        if blend.weights[place] and any(rest):
            asked.append((f"without {label}", blend.weights[place], replace(blend, weights=rest).of(components)))
    found = [_scored(retriever, holdout, scored, k) for _, _, retriever in asked]
    whole = found[0][0]
    return [_row(label, weight, *each, whole) for (label, weight, _), each in zip(asked, found, strict=True)]


def _scored(retriever: Retriever, holdout: Holdout, scored: IntArray, k: int) -> tuple[Values, Values]:
    """precision@k and nDCG@k of each scored listener."""
    n_tracks, hidden = holdout.training.shape[1], holdout.hidden[scored]
    model = EvaluatedModel(retriever, PopularTracks(holdout.listeners, 0), np.arange(n_tracks), n_tracks)
    hits = is_hit(recommend(model, scored, holdout.history[scored], k), hidden)
    return precision(hits), ndcg(hits, np.diff(hidden.indptr))


def _row(label: str, weight: float | None, own: Values, own_ndcg: Values, whole: Values) -> ComponentRow:
    pair = paired_difference(own, whole)
    half = None if pair["standard_error"] is None else Z_95 * pair["standard_error"]
    low, high = (None, None) if half is None else (pair["difference"] - half, pair["difference"] + half)
    return ComponentRow(label, weight, float(own.mean()), float(own_ndcg.mean()), pair["difference"], low, high)
