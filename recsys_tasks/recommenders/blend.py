"""How the components of a candidate are joined: a weighted sum of their z-scores.

The candidates of a listener are the union of what each component lists for them. Every component scores all of them;
its scores become z-scores over these candidates (mean 0, standard deviation 1), because the scores of different
components are on different scales (Shaw and Fox, "Combination of multiple searches", TREC-2, 1994; z-scores as in
Montague and Aslam, CIKM 2001). The sum of the z-scores under the weights ranks the candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.joined import Joined
from recsys_tasks.recommenders.pools import Pool, in_deviations

ALONE = ("als",)
DEPTH = 100


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

    @property
    def used(self) -> tuple[int, ...]:
        """Places of the components that are joined: trees look at all of them, weights at those above zero.

        The first stays even where its weight is zero: who is cold to it gets no list.
        """
        return tuple(n for n, weight in enumerate(self.weights) if weight or n == 0 or self.trees)

    def of(self, components: Sequence[Retriever]) -> Retriever:
        """The components as one retriever, by their weights. One component alone answers as it is, whatever its scale.

        Raises:
            ConfigError: weights and components are not equally many.
        """
        if len(components) != len(self.weights):
            raise ConfigError(f"{len(components)} components do not fit {len(self.weights)} weights.")
        used = replace(self, trees="").used
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
class Blended(Joined):
    """Several retrievers joined by their weights."""

    components: tuple[Retriever, ...]
    weights: tuple[float, ...]
    depth: int

    def totals(self, pool: Pool, user_rows: IntArray) -> npt.NDArray[np.float64]:
        """As ``Joined``: the weighted sum of the z-scores."""
        return weighted_sum(pool.z, self.weights)

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``: z-scores over the pairs of a listener that are asked for together."""
        rows, places = np.unique(user_rows, return_inverse=True)
        total = np.zeros(len(user_rows))
        for component, weight in zip(self.components, self.weights, strict=True):
            raw = np.asarray(component.scores(user_rows, item_cols), dtype=np.float64)
            n = np.bincount(places, minlength=len(rows))
            centred = raw - (np.bincount(places, raw) / n)[places]
            total += weight * in_deviations(centred, np.sqrt(np.bincount(places, centred**2) / n)[places])
        cold = self.cold_users()[user_rows] | self.cold_items()[item_cols]
        return np.where(cold, 0, total).astype(np.float32)


def weighted_sum(z: npt.NDArray[np.float64], weights: Sequence[float]) -> npt.NDArray[np.float64]:
    """The weighted sum over components, added in their order. (n_users, n_places)."""
    total = np.zeros(z.shape[1:])
    for values, weight in zip(z, weights, strict=True):
        total += weight * values
    return total
