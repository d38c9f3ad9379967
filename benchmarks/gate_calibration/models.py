"""Models, sound and damaged, and the precision of each listener's list through an index built for it.

Every list comes the way that a reader's does: tracks ranked, Annoy built, effort calibrated, two-tier search.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from benchmarks.gate_calibration.listening import Listening
from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import Factors, FloatArray
from recsys_tasks.evaluation.evaluation import Side, is_hit, recommend
from recsys_tasks.evaluation.metrics import precision
from recsys_tasks.index.annoy_index import build_index, open_index
from recsys_tasks.index.calibration import calibrate, measure, sampled
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.matrix.popularity import first_unplayed, listeners_of, popular_order
from recsys_tasks.recommenders.als import cold_factors, train, warm_factors
from recsys_tasks.steps.index import played_by

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
    als = of.als.model_copy(update=changes)
    start = cold_factors(of.split.users, of.split.tracks, als)
    trained = train(of.split.training if plays is None else plays, start, False, als)
    return Trained(trained.factors, len(trained.losses))


def of_yesterday(of: Listening, seed: int) -> Trained:
    """The cold model of a day earlier, in today's rows: rows are only ever appended, and new ones are zero."""
    assert of.yesterday is not None  # noqa: S101 - a world has a yesterday
    als = of.als.model_copy(update={"seed": seed})
    start = cold_factors(of.yesterday.users, of.yesterday.tracks, als)
    old = train(of.yesterday.counts, start, False, als)
    vocabularies = (of.yesterday.users, of.yesterday.tracks, of.split.users, of.split.tracks)
    return Trained(warm_factors(old.factors, *vocabularies), len(old.losses))


def warm(of: Listening, parent: Trained) -> Trained:
    """Trained from yesterday's factors, as the daily run does."""
    trained = train(of.split.training, parent.factors, True, of.als)
    return Trained(trained.factors, len(trained.losses))


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
    build_index(ranked.ranked_factors, folder / "index.ann", config.trees, config.seed)
    index = open_index(folder / "index.ann", len(ranked), items.shape[1])
    known, n = np.flatnonzero(users.any(axis=1)), config.calibration_queries
    sample = known[sampled(len(known), n, config.seed)]
    tracks = ranked.rank_cols[sampled(len(ranked), n, config.seed)]
    effort = calibrate(ranked, index, users[sample], played_by(of.split.training, sample), tracks, config)
    return TwoTierSearch(ranked, effort, index)


def scored(of: Listening, users: FloatArray, items: FloatArray) -> PerListener:
    """precision@10 of each scored listener, through an index built over these track factors."""
    plays, rows, own = of.split.training, of.rows, np.arange(len(items))
    with tempfile.TemporaryDirectory() as folder:
        search = built(of, users, items, Path(folder), INDEX)
        side = Side(search, users[rows], popular_order(listeners_of(plays)), own, len(own))
        return precision(is_hit(recommend(side, plays[rows], K), of.split.hidden[rows]))


def drawn_recalls(of: Listening, model: Factors, queries: int, draws: int) -> npt.NDArray[np.float64]:
    """Recall of both ways on several draws of users and tracks, through one index. (draws, 2)."""
    users, items, found = model.user_factors, model.item_factors, []
    with tempfile.TemporaryDirectory() as folder:
        search = built(of, users, items, Path(folder), IndexConfig())
        for draw in range(draws):
            rng = np.random.default_rng(draw)
            sample = np.sort(rng.permutation(np.flatnonzero(users.any(axis=1)))[:queries])
            tracks = np.sort(rng.permutation(search.tracks.rank_cols)[:queries])
            recall = measure(search, items, users[sample], played_by(of.split.training, sample), tracks, K)
            found.append((recall.user_recall, recall.similar_recall))
    return np.array(found)


def popularity_scored(of: Listening) -> PerListener:
    """precision@10 of the popular tracks."""
    plays = of.split.training
    lists = first_unplayed(popular_order(listeners_of(plays)), plays[of.rows], K)
    return precision(is_hit(lists, of.split.hidden[of.rows]))
