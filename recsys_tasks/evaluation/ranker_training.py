"""The trees of a re-ranker, trained on the blend's listeners. The gate's listeners take no part."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.evaluation.blend_weights import LEAST_LISTENERS, Teachers
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.pools import Pool
from recsys_tasks.recommenders.ranker import Trees, trained
from recsys_tasks.recommenders.ranker_features import Rows, TrackFacts, feature_names, features
from recsys_tasks.recommenders.vectors import Played

OTHERS = 3
"""Of the candidates that a listener did not play, every third teaches: docs/recommenders.md says what that changes."""
LEAST_TAUGHT = LEAST_LISTENERS // 2
"""Of fewer listeners with a hidden play among their candidates trees would learn chance."""
AT_ONCE = 256
"""Listeners whose candidates have their features at once: a third of these teach, and all of them take memory."""

Taught: TypeAlias = tuple[Pool, sparse.csr_matrix, IntArray]


def fitted_trees(teachers: Teachers | None, labels: Sequence[str], holdout: Holdout, facts: TrackFacts) -> Trees | None:
    """Trees over the candidates of the blend's listeners; None where too few teach.

    Args:
        teachers: who teaches.
        labels: names of the components.
        holdout: the day as the blend's listeners are asked about it.
        facts: of the tracks.
    """
    if teachers is None:
        return None
    history = played_of(holdout.history)
    return trees_for(teachers.pool, teachers.hidden, teachers.user_rows, labels, history, facts)


def trees_for(
    pool: Pool,
    hidden: sparse.csr_matrix,
    user_rows: IntArray,
    labels: Sequence[str],
    history: Played,
    facts: TrackFacts,
    at_once: int = AT_ONCE,
) -> Trees | None:
    """Trees over given candidates; None where hardly a hidden play is among them.

    Args:
        pool: candidates of the listeners.
        hidden: (n_users, n_tracks) their hidden plays.
        user_rows: (n_users,) their rows in ``history``.
        labels: names of the components.
        history: what everybody played.
        facts: of the tracks.
        at_once: listeners whose candidates have their features at once; it changes no byte.
    """
    parts = [slice(start, start + at_once) for start in range(0, max(1, len(user_rows)), at_once)]
    pools = ((pool.of_listeners(some), hidden[some], user_rows[some]) for some in parts)
    return trees_of(pools, labels, history, facts)


def trees_of(pools: Iterable[Taught], labels: Sequence[str], history: Played, facts: TrackFacts) -> Trees | None:
    """The same of candidates that come for some listeners at a time, of whom nothing but their lessons is kept.

    Args:
        pools: candidates, hidden plays (n_users, n_tracks), and rows in ``history`` of some listeners.
        labels: names of the components.
        history: what everybody played.
        facts: of the tracks.
    """
    able = (_with_hits(*each) for each in pools)
    taught = [lessons(pool, hidden, features(pool, rows, history, facts)) for pool, hidden, rows in able]
    rows, hits, sizes = (np.concatenate(each) for each in zip(*taught, strict=True))
    return trained(rows, hits, sizes, feature_names(labels)) if len(sizes) >= LEAST_TAUGHT else None


def _with_hits(pool: Pool, hidden: sparse.csr_matrix, user_rows: IntArray) -> Taught:
    """Those listeners who have a hidden play among their candidates: the others teach nothing."""
    able = np.flatnonzero(is_hit(pool.cols, hidden).any(axis=1))
    return pool.of_listeners(able), hidden[able], user_rows[able]


def lessons(pool: Pool, hidden: sparse.csr_matrix, rows: Rows) -> tuple[Rows, BoolArray, IntArray]:
    """The hidden plays among the candidates, and some of the others, of those listeners who have any of both.

    Args:
        pool: candidates.
        hidden: (n_users, n_tracks) hidden plays.
        rows: (n_rows, n_features) of all candidates, listener by listener.

    Returns:
        Their rows, whether each is a hidden play, and how many each listener has.
    """
    hits, there = is_hit(pool.cols, hidden), pool.cols >= 0
    every_third = np.arange(pool.cols.shape[1]) % OTHERS == 0  # candidates stand by column, which says nothing of them
    kept = (hits | (there & every_third)) & np.asarray(hits.any(axis=1))[:, None]
    sizes = kept.sum(axis=1)
    return rows[kept[there]], hits[kept], sizes[sizes > 0]
