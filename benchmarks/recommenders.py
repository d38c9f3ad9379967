"""What each component of a recommender is worth: alone, left out, and all of them joined, beside a tuned ALS.

    nice python -m benchmarks.recommenders --data DIR [--only SET ...]

``DIR`` holds a folder for each data set; one that is absent is named and left out. Everything is chosen on plays before
those that are scored, which are looked at once: the parameters of ALS by ``tune``, then the neighbours' and the
half-lives by what they add to ALS, then the weights. What is left out of the whole has its weights fitted anew. Lists
are those that a blend gives; intervals are of 95 %, paired over lists, of which those of one listener count together
(``benchmarks.over_time``).

One week of complete-journey is short: some 1,200 households, so that precision at 10 of new products, near 0.018, is
known within 0.0025, and that week is the one after Christmas. The sets "a quarter" are 7 days in each of the last
thirteen weeks, from 2017-10-02, as a service would have met them that runs every day:

- what is a setting (ALS by ``tune``, half-life and kind of recent plays, kind of neighbours, half-life of own
  purchases) is chosen once, on the four weeks from 2017-09-04, and kept; ALS is searched for alike with and without
  repeats, to the end of the search, so that a second run may be given what a first one found (``--als``);
- components are fitted for each week on all days before it;
- weights and trees are fitted for each week on the four weeks before it, whose components are those of their own weeks.

After the table of components come others, week by week and together. Two figures stand for the quarter: P@10 of *all*
and of *all, re-ranked*, beside 0.018 for what was never bought before; of these and of *own, by trees* beside 0.23 with
repeats. That discoveries and trees over own purchases are among what is tried was found on the eight weeks from
2017-10-30 and looked at on the last one, so the four weeks before these are told by themselves, too.
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
from threadpoolctl import threadpool_limits

from benchmarks.als_defaults import Absent
from benchmarks.joining import DEPTH, K, Parts, joined_pools, listed, pool_on, reranked, scored, weights_of
from benchmarks.neural import DATED, factors_in
from benchmarks.over_time import ALS, gain_in_words, listeners_of, tables
from benchmarks.own_plays import Own, own_by_trees
from benchmarks.recommender_logs import OWN_HALF_LIVES, Fold, Numbers, Task
from benchmarks.recommender_sets import SETS
from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.formatting import fraction
from recsys_tasks.evaluation.blend_weights import ndcg_of, weights_for
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.tuning import Watch, tune
from recsys_tasks.evaluation.tuning_scores import Scores
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.popular import Popularity
from recsys_tasks.recommenders.recent import Recent

NEURAL = "SASRec"
LENGTHS = (40, 64, 128)
"""Factors that ``tune`` may try."""
NEIGHBOURS = [
    *(NeighboursConfig(similarity="cosine", shrinkage=shrinkage, nearest=200) for shrinkage in (1.0, 10.0)),
    NeighboursConfig(similarity="bm25", nearest=200),
    *(NeighboursConfig(similarity="ease", ease_regularization=each, nearest=200) for each in (500.0, 2_000.0)),
]
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
        return found | ({} if self.own is None else {"own": Own(of.own(self.own))})


def factors_of(of: Fold, config: AlsConfig) -> Factors:
    """ALS from a cold start, its listeners learned anew from their own plays, as a release does it."""
    als = Als(config)
    return als.fold_in(als.fit(of.data).component, of.training[of.rows], of.rows)


def chosen_on(task: Task, known: AlsConfig | None, seconds: float, say: Callable[[str], None]) -> Chosen:
    """ALS by ``tune``, unless it is known; half-lives and neighbours by what they add to it."""
    als = known or _searched_for(task, seconds, say)
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
        half_life: _added(task, factors, [Own(fold.own(half_life)) for fold in task.validation])
        for half_life in (OWN_HALF_LIVES if task.validation[0].repeats else ())
    }
    say(f"nDCG of ALS and own plays by half-life: {_rounded(by_own)}")
    return Chosen(als, _best(similar)[0], next(iter(_best(recent)), None), next(iter(_best(by_own)), None))


def _searched_for(task: Task, seconds: float, say: Callable[[str], None]) -> AlsConfig:
    """ALS by ``tune``, which says where the time was up before the end of its search."""
    found = tune(task.tuning.for_tuning, AlsConfig(threads=1), LENGTHS, K, Watch(time.process_time, seconds))
    if found.stopped:
        say(f"als: {len(found.trials)} settings were tried in {seconds:.0f} s; more --seconds would try more")
    return found.winner


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


@dataclass(frozen=True)
class Measured:
    """What was found on the test of one data set, by what the lists are of."""

    scores: dict[str, Scores]
    weights: dict[str, str]  # of what is joined by weights

    def rows(self, name: str, task: Task) -> list[list[str]]:
        """The rows of the set in the table."""
        als, listeners = self.scores[ALS], listeners_of(task.test)
        beginning = [name, task.how, f"{len(listeners):,}"]
        return [
            [*beginning, label, self.weights.get(label, ""), *_cells(each, als, listeners)]
            for label, each in self.scores.items()
        ]


def measured(name: str, task: Task, chosen: Chosen, neural: Path | None, say: Callable[[str], None]) -> Measured:
    """The scores of one data set. neural: a folder with vectors of a network, one more component; None: without it."""
    parts = [chosen.parts(fold) for fold in task.folds]
    learnt = factors_in(neural, name, task) if neural and name in DATED else None
    for own, factors in zip(parts, chain(*learnt or ()), strict=False):
        own[NEURAL] = factors
    tested, names = list(zip(task.test, parts[len(task.validation) :], strict=True)), list(parts[0])
    popular = [listed(Popularity().fit(fold.data).component, fold) for fold in task.test]
    scores, words = {"popular tracks": scored(task.test, popular)}, {}
    for each in names:
        scores[f"{each} alone"] = scored(task.test, [listed(own[each], fold) for fold, own in tested])
    subsets = {"all": names, **{f"without {out}": [each for each in names if each != out] for out in names}}
    for label, used in subsets.items():
        weights = weights_of(task, parts, used)
        blends = [Blend(some, tuple(used), DEPTH) for some in weights]
        words[label] = _ranges(weights)
        pairs = zip(blends, tested, strict=True)
        lists = [listed(blend.of([own[each] for each in used]), fold) for blend, (fold, own) in pairs]
        scores[label] = scored(task.test, lists)
    if importlib.util.find_spec("lightgbm"):
        for label in ("all", f"without {NEURAL}") if learnt else ("all",):
            scores[f"{label}, re-ranked"] = scored(task.test, reranked(task, parts, subsets[label]))
        if chosen.own is not None:
            scores["own, by trees"] = scored(task.test, own_by_trees(task, chosen.own))
    else:
        say("lightgbm is not installed: the re-ranker is left out")
    for label in (f"{NEURAL} alone", "all, re-ranked") if f"without {NEURAL}, re-ranked" in scores else ():
        gain = gain_in_words(scores[label].ndcg, scores[f"without {NEURAL}, re-ranked"].ndcg, listeners_of(task.test))
        say(f"{name}: nDCG of {label} less without {NEURAL}, re-ranked: {gain}")
    if all(fold.ceiling for fold in task.test):
        scores["the world's own taste"] = scored(task.test, [fold.ceiling(fold) for fold in task.test if fold.ceiling])
    say(f"{name}: {chosen}")
    return Measured(scores, words)


def _ranges(weights: Sequence[tuple[float, ...]]) -> str:
    """The weight of each component, or the least and the largest of those of several folds."""
    ends = [(min(each), max(each)) for each in zip(*weights, strict=True)]
    return ", ".join(f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in ends)


def _cells(one: Scores, als: Scores, listeners: Numbers) -> list[str]:
    figures = [fraction(one.precision.mean()), fraction(one.ndcg.mean())]
    gain = one.ndcg.mean() - als.ndcg.mean()
    return [*figures, gain_in_words(one.ndcg, als.ndcg, listeners), f"{100 * gain / als.ndcg.mean():+.0f} %"]


HEADING = ["data", "hidden", "listeners", "lists of", "weights", "P@10", "nDCG@10", "nDCG less ALS alone", "as a share"]


def main(words: Sequence[str] | None = None) -> None:
    """Print the table, set by set, and then those over time. words: of the command line; None: those of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--only", nargs="+", choices=list(SETS), metavar="SET", help="some of them")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the processor, for tuning ALS on a set")
    parser.add_argument("--neural", type=Path, metavar="FOLDER", help="with SASRec, as benchmarks.neural left it there")
    parser.add_argument("--als", nargs=4, metavar=("WEIGHT", "A", "LAMBDA", "FACTORS"), help="found by a search before")
    args = parser.parse_args(words)
    known = _als(*args.als) if args.als else None
    over_time: list[list[list[str]]] = []
    _print([HEADING, ["---"] * len(HEADING)])
    with threadpool_limits(1):
        for name in args.only or SETS:
            began = time.monotonic()
            try:
                task = SETS[name](args.data)
                found = measured(name, task, chosen_on(task, known, args.seconds, _say), args.neural, _say)
                _print(found.rows(name, task))
                over_time += tables(name, task, found.scores) if len(task.begins) > 1 else ()
            except Absent as absent:
                _say(f"{absent} is not in {args.data}: left out")
            _say(f"{name}: {time.monotonic() - began:.0f} s")
    for heading, *rows in over_time:
        print()
        _print([heading, ["---"] * len(heading), *rows])


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
