"""Scores over time: each fold of a test by itself, those that nothing was found on, and all together.

A listener of several folds has a list in each. Means are over lists; in their intervals all lists of a listener are one
observation, for they are not independent. With d the value of a list less the mean, the standard error is the root of
the sum over listeners of (the sum over their lists of d)², divided by the number of lists, times the root of
n / (n - 1) for n listeners (the ratio estimator: Cochran, "Sampling Techniques", 1977). Differences are paired list by
list before that. What all listeners of a week share, such as the season, is not in these intervals: the weeks side by
side show it.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.joining import K
from benchmarks.recommender_logs import Fold, Numbers, Task
from recsys_tasks.core.domain import BoolArray
from recsys_tasks.core.formatting import decimal, fraction, with_interval
from recsys_tasks.evaluation.estimates import Z_95, mean_and_error
from recsys_tasks.evaluation.metrics import Values
from recsys_tasks.evaluation.tuning_scores import Scores

ALS = "als alone"
LEADING = ["lists", "hidden of each", f"P@{K} at the most"]


def listeners_of(folds: Sequence[Fold]) -> Numbers:
    """The listener of each list of some folds. (n_lists,)"""
    return np.concatenate([fold.rows for fold in folds])


def estimate(values: Values, listeners: Numbers) -> tuple[float, float]:
    """Mean over lists, and half of its interval of 95 %; that of a single listener is NaN.

    Args:
        values: (n_lists,).
        listeners: (n_lists,) whose list each is.
    """
    _, places, lists = np.unique(listeners, return_inverse=True, return_counts=True)
    mean, error = mean_and_error(np.bincount(places, values) / lists, lists)
    return float(values.mean()) if mean is None else mean, float("nan") if error is None else Z_95 * error


def gain_in_words(one: Values, other: Values, listeners: Numbers) -> str:
    """By how much one scores more than the other, list by list, with its interval."""
    mean, half = estimate(one - other, listeners)
    return with_interval(mean, mean - half, mean + half)


def tables(name: str, task: Task, scores: Mapping[str, Scores]) -> Iterator[list[list[str]]]:
    """Precision and nDCG of lists by fold, then by how much each is above ALS alone: heading and rows of each table.

    Args:
        name: of the data set.
        task: whose test says when each of its folds begins.
        scores: by what the lists are of; of all folds of the test, one after the other.
    """
    listeners = listeners_of(task.test)
    hidden = np.concatenate([np.diff(fold.hidden[fold.rows].indptr) for fold in task.test])
    shown = {label: each for label, each in scores.items() if not label.startswith("without")}
    for number, metric in enumerate(("P", "nDCG")):
        plain = [[f"{metric}@{K} of {name}", *LEADING, *shown]]
        gains = [[f"{metric}@{K} of {name}, less {ALS}", *LEADING, *(each for each in shown if each != ALS)]]
        for label, some in _groups(task):
            most = np.minimum(hidden[some], K).mean() / K
            leading = [label, f"{some.sum():,}", decimal(hidden[some].mean(), 1), fraction(most)]
            values = {each: found[number][some] for each, found in shown.items()}
            plain.append([*leading, *(_with_half(*estimate(each, listeners[some])) for each in values.values())])
            als = values.pop(ALS)
            gains.append([*leading, *(gain_in_words(each, als, listeners[some]) for each in values.values())])
        yield plain
        yield gains


def _groups(task: Task) -> Iterator[tuple[str, BoolArray]]:
    """What a row is of, and which lists these are."""
    of_fold = np.repeat(np.arange(len(task.test)), [len(fold.rows) for fold in task.test])
    for place, begins in enumerate(task.begins):
        yield begins.isoformat(), of_fold == place
    if task.unseen:
        yield f"the first {task.unseen}", of_fold < task.unseen
        yield f"the other {len(task.test) - task.unseen}", of_fold >= task.unseen
    yield f"all {len(task.test)}", of_fold >= 0


def _with_half(mean: float, half: float) -> str:
    return f"{fraction(mean)} ± {fraction(half)}"
