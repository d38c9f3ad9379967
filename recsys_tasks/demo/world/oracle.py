"""The ceiling: what a recommender would score that knew every listener's taste.

A track that a listener never played can only come from a draw of the taste of that day: so the probability of the
taste, restricted to tracks not played, is the truth up to a factor, and its top k is the best list there is.
"""

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import Day
from recsys_tasks.demo.world.catalogue import Floats, Ints
from recsys_tasks.demo.world.days import World
from recsys_tasks.demo.world.taste import market_of, probabilities

BATCH = 256  # listeners scored at once: 256 x 27,000 tracks are 55 MB


def oracle_scores(world: World, user_ids: Ints, day: Day) -> tuple[Ints, Floats]:
    """Probability that the next draw of each listener on a day is each track that is out.

    Returns:
        track_ids (n_released,) and scores (n_users, n_released); every row sums to one. Leaving out played tracks
        and scaling gives the probability of the next track that is new to the listener.
    """
    index = world.params.index_of(day)
    market = market_of(world.catalogue, index)
    scores = probabilities(world.listeners, world.catalogue, market, np.asarray(user_ids) - 1, index)
    return np.arange(1, len(market.released) + 1), scores


def oracle_precision(
    world: World,
    day: Day,
    user_ids: Ints,
    played_pairs: tuple[Ints, Ints],
    hidden_pairs: tuple[Ints, Ints],
    k: int = 10,
) -> float:
    """precision@k = hits / k of the oracle's k best unplayed tracks, averaged over ``user_ids``.

    Args:
        world: the world that the streams came from.
        day: the day of the hidden plays.
        user_ids: (n_users,); hand in those that have a hidden play.
        played_pairs: (position in ``user_ids``, track id) of what must not be recommended.
        hidden_pairs: (position in ``user_ids``, track id) of what counts as a hit.
        k: length of the list.
    """
    top = oracle_top(world, day, user_ids, played_pairs, k)
    n_tracks = len(world.catalogue) + 1
    hidden = np.unique(hidden_pairs[0] * n_tracks + hidden_pairs[1])
    listed = np.arange(len(user_ids))[:, None] * n_tracks + top
    return float(np.isin(listed, hidden).sum() / (k * len(user_ids))) if len(user_ids) else 0.0


def oracle_top(world: World, day: Day, user_ids: Ints, played_pairs: tuple[Ints, Ints], k: int = 10) -> Ints:
    """The k most probable unplayed tracks of each listener, best first. (n_users, k) track ids."""
    order = np.argsort(played_pairs[0], kind="stable")
    users, tracks = played_pairs[0][order], played_pairs[1][order]
    lists = []
    for first in range(0, len(user_ids), BATCH):
        track_ids, scores = oracle_scores(world, user_ids[first : first + BATCH], day)
        begin, end = np.searchsorted(users, [first, first + BATCH])
        known = tracks[begin:end] <= len(track_ids)
        scores[users[begin:end][known] - first, tracks[begin:end][known] - 1] = -1.0
        lists.append(track_ids[_best(scores, k)])
    return np.concatenate(lists) if lists else np.empty((0, k), np.int64)


def _best(scores: Floats, k: int) -> npt.NDArray[np.intp]:
    """Columns of the k largest values of each row, largest first."""
    columns = np.argpartition(-scores, k, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)
