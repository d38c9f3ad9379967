"""Models, sound and damaged, and the precision of each listener's list through an index built for it.

Every list comes the way that a reader's does: tracks ranked, Annoy built, search parameters chosen, two-tier search.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from benchmarks.gate_calibration.listening import Listening
from benchmarks.searches import build_search
from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.evaluation.lists import EvaluatedModel, is_hit, recommend
from recsys_tasks.evaluation.metrics import precision
from recsys_tasks.index.calibration import sampled_queries
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.recall import measure_recall
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Fit, TrainingData
from recsys_tasks.recommenders.factors import Factors, warm_factors
from recsys_tasks.recommenders.popular import PopularTracks
from recsys_tasks.recommenders.vectors import Played

K = 10
INDEX = IndexConfig(calibration_queries=500)
PerListener = npt.NDArray[np.float64]  # (n_scored,) precision@10


@dataclass(frozen=True)
class Trained:
    """Factors, and the iterations that they took."""

    factors: Factors
    iterations: int


def cold(of: Listening, seed: int, plays: sparse.csr_matrix | None = None, iterations: int | None = None) -> Trained:
    """Trained from drawn factors, on other plays or for fewer iterations where asked."""
    changes = {"seed": seed} | ({"max_iterations": iterations} if iterations else {})
    data = TrainingData(of.split.training if plays is None else plays, of.split.users, of.split.tracks)
    return trained(Als(of.als.model_copy(update=changes)).fit(data))


def of_yesterday(of: Listening, seed: int) -> Trained:
    """The cold model of a day earlier, in today's rows: rows are only ever appended, and new ones are zero."""
    assert of.yesterday is not None  # noqa: S101 - a world has a yesterday
    users, tracks = of.yesterday.users, of.yesterday.tracks
    als = Als(of.als.model_copy(update={"seed": seed}))
    old = trained(als.fit(TrainingData(of.yesterday.counts, users, tracks)))
    return replace(old, factors=warm_factors(old.factors, users, tracks, of.split.users, of.split.tracks))


def warm(of: Listening, parent: Trained) -> Trained:
    """Trained from yesterday's factors, as the daily run does."""
    return trained(Als(of.als).alternate(of.split.training, parent.factors, warm=True))


def trained(fit: Fit[Factors]) -> Trained:
    """What is kept of a training."""
    return Trained(fit.component, fit.figures.iterations)


def popular_factors(of: Listening) -> Factors:
    """Popularity in the dress of a model: one factor that counts, the same for every listener."""
    (n_users, n_tracks), n = of.split.training.shape, of.als.factors
    users, items = np.zeros((n_users, n), np.float32), np.zeros((n_tracks, n), np.float32)
    users[:, 0], items[:, 0] = 1, listeners_of(of.split.training)
    return Factors(users, items / items.max())


def shifted(items: npt.NDArray[Any], share: float, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Track factors of which some stand under the id of the next one among them; at least two do."""
    cols = np.sort(rng.choice(len(items), max(2, round(share * len(items))), replace=False))
    moved = items.copy()
    moved[cols] = items[np.roll(cols, 1)]
    return moved


def built(of: Listening, users: FloatArray, items: FloatArray, folder: Path, config: IndexConfig) -> TwoTierSearch:
    """The search over these track factors, as the build makes it."""
    ranked = rank_tracks(items)
    sample, tracks = sampled_queries(config, users, ranked)
    query = users[sample], played_by(of, sample)
    return build_search(ranked, query, tracks, config, str(folder / "index.ann"))


def played_by(of: Listening, rows: IntArray) -> Played:
    """The played tracks of some users."""
    chosen = of.split.training[rows]
    return Played(chosen.indptr, chosen.indices)


def scored(of: Listening, users: FloatArray, items: FloatArray) -> PerListener:
    """precision@10 of each scored listener, through an index built over these track factors."""
    plays, rows, own = of.split.training, of.rows, np.arange(len(items))
    with tempfile.TemporaryDirectory() as folder:
        retriever = IndexedFactors(built(of, users, items, Path(folder), INDEX), users[rows])
        model = EvaluatedModel(retriever, popular_tracks(of), own, len(own))
        lists = recommend(model, np.arange(len(rows)), plays[rows], K)
        return precision(is_hit(lists, of.split.hidden[rows]))


def drawn_recalls(of: Listening, model: Factors, queries: int, draws: int) -> npt.NDArray[np.float64]:
    """Recall of both ways on several draws of users and tracks, through one index. (draws, 2)."""
    users, items, found = model.user_factors, model.item_factors, []
    with tempfile.TemporaryDirectory() as folder:
        search = built(of, users, items, Path(folder), IndexConfig())
        for draw in range(draws):
            rng = np.random.default_rng(draw)
            sample = np.sort(rng.permutation(np.flatnonzero(users.any(axis=1)))[:queries])
            tracks = np.sort(rng.permutation(search.tracks.rank_cols)[:queries])
            recall = measure_recall(search, items, users[sample], played_by(of, sample), tracks, K)
            found.append((recall.user_recall, recall.similar_recall))
    return np.array(found)


def popularity_scored(of: Listening) -> PerListener:
    """precision@10 of the popular tracks."""
    rows = of.rows
    lists = popular_tracks(of).candidates(rows, played_by(of, rows), K).cols.astype(np.int64)
    return precision(is_hit(lists, of.split.hidden[rows]))


def popular_tracks(of: Listening) -> PopularTracks:
    """The popular tracks of the training."""
    return PopularTracks(listeners_of(of.split.training), len(of.split.users))
