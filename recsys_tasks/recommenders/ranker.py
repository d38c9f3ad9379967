"""A re-ranker of candidates: trees over what the components and the catalogue say of each of them.

The candidates of a listener are those of the blend: the union of what each component lists. LambdaMART (Burges, "From
RankNet to LambdaRank to LambdaMART", 2010), as LightGBM trains it, learns from hidden plays which of them come first.
With one thread and ``deterministic`` the same rows give the same trees; they are stored as LightGBM's own text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.base import Arrays, Candidates, Retriever
from recsys_tasks.recommenders.cold_totals import COLD_TOTALS, ColdTotals
from recsys_tasks.recommenders.joined import Joined, some_at_a_time
from recsys_tasks.recommenders.pools import Pool, best_of, followed, pool_of, raw_scores, standardised
from recsys_tasks.recommenders.ranker_features import FACTS, Rows, TrackFacts, features
from recsys_tasks.recommenders.small_trees import SmallTree, scores_of, small_trees
from recsys_tasks.recommenders.vectors import Played

TREES = "ranker_trees"
"""Name of the file with the text of the trees, as bytes."""
FILES = (TREES, *FACTS)
"""Those of every re-ranker; one that lists tracks without plays has those of ``ColdTotals`` besides."""
N_TREES = 60
MANY_ROWS = 2_000
"""From so many rows on, small trees are asked in numpy: a node takes as long for a few hundred rows as for one."""
PARAMETERS: Json = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.1,
    "num_leaves": 7,
    "min_data_in_leaf": 100,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""Fixed: what was tried is in docs/recommenders-measured.md."""


def identity() -> Json:
    """What decides the trees beside the rows that they are trained on.

    Raises:
        ConfigError: LightGBM is not installed.
    """
    return {"lightgbm": lightgbm().__version__, "n_trees": N_TREES, **PARAMETERS}


def lightgbm(wanted: str = '[blend] joined_by = "ranker"', else_do: str = "join by weights") -> Any:
    """The library, imported where it is first asked for.

    Args:
        wanted: the setting that asks for it.
        else_do: what to do without it.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import lightgbm as library
    except ImportError:
        raise ConfigError(
            f"{wanted} needs LightGBM, which is not installed. Install recsys-pipeline[ranker], or {else_do}."
        ) from None
    return library


@dataclass(frozen=True)
class Trees:
    """A trained ensemble: LightGBM's text."""

    text: bytes

    @cached_property
    def _booster(self) -> Any:
        library = lightgbm()
        try:
            return library.Booster(model_str=self.text.decode())
        except (library.basic.LightGBMError, UnicodeDecodeError) as error:
            raise BadData(f"These are no trees of LightGBM: {error}. Run the day again.") from None

    @cached_property
    def _small(self) -> list[SmallTree] | None:
        return small_trees(self.text.decode())

    def scores(self, rows: Rows) -> npt.NDArray[np.float64]:
        """Score of each row. (n_rows,)"""
        if not len(rows):
            return np.zeros(0)
        if len(rows) >= MANY_ROWS and self._small is not None:
            return scores_of(self._small, rows)
        return np.asarray(self._booster.predict(rows, raw_score=True, num_threads=1), dtype=np.float64)

    def importances(self) -> dict[str, float]:
        """Share of the gain of all splits that each feature has, largest first; features without a split left out."""
        gains = self._booster.feature_importance("gain")
        named = zip(self._booster.feature_name(), (gains / max(gains.sum(), 1e-300)).tolist(), strict=True)
        return dict(sorted(((name.replace("_", " "), share) for name, share in named if share), key=lambda of: -of[1]))

    def files(self) -> Arrays:
        """The text as bytes."""
        return {TREES: np.frombuffer(self.text, np.uint8)}


@dataclass(frozen=True)
class Ranker:
    """What a candidate holds of a re-ranker."""

    trees: Trees
    facts: TrackFacts
    cold: ColdTotals | None = None  # of tracks without plays; None: trees put them in order, which is last

    def files(self) -> Arrays:
        """Trees, facts and totals of tracks without plays, as a part of a candidate."""
        return {**self.trees.files(), **self.facts.files(), **(self.cold.files() if self.cold else {})}

    @classmethod
    def of(cls, files: Arrays) -> "Ranker":
        """From the files of a candidate.

        Raises:
            BadData: they do not fit together.
        """
        cold = ColdTotals.of(files) if COLD_TOTALS[0] in files else None
        return cls(Trees(files[TREES].tobytes()), TrackFacts.of(files), cold)

    def of_columns(self, cols: IntArray) -> "Ranker":
        """The same in other columns. cols: (n_others,) own column of each, -1 for a track of which nothing is known."""
        return Ranker(self.trees, self.facts.of_columns(cols), self.cold and self.cold.of_columns(cols))

    def over(self, components: Sequence[Retriever], history: Played, depth: int) -> "Ranked":
        """What answers for listeners. history: what each of them played, by row."""
        return Ranked(tuple(components), self.trees, self.facts, history, depth, self.cold)


def trained(rows: Rows, hits: BoolArray, sizes: IntArray, names: Sequence[str]) -> Trees:
    """Learn to put hits first.

    Args:
        rows: (n_rows, n_features) of the candidates, listener by listener.
        hits: (n_rows,) whether a candidate is among the listener's hidden plays.
        sizes: (n_listeners,) candidates of each listener.
        names: (n_features,).
    """
    return boosted(rows, hits, names, PARAMETERS, N_TREES, sizes)


def boosted(
    rows: Rows, hits: BoolArray, names: Sequence[str], parameters: Json, n_trees: int, sizes: IntArray | None = None
) -> Trees:
    """Trees by LightGBM; arguments as for ``trained``. sizes: None where the parameters ask for no order of a list.

    Raises:
        ConfigError: LightGBM is not installed.
    """
    library = lightgbm()
    spelt = [re.sub(r'[][{}",:]', "", name).replace(" ", "_") for name in names]  # LightGBM refuses what JSON uses
    data = library.Dataset(rows, hits.astype(np.int8), group=sizes, feature_name=spelt, params=dict(parameters))
    return Trees(library.train(dict(parameters), data, n_trees).model_to_string().encode())


@dataclass(frozen=True)
class Ranked(Joined):
    """Several retrievers re-ranked."""

    components: tuple[Retriever, ...]
    trees: Trees
    facts: TrackFacts
    history: Played  # what each listener played, by row
    depth: int
    cold: ColdTotals | None = None  # of tracks without plays

    def is_of_one_pool(self, k: int) -> bool:
        """As ``Joined``: trees know pools of the depth that taught them; of wider ones they put anything first."""
        return k <= self.depth

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: a list that is longer than the depth goes on as the first component's, behind the pool."""
        if self.is_of_one_pool(k):
            return super().candidates(user_rows, played, k, allowed)

        def best(rows: IntArray, own: Played) -> Candidates:
            pool = pool_of(self.components, rows, own, self.depth, allowed)
            found = best_of(pool, self.totals(pool, rows), k)
            return followed(found, self.components[0].candidates(rows, own, k, allowed), k)

        return some_at_a_time(best, user_rows, played, k)

    def totals(self, pool: Pool, user_rows: IntArray) -> npt.NDArray[np.float64]:
        """As ``Joined``: what the trees say, and of tracks without plays their chances."""
        totals = np.zeros(pool.cols.shape)
        totals[pool.cols >= 0] = self.trees.scores(features(pool, user_rows, self.history, self.facts))
        return totals if self.cold is None else self.cold.put_into(totals, pool)

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``: what the trees say of the pairs of a listener that are asked for together."""
        order = np.lexsort((item_cols, user_rows))
        rows, sizes = np.unique(user_rows, return_counts=True)
        there = np.arange(int(sizes.max(initial=0))) < sizes[:, None]
        cols = np.full(there.shape, -1, np.int64)
        cols[there] = item_cols[order]
        raw = raw_scores(self.components, rows, cols)
        z = np.stack([standardised(each, there) for each in raw])
        everybody = np.ones(len(rows), dtype=bool)
        total = np.zeros(len(user_rows))
        total[order] = self.totals(Pool(cols, z, everybody, everybody, raw), rows)[there]
        cold = self.cold_users()[user_rows] | self.cold_items()[item_cols]
        return np.where(cold, 0, total).astype(np.float32)
