"""What each component of a recommender is worth: alone, left out, and all of them joined, beside a tuned ALS.

    nice python -m benchmarks.recommenders --data DIR [--only SET ...]

``DIR`` holds a folder for each data set; one that is absent is named and left out. Everything is chosen on plays before
those that are scored, which are looked at once: the parameters of ALS by ``tune``, then the neighbours' and the
half-lives by what they add to ALS, then the weights. What is left out of the whole has its weights fitted anew. Lists
are those that a blend gives; intervals are of 95 %, paired over listeners.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.als_defaults import Absent
from benchmarks.neural import DATED, factors_in
from benchmarks.own_plays import Own
from benchmarks.recommender_logs import Fold, Lists, Task, amazon, journey, lastfm, world
from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.formatting import fraction, signed_fraction
from recsys_tasks.evaluation.blend_weights import ndcg_of, weights_for
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.evaluation.metrics import ndcg, precision
from recsys_tasks.evaluation.ranker_training import lessons
from recsys_tasks.evaluation.tuning import Watch, tune
from recsys_tasks.evaluation.tuning_scores import Interval, Scores, interval
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.pools import Pool, pool_of
from recsys_tasks.recommenders.popular import Popularity
from recsys_tasks.recommenders.ranker import Ranked, trained
from recsys_tasks.recommenders.ranker_features import feature_names, features
from recsys_tasks.recommenders.recent import Recent
from recsys_tasks.recommenders.vectors import Played

K, DEPTH, NEURAL = 10, 100, "SASRec"
SETS: dict[str, Callable[[Path], Task]] = {
    "demo world": world,
    "amazon-music": amazon,
    "complete-journey": journey,
    "complete-journey, repeats": lambda folder: journey(folder, repeats=True),
    "lastfm-2k": lastfm,
}
LENGTHS = (40, 64, 128)
"""Factors that ``tune`` may try."""
NEIGHBOURS = [
    *(NeighboursConfig(similarity="cosine", shrinkage=shrinkage, nearest=200) for shrinkage in (1.0, 10.0)),
    NeighboursConfig(similarity="bm25", nearest=200),
    *(NeighboursConfig(similarity="ease", ease_regularization=each, nearest=200) for each in (500.0, 2_000.0)),
]


Parts = dict[str, Retriever]
T = TypeVar("T")


@dataclass(frozen=True)
class Chosen:
    """What was chosen on validation."""

    als: AlsConfig
    neighbours: NeighboursConfig
    recent: Recent | None  # None without dates
    own: float | None  # half-life of each listener's own plays; None where they are not listed

    def parts(self, of: Fold) -> Parts:
        """Name -> component, fitted on a fold."""
        found: Parts = {"als": factors_of(of, self.als)}
        if self.recent is not None:
            found[self.recent.label] = of.recent[self.recent]
        found["neighbours"] = NearestTracks(self.neighbours).fit(of.data).component
        return found | ({} if self.own is None else {"own": Own(of.own[self.own])})


def factors_of(of: Fold, config: AlsConfig) -> Factors:
    """ALS from a cold start, its listeners learned anew from their own plays, as a release does it."""
    als = Als(config)
    return als.fold_in(als.fit(of.data).component, of.training[of.rows], of.rows)


def chosen_on(task: Task, known: AlsConfig | None, seconds: float, say: Callable[[str], None]) -> Chosen:
    """ALS by ``tune``, unless it is known; half-lives and neighbours by what they add to it."""
    base = AlsConfig(threads=1)
    als = known or tune(task.tuning.for_tuning, base, LENGTHS, K, Watch(time.process_time, seconds)).winner
    say(f"als: {als.weight}, a = {als.a:g}, lambda = {als.regularization:g}, {als.factors} factors")
    factors = [factors_of(fold, als) for fold in task.validation]
    recent = {
        each: _added(task, factors, [fold.recent[each] for fold in task.validation])
        for each in task.validation[0].recent
    }
    for each, score in recent.items():
        say(f"nDCG of ALS and {each.label}: {score:.4f}")
    similar = {}
    for config in NEIGHBOURS:
        others = [NearestTracks(config).fit(fold.data).component for fold in task.validation]
        similar[config] = _added(task, factors, others)
        say(f"nDCG of ALS and neighbours, {config}: {similar[config]:.4f}")
    by_own = {
        half_life: _added(task, factors, [Own(fold.own[half_life]) for fold in task.validation])
        for half_life in task.validation[0].own
    }
    say(f"nDCG of ALS and own plays by half-life: {_rounded(by_own)}")
    return Chosen(als, _best(similar)[0], next(iter(_best(recent)), None), next(iter(_best(by_own)), None))


def _rounded(scores: dict[float, float]) -> dict[float, float]:
    return {each: round(value, 4) for each, value in scores.items()}


def _best(scores: dict[T, float]) -> list[T]:
    """Best first."""
    return sorted(scores, key=lambda each: -scores[each])


def _added(task: Task, factors: Sequence[Factors], others: Sequence[Retriever]) -> float:
    """nDCG on validation of ALS joined with one component."""
    pairs = zip(task.validation, factors, others, strict=True)
    pool, hidden = joined_pools([pool_on(fold, [one, other]) for fold, one, other in pairs], task.validation)
    hits, n_hidden = is_hit(pool.cols, hidden), np.diff(hidden.indptr)
    return float(ndcg_of(pool, weights_for(pool, hidden, K), hits, n_hidden, K).mean())


def pool_on(of: Fold, parts: Sequence[Retriever]) -> Pool:
    """The candidates of the listeners of a fold."""
    return pool_of(parts, of.rows, _played(of), DEPTH)


def joined_pools(pools: Sequence[Pool], folds: Sequence[Fold]) -> tuple[Pool, sparse.csr_matrix]:
    """The listeners of several folds below each other, with their hidden plays."""
    cols, warm, complete = (
        np.concatenate([getattr(pool, name) for pool in pools]) for name in ("cols", "warm", "complete")
    )
    z, raw = (np.concatenate([getattr(pool, name) for pool in pools], axis=1) for name in ("z", "raw"))
    return Pool(cols, z, warm, complete, raw), sparse.vstack([fold.hidden[fold.rows] for fold in folds], format="csr")


def weights_of(task: Task, parts: Sequence[Parts], names: Sequence[str]) -> tuple[float, ...]:
    """The weights of some components, fitted on validation."""
    pools = [pool_on(fold, [own[name] for name in names]) for fold, own in zip(task.validation, parts, strict=True)]
    return weights_for(*joined_pools(pools, task.validation), K)


def reranked(task: Task, validation: Sequence[Parts], test: Sequence[Parts], names: Sequence[str]) -> list[Lists]:
    """Lists of some components of each fold of the test, re-ranked by trees that were trained on validation."""
    taught = []
    for fold, parts in zip(task.validation, validation, strict=True):
        pool, hidden = pool_on(fold, [parts[name] for name in names]), fold.hidden[fold.rows]
        taught.append(lessons(pool, hidden, features(pool, fold.rows, _history(fold), fold.facts)))
    rows, hits, sizes = (np.concatenate(each) for each in zip(*taught, strict=True))
    trees = trained(rows, hits, sizes, feature_names(names))
    return [
        listed(Ranked(tuple(parts[name] for name in names), trees, fold.facts, _history(fold), DEPTH), fold)
        for fold, parts in zip(task.test, test, strict=True)
    ]


def _history(of: Fold) -> Played:
    return played_of(of.training)


def scored(folds: Sequence[Fold], lists: Iterable[Lists]) -> Scores:
    """Scores of the listeners of some folds."""
    found: list[Scores] = []
    for fold, listed in zip(folds, lists, strict=True):
        hidden = fold.hidden[fold.rows]
        hits = is_hit(listed, hidden)
        found.append(Scores(precision(hits), ndcg(hits, np.diff(hidden.indptr))))
    return Scores(*(np.concatenate(values) for values in zip(*found, strict=True)))


def measured(name: str, task: Task, chosen: Chosen, neural: Path | None, say: Callable[[str], None]) -> list[list[str]]:
    """The rows of one data set. neural: a folder with vectors of a network, one more component; None: without it."""
    on_validation, on_test = ([chosen.parts(fold) for fold in folds] for folds in (task.validation, task.test))
    learnt = factors_in(neural, name, task) if neural and name in DATED else None
    for parts, factors in zip([*on_validation, *on_test], chain(*learnt or ()), strict=False):
        parts[NEURAL] = factors
    pairs, names = list(zip(task.test, on_test, strict=True)), list(on_test[0])
    popular = [listed(Popularity().fit(fold.data).component, fold) for fold in task.test]
    found, words = {"popular tracks": scored(task.test, popular)}, {}
    for each in names:
        found[f"{each} alone"] = scored(task.test, [listed(parts[each], fold) for fold, parts in pairs])
    subsets = {"all": names, **{f"without {out}": [each for each in names if each != out] for out in names}}
    for label, used in subsets.items():
        blend = Blend(weights_of(task, on_validation, used), tuple(used), DEPTH)
        words[label] = ", ".join(f"{weight:g}" for weight in blend.weights)
        lists = [listed(blend.of([parts[each] for each in used]), fold) for fold, parts in pairs]
        found[label] = scored(task.test, lists)
    if importlib.util.find_spec("lightgbm"):
        for label in ("all", f"without {NEURAL}") if learnt else ("all",):
            lists = reranked(task, on_validation, on_test, subsets[label])
            found[f"{label}, re-ranked"] = scored(task.test, lists)
    else:
        say("lightgbm is not installed: the re-ranker is left out")
    for label in (f"{NEURAL} alone", "all, re-ranked") if f"without {NEURAL}, re-ranked" in found else ():
        gain = interval(found[label].ndcg, found[f"without {NEURAL}, re-ranked"].ndcg)
        say(f"{name}: nDCG of {label} less without {NEURAL}, re-ranked: {_paired(gain)}")
    if all(fold.ceiling for fold in task.test):
        found["the world's own taste"] = scored(task.test, [fold.ceiling(fold) for fold in task.test if fold.ceiling])
    say(f"{name}: {chosen}")
    als = found["als alone"]
    beginning = [name, task.how, f"{len(als.ndcg):,}"]
    return [[*beginning, label, words.get(label, ""), *_cells(each, als)] for label, each in found.items()]


def _cells(one: Scores, als: Scores) -> list[str]:
    gain, mean = interval(one.ndcg, als.ndcg), als.ndcg.mean()
    figures = [fraction(one.precision.mean()), fraction(one.ndcg.mean())]
    return [*figures, _paired(gain), f"{100 * gain.difference / mean:+.0f} %"]


def _paired(gain: Interval) -> str:
    return f"{signed_fraction(gain.difference)} [{signed_fraction(gain.low)}, {signed_fraction(gain.high)}]"


def listed(retriever: Retriever, of: Fold) -> Lists:
    """Lists of the listeners of a fold who are asked."""
    return retriever.candidates(of.rows, _played(of), K).cols.astype(np.int64)


def _played(of: Fold) -> Played:
    return (
        Played(np.zeros(len(of.rows) + 1, np.int64), np.zeros(0, np.int64))
        if of.repeats
        else played_of(of.training[of.rows])
    )


HEADING = ["data", "hidden", "listeners", "lists of", "weights", "P@10", "nDCG@10", "nDCG less ALS alone", "as a share"]


def main(words: Sequence[str] | None = None) -> None:
    """Print the table, set by set. words: of the command line; None: those of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--only", nargs="+", choices=list(SETS), metavar="SET", help="some of them")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the processor, for tuning ALS on a set")
    parser.add_argument("--neural", type=Path, metavar="FOLDER", help="with SASRec, as benchmarks.neural left it there")
    parser.add_argument("--als", nargs=4, metavar=("WEIGHT", "A", "LAMBDA", "FACTORS"), help="found by a search before")
    args = parser.parse_args(words)
    known = _als(*args.als) if args.als else None
    _print([HEADING, ["---"] * len(HEADING)])
    with threadpool_limits(1):
        for name in args.only or SETS:
            began = time.monotonic()
            try:
                task = SETS[name](args.data)
                _print(measured(name, task, chosen_on(task, known, args.seconds, _say), args.neural, _say))
            except Absent as absent:
                _say(f"{absent} is not in {args.data}: left out")
            _say(f"{name}: {time.monotonic() - began:.0f} s")


def _als(weight: str, a: str, regularization: str, factors: str) -> AlsConfig:
    return AlsConfig.model_validate(
        {"weight": weight, "a": a, "regularization": regularization, "factors": factors, "threads": 1}, strict=False
    )


def _print(rows: Iterable[Sequence[str]]) -> None:
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
