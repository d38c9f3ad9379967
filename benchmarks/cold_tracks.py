"""Tracks that nobody has played: how well content finds who will play them.

    nice python -m benchmarks.cold_tracks --data DIR [--only SET ...]

- ``citeulike-a``: articles with their tags and citations. 3,396 of them are hidden from the training with all of their
  readers (the split of ALDI), and are all that lists are drawn from. Known are the other articles of each reader.
- ``demo world``, and the same drawn anew three times: the day after 24. Lists are drawn from the new tracks of the
  week, hits are those that nobody had played before; beside them, what the factors by content do to lists of all
  tracks.

The number of similar tracks is chosen on articles that are hidden from the training in the same way. Intervals are of
95 %, over listeners.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.als_defaults import Absent
from benchmarks.cold_data import (
    ARTICLES,
    HISTORY,
    article_lists,
    article_pairs,
    columns_of,
    numbered,
    played_tracks,
    snapshot,
    world_plays,
    world_snapshot,
)
from recsys_tasks.core.components import ContentConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.formatting import fraction, signed_fraction
from recsys_tasks.demo.world import PRESETS, build_world
from recsys_tasks.demo.world.oracle import oracle_scores
from recsys_tasks.evaluation.cold_tracks import Parts, cold_rows, content_retrievers, new_tracks
from recsys_tasks.evaluation.estimates import Z_95, mean_and_error
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.evaluation.metrics import ndcg, precision, recall
from recsys_tasks.evaluation.tuning_scores import interval
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Candidates, Retriever, TrainingData
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.cold_tracks import DayOfPlays, content_means, fit_cold_tracks
from recsys_tasks.recommenders.content_features import content_features
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.nearest_content import nearest_content
from recsys_tasks.recommenders.neighbours import Neighbours, SimilarTracks
from recsys_tasks.recommenders.vectors import Played

USERS_AT_ONCE = 500
EVERY = 4
"""Of the readers of hidden articles every fourth is asked."""
NEAREST = (30, 60, 200, 400)
ALS = {
    "citeulike-a": AlsConfig(factors=128, weight="linear", a=10.0, regularization=10.0, threads=1),
    "demo world": AlsConfig(weight="log", a=3.0, regularization=1.0, threads=1),
}
K, MOST_TRACKS, FEW = 10, 10_000, 5
Say = Callable[[str], None]


@dataclass(frozen=True)
class Dense:
    """Known scores of each listener and item."""

    values: FloatArray  # (n_users, n_items)

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``."""
        scores = self.values[user_rows].copy()
        scores[np.repeat(np.arange(len(scores)), np.diff(played.indptr)), played.cols] = -np.inf
        if allowed is not None:
            scores[:, ~allowed] = -np.inf
        cols = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return Candidates(cols.astype(np.int32), np.take_along_axis(scores, cols, axis=1), np.ones(len(cols), bool))

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        return np.asarray(self.values[user_rows, item_cols])

    def cold_users(self) -> BoolArray:
        """As ``Retriever``."""
        return np.zeros(len(self.values), dtype=bool)

    def cold_items(self) -> BoolArray:
        """As ``Retriever``."""
        return np.zeros(self.values.shape[1], dtype=bool)


def citeulike(folder: Path, say: Say) -> Iterator[list[str]]:
    """Recall@100 and nDCG@20 among the hidden articles."""
    path = folder / "citeulike-a"
    if not path.exists():
        raise Absent(path.name)
    parts = {name: article_pairs(path / "aldi-split" / f"{name}.csv") for name in ("warm_emb", "warm_val", "warm_test")}
    kept = canonical(sum(parts.values(), start=sparse.csr_matrix(parts["warm_emb"].shape, dtype=np.uint32)))
    hidden = canonical(sum(article_pairs(path / "aldi-split" / f"cold_item_{name}.csv") for name in ("val", "test")))
    tags, cited = (article_lists(path / name) for name in ("item-tag.dat", "citations.dat"))
    cited = [[*others, str(number)] for number, others in enumerate(cited)]  # who cites an article is like it
    catalogue = snapshot(np.arange(ARTICLES), tags=tags, cited=cited)
    say(f"citeulike-a: {kept.nnz:,} pairs known, {hidden.nnz:,} hidden")
    data = TrainingData(kept, numbered(kept.shape[0]), numbered(ARTICLES))
    factors = Als(ALS["citeulike-a"]).fit(data).component
    for words, weights in (("tags and citations", {}), ("citations alone", {"tags": 0.0})):
        features = content_features(catalogue, pa.array(np.arange(ARTICLES)), weights, MOST_TRACKS).features
        nearest = _chosen_nearest(features, kept, say)
        for row in _articles(factors, features, nearest, kept, hidden):
            say(" | ".join(line := ["citeulike-a", words, *row, ""]))
            yield line


def _chosen_nearest(features: sparse.csr_matrix, kept: sparse.csr_matrix, say: Say) -> int:
    """On a tenth of the known articles, hidden as if they were new."""
    articles = np.flatnonzero(np.bincount(kept.indices, minlength=ARTICLES))
    new = np.zeros(ARTICLES, dtype=bool)
    new[np.random.default_rng(1).permutation(articles)[: len(articles) // 10]] = True
    training, asked = (columns_of(kept, which) for which in (~new, new))
    rows = np.flatnonzero((np.diff(asked.indptr) > 0) & (np.diff(training.indptr) > 0))[::4]
    scores = {}
    for nearest in NEAREST:
        similar = SimilarTracks(nearest_content(features, played_tracks(training), nearest))
        lists = Neighbours(similar, played_of(training)).candidates(rows, played_of(training[rows]), 20, new).cols
        hits = is_hit(lists.astype(np.int64), asked[rows])
        scores[nearest] = float(ndcg(hits, np.diff(asked.indptr)[rows]).mean())
    say(f"nDCG@20 by the number of similar articles, on others: {scores}")
    return max(scores, key=lambda each: scores[each])


def _articles(
    factors: Factors, features: sparse.csr_matrix, nearest: int, kept: sparse.csr_matrix, hidden: sparse.csr_matrix
) -> Iterator[list[str]]:
    similar = SimilarTracks(nearest_content(features, played_tracks(kept), nearest))
    new = np.bincount(hidden.indices, minlength=ARTICLES) > 0
    means = content_means(factors.item_factors, similar, new)
    rows = np.flatnonzero((np.diff(hidden.indptr) > 0) & (np.diff(kept.indptr) > 0))[::EVERY]
    depth = int(new.sum())
    for name, retriever in content_retrievers(
        factors.user_factors, means, similar, played_of(kept), np.zeros(len(means), int)
    ):
        deep = Blend((1.0, 1.0), ("als", "content"), depth).of(retriever.components) if "both" in name else retriever
        found = [_found(deep, kept, hidden, own, new) for own in np.array_split(rows, len(rows) // USERS_AT_ONCE + 1)]
        cells = [_with_interval(np.concatenate(each)) for each in zip(*found, strict=True)]
        yield [f"{len(rows):,}", f"{name} ({nearest})", *cells]


def _found(
    retriever: Retriever, kept: sparse.csr_matrix, hidden: sparse.csr_matrix, rows: IntArray, new: BoolArray
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Recall@100 and nDCG@20 of some listeners."""
    lists = retriever.candidates(rows, played_of(kept[rows]), 100, new).cols.astype(np.int64)
    hits, n_hidden = is_hit(lists, hidden[rows]), np.diff(hidden.indptr)[rows]
    return recall(hits, n_hidden), ndcg(hits[:, :20], n_hidden)


def demo_world(name: str, seed: int, _folder: Path, say: Say) -> Iterator[list[str]]:
    """Recall@10 and nDCG@10 among the week's new tracks; precision@10 of lists of all tracks."""
    world = build_world(replace(PRESETS["demo"], days=HISTORY + 1, seed=seed))
    day = world.params.start + timedelta(days=HISTORY)
    items, plays = world_plays(world, day)
    before = canonical(sparse.csr_matrix(sum(plays[:-1])))
    hidden = canonical(sparse.csr_matrix(plays[-1] - plays[-1].multiply(before > 0)))
    fit = TrainingData(before, numbered(before.shape[0]), items)
    factors = Als(ALS["demo world"]).fit(fit).component
    catalogue = world_snapshot(world).take(pa.array(np.asarray(items.ids) - 1))
    features = content_features(catalogue, items.ids, {}, MOST_TRACKS).features
    similar = SimilarTracks(nearest_content(features, played_tracks(before), ContentConfig().nearest))
    rows = np.flatnonzero((np.diff(hidden.indptr) > 0) & (np.diff(before.indptr) > 0))[::3]
    holdout = Holdout(rows, before, before[rows], hidden[rows])
    new = new_tracks(catalogue, items, holdout.listeners, day)
    means, played = (
        content_means(factors.item_factors, similar, np.ones(len(factors.item_factors), bool)),
        played_of(holdout.history),
    )
    taste = np.zeros((len(rows), len(items)), np.float32)
    ids, scores = oracle_scores(world, rows + 1, day)
    places = items.rows_of(pa.array(ids))
    taste[:, places[places >= 0]] = scores[:, places >= 0]
    parts: Parts = [
        *content_retrievers(factors.user_factors[rows], means, similar, played, new.lots),
        ("the world's own taste", Dense(taste)),
    ]
    say(f"{name}: {new.pool.sum():,} new tracks, {(new.pool & new.unplayed).sum():,} without a play before")
    for row in cold_rows(parts, new, holdout, K):
        cells = [_in_interval(row.recall, row.low, row.high), fraction(row.ndcg)]
        gain = _in_interval(row.difference, row.difference_low, row.difference_high, signed_fraction)
        yield [name, "new tracks", f"{row.listeners:,}", row.lists, *cells, gain]
    today = DayOfPlays(before, plays[-2], holdout.listeners, items, day - timedelta(days=1))
    cold = fit_cold_tracks(Als(ALS["demo world"]), factors, similar, today, FEW, K)
    say(f"{name}: {len(cold.cols):,} tracks have factors by content, scaled by {cold.scale:.3g}")
    yield from _whole_lists(
        name, Factors(factors.user_factors[rows], factors.item_factors), cold.put_into, holdout, new.unplayed
    )


def _whole_lists(
    world: str, factors: Factors, put_into: Callable[[Factors, int], Factors], holdout: Holdout, unplayed: BoolArray
) -> Iterator[list[str]]:
    """precision@10 and nDCG@10 of lists of all tracks, without and with factors by content."""
    found = {}
    everybody, n_hidden = np.arange(len(holdout.user_rows)), np.diff(holdout.hidden.indptr)
    for name, each in (("als", factors), ("als, cold tracks by content", put_into(factors, len(unplayed)))):
        lists = each.candidates(everybody, played_of(holdout.history), K).cols.astype(np.int64)
        hits = is_hit(lists, holdout.hidden)
        found[name] = precision(hits), ndcg(hits, n_hidden), float(unplayed[lists].mean())
    wanted = float(unplayed[holdout.hidden.indices].mean())
    for name, (precise, graded, share) in found.items():
        gain = interval(graded, found["als"][1])
        words = f"{name}; {share:.1%} of places without plays, {wanted:.1%} of discoveries"
        cells = [_with_interval(precise), fraction(graded.mean())]
        yield [
            *(world, "all tracks (P@10)", f"{len(everybody):,}", words, *cells),
            _in_interval(gain.difference, gain.low, gain.high, signed_fraction),
        ]


def _with_interval(values: npt.NDArray[np.float64]) -> str:
    mean, error = mean_and_error(values)
    half = Z_95 * (error or 0.0)
    return _in_interval(mean or 0.0, (mean or 0.0) - half, (mean or 0.0) + half)


def _in_interval(mean: float, low: float | None, high: float | None, form: Callable[[float], str] = fraction) -> str:
    return form(mean) if low is None or high is None else f"{form(mean)} [{form(low)}, {form(high)}]"


WORLDS = {"demo world": PRESETS["demo"].seed} | {f"demo world, seed {seed}": seed for seed in (2, 3, 4)}
SETS: dict[str, Callable[[Path, Say], Iterator[list[str]]]] = {"citeulike-a": citeulike} | {
    name: partial(demo_world, name, seed) for name, seed in WORLDS.items()
}
HEADING = ["data", "of", "listeners", "lists by", "recall@100 or @10", "nDCG@20 or @10", "less the artist's popularity"]


def main(words: Sequence[str] | None = None) -> None:
    """Print the table. words: of the command line; None: those of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--only", nargs="+", choices=list(SETS), metavar="SET", help="some of them")
    args = parser.parse_args(words)
    rows = []
    with threadpool_limits(1):
        for name in args.only or SETS:
            try:
                rows += list(SETS[name](args.data, _say))
            except Absent as absent:
                _say(f"{absent} is not in {args.data}: left out")
    print("\n".join(f"| {' | '.join(line)} |" for line in [HEADING, ["---"] * len(HEADING), *rows]))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
