"""The recall of a search: the share of the exact answers that it finds."""

from dataclasses import dataclass

import numpy as np

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.index.exact_neighbours import ExactNeighbours, mean_recall
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.recommenders.vectors import Played


@dataclass(frozen=True)
class Recall:
    """What was measured; a recall is 0 where nothing could be measured."""

    user_recall: float
    user_recall_heaviest: float  # of the tenth of the users with the most played tracks
    similar_recall: float
    mean_scored: float  # tracks scored for a user-track query
    share_exact: float  # of the users' answers were certified
    n_users: int  # with something to find
    n_tracks: int  # with something to find


def measure_recall(
    search: TwoTierSearch,
    item_factors: FloatArray,
    user_vectors: FloatArray,
    played: Played,
    track_cols: IntArray,
    k: int,
) -> Recall:
    """Recall of both ways against an exact search of the factors as trained, never of their ranked copy.

    So a norm order that does not belong to the factors shows in the users' recall, a broken Annoy file in the tracks'.

    Args:
        search: the search to judge, with its index and parameters.
        item_factors: (n_tracks, n_factors) in the order of the track columns.
        user_vectors: (n_users, n_factors), users that the parameters were not chosen on.
        played: their played tracks.
        track_cols: (n_sampled_tracks,) columns that the parameters were not chosen on; those without a factor are left
            out.
        k: length of the lists.

    Raises:
        BadData: shapes do not fit, or a vector is not finite.
    """
    exact = ExactNeighbours.of_trained(item_factors, user_vectors, played, track_cols, k)
    found = search.find(exact.user_vectors, exact.played, exact.top.cols.shape[1])
    users, tracks = exact.user_recalls(found.cols), search.tracks
    similar_search_k, ranks = search.parameters.similar_search_k, tracks.col_ranks[exact.asked]
    similar = exact.similar_recalls(search.index, similar_search_k, ranks, tracks.rank_cols)
    return Recall(
        user_recall=mean_recall(users),
        user_recall_heaviest=mean_recall(users[exact.heaviest]),
        similar_recall=mean_recall(similar),
        mean_scored=mean_recall(found.scored.astype(np.float64)),
        share_exact=mean_recall(found.exact.astype(np.float64)),
        n_users=int(np.count_nonzero(~np.isnan(users))),
        n_tracks=int(np.count_nonzero(~np.isnan(similar))),
    )
