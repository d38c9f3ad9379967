"""How the components of a data set are joined: the candidates of its folds, what some folds teach, and the lists."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache, partial
from typing import TypeVar

import numpy as np
from scipy import sparse

from benchmarks.recommender_logs import Fold, Lists, Numbers, Task
from recsys_tasks.core.domain import BoolArray
from recsys_tasks.evaluation.blend_weights import weights_for
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.evaluation.metrics import ndcg, precision
from recsys_tasks.evaluation.ranker_training import lessons
from recsys_tasks.evaluation.tuning_scores import Scores
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.pools import Pool, pool_of
from recsys_tasks.recommenders.ranker import Ranked, Rows, Trees, trained
from recsys_tasks.recommenders.ranker_features import feature_names, features
from recsys_tasks.recommenders.vectors import Played

K, DEPTH = 10, 100
"""Length of a list; candidates of each component."""
Parts = dict[str, Retriever]
Lesson, Learnt = TypeVar("Lesson"), TypeVar("Learnt")


def taught(task: Task, lesson: Callable[[int], Lesson], learn: Callable[[Sequence[Lesson]], Learnt]) -> list[Learnt]:
    """What the teachers of each fold of the test teach.

    Args:
        task: whose folds.
        lesson: what one fold teaches, by its place among all; each is asked once, and forgotten after its last pupil.
        learn: from the lessons of some folds; done once where the same ones teach.
    """
    lesson = lru_cache(maxsize=len(task.validation))(lesson)

    @cache
    def learnt(teachers: range) -> Learnt:
        return learn([lesson(place) for place in teachers])

    return [learnt(teachers) for teachers in task.teachers]


def weights_of(task: Task, parts: Sequence[Parts], names: Sequence[str]) -> list[tuple[float, ...]]:
    """The weights of some components for each fold of the test. parts: of all folds."""

    def lesson(place: int) -> tuple[Pool, Fold]:
        return pool_on(task.folds[place], [parts[place][name] for name in names]), task.folds[place]

    return taught(task, lesson, lambda some: weights_for(*joined_pools(*zip(*some, strict=True)), K))


def reranked(task: Task, parts: Sequence[Parts], names: Sequence[str]) -> list[Lists]:
    """Lists of some components of each fold of the test, re-ranked by trees. parts: of all folds."""

    def lesson(place: int) -> tuple[Rows, BoolArray, Numbers]:
        fold = task.folds[place]
        pool, hidden = pool_on(fold, [parts[place][name] for name in names]), fold.hidden[fold.rows]
        return lessons(pool, hidden, features(pool, fold.rows, _history(fold), fold.facts))

    trees = taught(task, lesson, partial(grown, feature_names(names)))
    return [
        listed(Ranked(tuple(own[name] for name in names), each, fold.facts, _history(fold), DEPTH), fold)
        for fold, own, each in zip(task.test, parts[len(task.validation) :], trees, strict=True)
    ]


def grown(names: Sequence[str], some: Sequence[tuple[Rows, BoolArray, Numbers]]) -> Trees:
    """Trees over the lessons of several folds, with the parameters of the program's own. names: of the features."""
    rows, hits, sizes = (np.concatenate(each) for each in zip(*some, strict=True))
    return trained(rows, hits, sizes, names)


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


def listed(retriever: Retriever, of: Fold) -> Lists:
    """Lists of the listeners of a fold who are asked."""
    return retriever.candidates(of.rows, _played(of), K).cols.astype(np.int64)


def scored(folds: Sequence[Fold], lists: Iterable[Lists]) -> Scores:
    """Scores of the listeners of some folds."""
    found: list[Scores] = []
    for fold, listed in zip(folds, lists, strict=True):
        hidden = fold.hidden[fold.rows]
        hits = is_hit(listed, hidden)
        found.append(Scores(precision(hits), ndcg(hits, np.diff(hidden.indptr))))
    return Scores(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _history(of: Fold) -> Played:
    return played_of(of.training)


def _played(of: Fold) -> Played:
    return (
        Played(np.zeros(len(of.rows) + 1, np.int64), np.zeros(0, np.int64))
        if of.repeats
        else played_of(of.training[of.rows])
    )
