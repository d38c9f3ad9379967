"""What every side of ``benchmarks.evaluation`` is asked, and how implicit, RecTools and LensKit answer.

Each ranks the same factors with its own model and scores its own lists. What its users have at hand when they begin
(matrices, data set, pipeline, the hidden plays in its own form) is made beforehand; what comes about on the way
(RecTools' frame of lists, LensKit's collection of them) is part of the time. Of the metrics alone, the lists are there
in each one's own form as well.

Definitions that agree with ours: nDCG of all three, with the discount 1/log2(1 + place) and the best list of the plays
there are; MAP of implicit and LensKit; precision, recall and hit rate of RecTools; precision and hit rate of LensKit
(of full lists, as all are here: it divides a shorter one by its own length). Three differ by a denominator, and ours
are brought to theirs: RecTools' MAP is over all hidden plays, LensKit's recall over min(k, plays), and implicit's
precision is pooled: hits of all users over the sum of min(k, plays).
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from implicit.cpu.als import AlternatingLeastSquares
from implicit.evaluation import ranking_metrics_at_k
from scipy import sparse

from benchmarks.factors import N_FACTORS, Floats
from recsys_tasks.evaluation.lists import EvaluatedModel, is_hit
from recsys_tasks.evaluation.metrics import all_metrics
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.matrix.split import Holdout

K, FEW, EQUAL = 10, 400, 1e-9
Lists = Any  # (n_users, K) track columns, -1 for a missing place
Work = Callable[[], Mapping[str, float]]  # one turn: means of its metrics by its own names


@dataclass(frozen=True)
class World:
    """One model, and the day that it is asked about."""

    items: Floats
    retriever: IndexedFactors
    model: EvaluatedModel  # that asks it
    day: Holdout


@dataclass(frozen=True)
class Peer:
    """One library."""

    name: str
    whole: Callable[[World], Work]  # retrieval and metrics
    metrics: Callable[[Lists, Holdout], Work]  # of lists that are there already
    agreed: Mapping[str, str]  # its metric -> the name among ``in_all_terms`` of what must be equal
    calls: tuple[str, str]  # what its users call: of the whole, of the metrics alone
    first: int | None = None  # as a whole it is asked for the first users alone, and reckoned for all


class Stored:
    """A model that implicit's metrics ask for lists, and that has them already."""

    def __init__(self, lists: Lists) -> None:
        self.lists = np.asarray(lists, dtype=np.int32)

    def recommend(self, users: Any, *_: Any, **__: Any) -> tuple[Lists, None]:
        """The lists of some users."""
        return self.lists[users], None


def installed() -> list[Peer]:
    """The peers that are there; imported here, because a limit of threads binds only what is loaded when it is set."""
    found = []
    for peer in PEERS:
        try:
            importlib.import_module(peer.name.lower())
            found.append(peer)
        except ImportError as error:
            print(f"{peer.name} is left out: {error}", flush=True)
    return found


def in_all_terms(lists: Lists, day: Holdout) -> dict[str, float]:
    """Means of our metrics, and of those that a peer defines by another denominator."""
    hits, n_hidden = is_hit(lists, day.hidden), np.diff(day.hidden.indptr)
    reachable = np.minimum(K, n_hidden)
    values = all_metrics(hits, n_hidden)
    values["recall of the reachable"] = hits.sum(axis=1) / reachable
    values["map over all plays"] = values["map"] * reachable / n_hidden
    means = {name: float(of_users.mean()) for name, of_users in values.items()}
    return means | {"pooled precision": float(hits.sum() / reachable.sum())}


def assert_equal(peer: Peer, lists: Lists, day: Holdout) -> None:
    """Everything that is defined alike, on the same lists."""
    ours, theirs = in_all_terms(lists, day), peer.metrics(lists, day)()
    for name, own in peer.agreed.items():
        if not abs(theirs[name] - ours[own]) <= EQUAL:
            raise AssertionError(f"{own}: {ours[own]} here, {theirs[name]} by {peer.name}")


def _als(world: World) -> Any:
    model = AlternatingLeastSquares(factors=N_FACTORS, num_threads=1)
    model.user_factors, model.item_factors = world.retriever.user_factors, world.items
    return model


def _implicit(model: Any, day: Holdout) -> Work:
    return lambda: ranking_metrics_at_k(model, day.history, day.hidden, K, show_progress=False, num_threads=1)


def _rectools(world: World) -> Work:
    """Its wrapper of implicit's model, as if it had fitted it."""
    from rectools.dataset import Dataset, IdMap, Interactions
    from rectools.models import ImplicitALSWrapperModel

    model = ImplicitALSWrapperModel(_als(world))
    model.model, model.is_fitted = _als(world), True
    users, tracks = (IdMap(np.arange(n)) for n in world.day.history.shape)
    played = _frame(world.day.history).assign(weight=1, datetime=0)
    data = Dataset(users, tracks, Interactions.from_raw(played, users, tracks))
    measure = _rectools_measure(world.day)
    return lambda: measure(model.recommend(users.external_ids, data, K, filter_viewed=True))


def _rectools_metrics(lists: Lists, day: Holdout) -> Work:
    rows, places = np.nonzero(lists >= 0)
    found = pd.DataFrame({"user_id": rows, "item_id": lists[rows, places], "rank": places + 1})
    measure = _rectools_measure(day)
    return lambda: measure(found)


def _rectools_measure(day: Holdout) -> Callable[[pd.DataFrame], Mapping[str, float]]:
    from rectools.metrics import MAP, NDCG, HitRate, Precision, Recall, calc_metrics

    same_best = NDCG(K, divide_by_achievable=True)
    named = {"precision": Precision(K), "recall": Recall(K), "ndcg": same_best, "map": MAP(K), "hit_rate": HitRate(K)}
    hidden = _frame(day.hidden)
    return lambda found: calc_metrics(named, found, hidden)


def _frame(plays: sparse.csr_matrix) -> pd.DataFrame:
    rows = np.repeat(np.arange(plays.shape[0]), np.diff(plays.indptr))
    return pd.DataFrame({"user_id": rows, "item_id": plays.indices})


def _lenskit(world: World) -> Work:
    """Its pipeline over these factors, asked for the first users."""
    from lenskit import batch
    from lenskit.als import ImplicitMFScorer
    from lenskit.data import Vocabulary, from_interactions_df
    from lenskit.pipeline import topn_pipeline

    n_users, n_tracks = world.day.history.shape
    everything = pd.DataFrame({"user_id": -1, "item_id": np.arange(n_tracks)})  # makes every track known by its number
    data = from_interactions_df(pd.concat([everything, _frame(world.day.history)]))
    scorer = ImplicitMFScorer(features=N_FACTORS, user_embeddings="prefer")
    scorer.items, scorer.users = data.items, Vocabulary(np.arange(n_users), "user")
    scorer.item_embeddings, scorer.user_embeddings = world.items, world.retriever.user_factors
    pipeline = topn_pipeline(scorer, n=K)
    for name in ("history-lookup", "candidate-selector"):  # the scorer has its factors already
        pipeline.component(name).train(data)
    first = np.arange(min(FEW, n_users))
    measure = _lenskit_measure(world.day.hidden[first])
    return lambda: measure(batch.recommend(pipeline, first, K, n_jobs=1))


def _lenskit_metrics(lists: Lists, day: Holdout) -> Work:
    found = _collection([cols[cols >= 0] for cols in lists], ordered=True)
    measure = _lenskit_measure(day.hidden)
    return lambda: measure(found)


def _lenskit_measure(hidden: sparse.csr_matrix) -> Callable[[Any], Mapping[str, float]]:
    from lenskit.metrics import NDCG, Hit, LogRankWeight, Precision, Recall, RunAnalysis
    from lenskit.metrics.ranking import AveragePrecision

    analysis = RunAnalysis()
    same_discount = NDCG(K, weight=LogRankWeight(offset=1))
    named = {"precision": Precision(K), "recall": Recall(K), "ndcg": same_discount, "map": AveragePrecision(K)}
    for name, metric in (named | {"hit_rate": Hit(K)}).items():
        analysis.add_metric(metric, name)
    test = _collection(np.split(hidden.indices, hidden.indptr[1:-1]), ordered=False)
    return lambda found: analysis.measure(found, test).list_metrics().mean().to_dict()


def _collection(tracks: list[Any], ordered: bool) -> Any:
    """Tracks of each user as LensKit holds them."""
    from lenskit.data import ItemList, ItemListCollection

    lists = {user: ItemList(item_ids=cols, ordered=ordered) for user, cols in enumerate(tracks)}
    return ItemListCollection.from_dict(lists, "user_id")


ALIKE = {"precision": "precision", "recall": "recall", "ndcg": "ndcg", "map": "map", "hit_rate": "hit_rate"}
PEERS = (
    Peer(
        "implicit",
        lambda world: _implicit(_als(world), world.day),
        lambda lists, day: _implicit(Stored(lists), day),
        {"map": "map", "ndcg": "ndcg", "precision": "pooled precision"},
        ("ranking_metrics_at_k", "ranking_metrics_at_k"),
    ),
    Peer(
        "RecTools",
        _rectools,
        _rectools_metrics,
        ALIKE | {"map": "map over all plays"},
        ("recommend and calc_metrics", "calc_metrics"),
    ),
    Peer(
        "LensKit",
        _lenskit,
        _lenskit_metrics,
        ALIKE | {"recall": "recall of the reachable"},
        ("batch.recommend and RunAnalysis", "RunAnalysis"),
        FEW,
    ),
)
