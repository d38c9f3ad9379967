"""Evaluation of 10,000 users on hidden plays: retrieval and all metrics, against implicit's and LensKit's own.

    python -m benchmarks.evaluation [--size small|full]

All sides score the same users with the same factors, leave out the same history and look for the same hidden plays, on
one thread. Each is asked as its users would: ours ``recommend`` and ``all_metrics`` (precision, recall, nDCG, MAP and
hit rate of every user), implicit's ``ranking_metrics_at_k`` with its own model, LensKit's ``batch.recommend`` with its
own scorer and ``RunAnalysis``. A second table takes the metrics alone, on the same lists. RecTools needs numpy < 2 and
cannot share a process with the pipeline; it is not measured.

Where definitions agree the values are asserted equal to 1e-9 before anything is timed, on the same lists: implicit's
MAP, nDCG and (hits over the pooled min(k, plays)) precision, LensKit's precision, recall (over min(k, plays)), hit rate
and nDCG with the discount 1/log2(1 + place). Ours finds its lists through the calibrated search, theirs are exact: what
that changes of the figures stands beside each side.

The physical limit of whoever scores every track is the product of all users and all tracks (0.08 Tflop at 10,000 x
100,000 x 40). Ours goes below it where norms fall, and cannot where they are flat.
"""

import argparse
import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.evaluation import ranking_metrics_at_k
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.factors import N_FACTORS, Floats, make_factors, make_played, part
from benchmarks.harness import FULL, SMALL, Line, Side, Table, compare, keep
from recsys_tasks.annoy_index import build_index, open_index
from recsys_tasks.calibration import calibrate
from recsys_tasks.config import IndexConfig
from recsys_tasks.evaluation import Side as Model
from recsys_tasks.evaluation import evaluate, is_hit, recommend
from recsys_tasks.holdout import Holdout
from recsys_tasks.metrics import all_metrics
from recsys_tasks.popularity import listeners_of, popular_order
from recsys_tasks.ranked_tracks import rank_tracks
from recsys_tasks.search import TwoTierSearch

K, MEAN_PLAYED, ROUNDS, CALIBRATED, LENSKIT_USERS, EQUAL = 10, 70, 3, 256, 50, 1e-9
WORLDS = {  # (tracks, users, whether norms fall)
    SMALL: ((20_000, 2_000, True),),
    FULL: ((100_000, 10_000, True), (500_000, 10_000, True), (100_000, 10_000, False)),
}
Lists = Any  # (n_users, K) track columns, -1 for a missing place


@dataclass(frozen=True)
class World:
    """One model, and the day that it is asked about."""

    items: Floats
    model: Model
    day: Holdout


class Stored:
    """A model that implicit's metrics ask for lists, and that has them already."""

    def __init__(self, lists: Lists) -> None:
        self.lists = np.asarray(lists, dtype=np.int32)

    def recommend(self, users: Any, *_: Any, **__: Any) -> tuple[Lists, None]:
        """The lists of some users."""
        return self.lists[users], None


def main() -> None:
    """All worlds of a size, each as a whole and the metrics alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for n_tracks, n_users, falling in WORLDS[size]:
            world = make_world(n_tracks, n_users, falling, Path(folder) / f"{n_tracks}-{falling}.ann")
            keep(as_a_whole(size, world, "falling" if falling else "flat"))
            if falling:
                keep(metrics_alone(size, world))


def make_world(n_tracks: int, n_users: int, falling: bool, path: Path) -> World:
    """Hidden plays are drawn from what the model would list, and from anywhere: some lists hit, most places do not."""
    items, users = make_factors(n_tracks, n_users + CALIBRATED, falling)
    played = make_played(np.linalg.norm(items, axis=1), n_users + CALIBRATED, MEAN_PLAYED)
    ranked = rank_tracks(items)
    build_index(ranked.ranked_factors, path, 20, 1)
    index = open_index(path, n_tracks, N_FACTORS)
    others = part(users, played, n_users, n_users + CALIBRATED)
    search = TwoTierSearch(ranked, calibrate(ranked, index, *others, np.arange(100), IndexConfig()), index)
    users, mine = part(users, played, 0, n_users)
    history = _ones(np.repeat(np.arange(n_users), np.diff(mine.indptr)), mine.cols, (n_users, n_tracks))
    rng = np.random.default_rng(2)
    likely = search.find(users, mine, 4 * K).cols
    liked = rng.random(likely.shape) < rng.random((n_users, 1)) / 3
    liked[:, 0] = True
    rows = np.concatenate([np.nonzero(liked)[0], np.repeat(np.arange(n_users), 3)])
    cols = np.concatenate([likely[liked], rng.integers(n_tracks, size=3 * n_users)])
    hidden = _ones(rows, cols, (n_users, n_tracks))
    hidden = hidden - hidden.multiply(history)
    hidden.eliminate_zeros()
    model = Model(search, users, popular_order(listeners_of(history)), np.arange(n_tracks), n_tracks)
    return World(items, model, Holdout(np.arange(n_users), history, history, hidden.tocsr()))


def _ones(rows: Any, cols: Any, shape: tuple[int, int]) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix((np.ones(len(rows), np.uint32), (rows, cols)), shape=shape)
    matrix.data[:] = 1
    return matrix


def as_a_whole(size: str, world: World, norms: str) -> Table:
    """Retrieval and metrics together, as the users of each would do it."""
    day, model, n_tracks = world.day, world.model, len(world.items)
    theirs = AlternatingLeastSquares(factors=N_FACTORS, num_threads=1)
    theirs.user_factors, theirs.item_factors = model.vectors, world.items
    own = scored(recommend(model, day.history, K), day)
    exact = _implicit(theirs, day)
    new = np.zeros(n_tracks, bool)
    new[:: max(1, n_tracks // 100)] = True
    sides = [
        Side(
            "recommend, all_metrics", lambda: scored(recommend(model, day.history, K), day), f"nDCG {own['ndcg']:.4f}"
        ),
        Side("implicit, ranking_metrics_at_k", lambda: _implicit(theirs, day), f"nDCG {exact['ndcg']:.4f}"),
        Side("evaluate", lambda: evaluate(day, model, None, new, K), "the whole step: the popular tracks, slices too"),
        Side("the products alone", lambda: _products(model.vectors, world.items), "a full scan", limit=True, rounds=1),
    ]
    lines = compare(sides, ROUNDS)
    if importlib.util.find_spec("lenskit"):
        lines.insert(2, _lenskit_line(world, lines[0]))
    fastest = min(line.ratio for line in lines if line.name.startswith(("implicit", "LensKit")))
    said = "met" if fastest >= 5 else "missed"
    met = f"asked for: at least 5x faster than the fastest of them ({fastest:.1f}x): {said}."
    met += "" if norms == "falling" else " Where norms are flat nothing can be left unread: the product is the limit."
    about = _about(world) + f", {norms} norms, effort {model.search.effort}; one thread."
    title = f"Evaluation, retrieval and metrics: {n_tracks:,} tracks, {norms} norms"
    return Table(f"evaluation-{norms}-{n_tracks}", title, size, about, lines, met)


def metrics_alone(size: str, world: World) -> Table:
    """The metrics of lists that are there already; asserts first that equal definitions give equal values."""
    day, lists = world.day, recommend(world.model, world.day.history, K)
    assert_equal_to_implicit(lists, day)
    stored = Stored(lists)
    sides = [
        Side("is_hit, all_metrics", lambda: scored(lists, day), "5 metrics, one value a user each"),
        Side("implicit, ranking_metrics_at_k", lambda: _implicit(stored, day), "4 metrics, means alone"),
    ]
    if importlib.util.find_spec("lenskit"):
        assert_equal_to_lenskit(lists, day)
        mine, test = _collections(lists, day)
        analysis = _lenskit_metrics()
        sides.append(Side("LensKit, RunAnalysis", lambda: analysis.measure(mine, test), "4 metrics", rounds=2))
    about = _about(world) + "; values equal to 1e-9 where the definitions agree."
    title = f"Evaluation, metrics alone: {len(world.items):,} tracks"
    return Table(f"evaluation-metrics-{len(world.items)}", title, size, about, compare(sides, ROUNDS))


def scored(lists: Lists, day: Holdout) -> dict[str, float]:
    """Means of all metrics."""
    values = all_metrics(is_hit(lists, day.hidden), np.diff(day.hidden.indptr))
    return {name: float(of_users.mean()) for name, of_users in values.items()}


def _implicit(model: Any, day: Holdout) -> dict[str, float]:
    return ranking_metrics_at_k(model, day.history, day.hidden, K, show_progress=False, num_threads=1)


def assert_equal_to_implicit(lists: Lists, day: Holdout) -> None:
    """MAP and nDCG as they are, precision after its pooling."""
    theirs, ours = _implicit(Stored(lists), day), scored(lists, day)
    pooled = is_hit(lists, day.hidden).sum() / np.minimum(K, np.diff(day.hidden.indptr)).sum()
    for name, value in (("map", ours["map"]), ("ndcg", ours["ndcg"]), ("precision", pooled)):
        if abs(theirs[name] - value) > EQUAL:
            raise AssertionError(f"{name}: {value} here, {theirs[name]} by implicit")


def assert_equal_to_lenskit(lists: Lists, day: Holdout) -> None:
    """Precision, hit rate and nDCG as they are, recall after its denominator."""
    hits, n_hidden = is_hit(lists, day.hidden), np.diff(day.hidden.indptr)
    ours = scored(lists, day) | {"recall": float((hits.sum(axis=1) / np.minimum(K, n_hidden)).mean())}
    theirs = _lenskit_metrics().measure(*_collections(lists, day)).list_metrics().mean()
    for name in ("precision", "recall", "ndcg", "hit_rate"):
        if abs(theirs[name] - ours[name]) > EQUAL:
            raise AssertionError(f"{name}: {ours[name]} here, {theirs[name]} by LensKit")


def _lenskit_metrics() -> Any:
    from lenskit.metrics import NDCG, Hit, LogRankWeight, Precision, Recall, RunAnalysis

    analysis = RunAnalysis()
    discounted = NDCG(K, weight=LogRankWeight(offset=1))
    named = {"precision": Precision(K), "recall": Recall(K), "ndcg": discounted, "hit_rate": Hit(K)}
    for name, metric in named.items():
        analysis.add_metric(metric, name)
    return analysis


def _collections(lists: Lists, day: Holdout) -> tuple[Any, Any]:
    """Our lists and the hidden plays as LensKit holds them."""
    from lenskit.data import ItemList, ItemListCollection

    own = {user: ItemList(item_ids=cols[cols >= 0], ordered=True) for user, cols in enumerate(lists)}
    test = {user: ItemList(item_ids=day.hidden[user].indices) for user in own}
    return tuple(ItemListCollection.from_dict(each, "user_id") for each in (own, test))  # type: ignore[return-value]


def _lenskit_line(world: World, ours: Line) -> Line:
    """LensKit's own way with a few of the users, reckoned for all of them."""
    n_users, few = world.day.history.shape[0], min(LENSKIT_USERS, world.day.history.shape[0])
    (line,) = compare([Side("LensKit", _lenskit_run(world, few))], 1)
    times = n_users / few
    seconds = line.seconds * times
    note = f"reckoned: measured with {few} users, times {times:.0f}"
    spread = (line.spread[0] * times, line.spread[1] * times)
    ratio = seconds / ours.seconds
    return replace(line, name="LensKit, batch.recommend", seconds=seconds, spread=spread, ratio=ratio, note=note)


def _lenskit_run(world: World, few: int) -> Callable[[], Any]:
    """LensKit's pipeline over these factors, asked for the first users."""
    from lenskit import batch
    from lenskit.als import ImplicitMFScorer
    from lenskit.data import Vocabulary, from_interactions_df
    from lenskit.pipeline import topn_pipeline
    from pandas import DataFrame

    history = world.day.history
    rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    every = np.arange(
        history.shape[1]
    )  # a first user who played everything, so that all tracks are known by their number
    frame = {"user_id": np.concatenate([np.full(len(every), -1), rows]), "item_id": np.append(every, history.indices)}
    data = from_interactions_df(DataFrame(frame))
    scorer = ImplicitMFScorer(features=N_FACTORS, user_embeddings="prefer")
    scorer.items, scorer.users = data.items, Vocabulary(np.arange(history.shape[0]), "user")
    scorer.item_embeddings, scorer.user_embeddings = world.items, world.model.vectors
    pipeline = topn_pipeline(scorer, n=K)
    for name in ("history-lookup", "candidate-selector"):  # the scorer has its factors already
        pipeline.component(name).train(data)
    _, test = _collections(np.zeros((few, K), np.int64), world.day)
    analysis = _lenskit_metrics()

    def run() -> Any:
        found = batch.recommend(pipeline, np.arange(few), K, n_jobs=1)
        return analysis.measure(found, test).list_metrics().mean()

    return run


def _products(users: Floats, items: Floats) -> None:
    for start in range(0, len(users), 64):
        np.dot(users[start : start + 64], items.T)


def _about(world: World) -> str:
    users, tracks = world.day.history.shape
    return (
        f"{users:,} users with {world.day.history.nnz / users:.0f} played tracks and "
        f"{world.day.hidden.nnz / users:.1f} hidden plays on average, {tracks:,} tracks of {N_FACTORS} factors, "
        f"the {K} best of each"
    )


if __name__ == "__main__":
    main()
