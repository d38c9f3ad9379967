"""The trees of a re-ranker, trained on the blend's listeners. The gate's listeners take no part."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.evaluation.blend_weights import LEAST_LISTENERS, MOST_LISTENERS
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import Pool, pool_of
from recsys_tasks.recommenders.ranker import Rows, TrackFacts, Trees, feature_names, features, trained
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
    rows, hits, sizes = lessons(pool, hidden, features(pool, user_rows, history, facts))
    return trained(rows, hits, sizes, feature_names(labels)) if len(sizes) >= LEAST_LISTENERS // 2 else None


def lessons(pool: Pool, hidden: sparse.csr_matrix, rows: Rows) -> tuple[Rows, BoolArray, IntArray]:
    """The candidates of those listeners who have a hidden play among theirs: others say nothing of an order.

    Args:
        pool: candidates.
        hidden: (n_users, n_tracks) hidden plays.
        rows: (n_rows, n_features) of all candidates, listener by listener.

    Returns:
        Their rows, whether each is a hidden play, and how many each listener has.
    """
    hits, there = is_hit(pool.cols, hidden), pool.cols >= 0
    taught = (hits & there).any(axis=1)
    kept = rows[np.repeat(taught, there.sum(axis=1))]
    return kept, hits[taught][there[taught]], there[taught].sum(axis=1)
