"""The trees of a re-ranker, trained on the blend's listeners. The gate's listeners take no part."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import IntArray
from recsys_tasks.evaluation.blend_weights import LEAST_LISTENERS, MOST_LISTENERS
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import Pool, pool_of
from recsys_tasks.recommenders.ranker import TrackFacts, Trees, feature_names, features, trained
from recsys_tasks.recommenders.vectors import Played


def fitted_trees(
    components: Sequence[Retriever], labels: Sequence[str], holdout: Holdout, facts: TrackFacts, depth: int
) -> Trees | None:
    """Trees over the candidates of components; None of too few listeners, who teach chance.

    Args:
        components: blind to the hidden plays; rows are places among the listeners of the hold-out.
        labels: their names.
        holdout: the day as the blend's listeners are asked about it.
        facts: of the tracks.
        depth: candidates that each component lists of each listener.
    """
    asked = np.flatnonzero(np.diff(holdout.hidden.indptr))
    if len(asked) < LEAST_LISTENERS:
        return None
    asked = asked[:: -(-len(asked) // MOST_LISTENERS)]
    history = played_of(holdout.history)
    pool = pool_of(components, asked, history.rows(asked), depth)
    return trees_for(pool, holdout.hidden[asked], asked, labels, history, facts)


def trees_for(
    pool: Pool,
    hidden: sparse.csr_matrix,
    user_rows: IntArray,
    labels: Sequence[str],
    history: Played,
    facts: TrackFacts,
) -> Trees | None:
    """Trees over given candidates; None where hardly a hidden play is among them.

    Args:
        pool: candidates of the listeners.
        hidden: (n_users, n_tracks) their hidden plays.
        user_rows: (n_users,) their rows in ``history``.
        labels: names of the components.
        history: what everybody played.
        facts: of the tracks.
    """
    hits, there = is_hit(pool.cols, hidden), pool.cols >= 0
    taught = (hits & there).any(axis=1)  # who has none among the candidates says nothing of their order
    if taught.sum() < LEAST_LISTENERS // 2:
        return None
    rows = features(pool, user_rows, history, facts)[np.repeat(taught, there.sum(axis=1))]
    return trained(rows, hits[taught][there[taught]], there[taught].sum(axis=1), feature_names(labels))
