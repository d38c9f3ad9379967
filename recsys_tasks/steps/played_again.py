"""How likely each listener plays each of their tracks again within some days: the order of what is on repeat."""

from datetime import timedelta

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import FloatArray, PlayMatrix, day_number
from recsys_tasks.core.formatting import count, fraction
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.records import Json
from recsys_tasks.evaluation.blend_weights import LEAST_LISTENERS
from recsys_tasks.evaluation.playing_again import Learnt, before, days_read, learnt
from recsys_tasks.matrix.play_matrix import day_counts
from recsys_tasks.recommenders.played_again import PlayDates, chances_of, forest, habits, own_tracks
from recsys_tasks.recommenders.ranker import Trees
from recsys_tasks.steps.workplace import Workplace

AT_ONCE = 8_192
"""Listeners whose tracks have their numbers at once, which bounds the memory."""


def again_identity(config: ProductsConfig) -> Json:
    """What decides the chances beside plays and half-life; nothing where nobody asks for them.

    Raises:
        ConfigError: LightGBM is not installed.
    """
    return {"again": {"days": config.played_again_days, **forest()}} if config.played_again_days else {}


def chances_of_again(at: Workplace, matrix: PlayMatrix, own: FloatArray, at_once: int = AT_ONCE) -> FloatArray | None:
    """The chance of each pair to be played again, in the order of the matrix; None where trees have nothing to say.

    Tracks that were not played of late stand behind all others, in the order of their faded plays.

    Args:
        at: where the partitions are, and the configuration.
        matrix: of the day that lists follow.
        own: (n_pairs,) faded plays of each pair.
        at_once: listeners whose tracks have their numbers at once; it changes no byte.

    Raises:
        ConfigError: LightGBM is not installed.
    """
    days, half_life = at.config.products.played_again_days, at.config.products.own_half_life_days
    dates = _dates(at, matrix, days_read(days, half_life))
    beyond = day_number(matrix.chain[-1][0]) + 1
    found = learnt(dates, beyond, days, half_life)
    at.progress(_in_words(found, days))
    if found.trees is None:
        return None
    chances = _chances(found.trees, before(dates, beyond, half_life), beyond, half_life, matrix.counts, at_once)
    return with_old_ones_behind(chances, own)


def with_old_ones_behind(chances: FloatArray, own: FloatArray) -> FloatArray:
    """Tracks that were not played of late (0) below all others, by faded plays; 0 where these have faded to nothing.

    (n_pairs,) each.
    """
    old = chances == 0
    most = own[old].max(initial=0)
    if most == 0 or old.all():
        return chances
    return np.where(old, chances[~old].min() * (own / (2 * most)), chances)


def _in_words(found: Learnt, days: int) -> str:
    if np.isnan(found.by_trees):
        few = f"a span of {days} days has {count(found.n_listeners)} who had played before it"
        why = f"too few listeners teach trees ({few}, of {LEAST_LISTENERS} needed)"
        return f"what is on repeat is ordered by faded plays: {why}"
    who = f"{count(found.n_listeners)} listeners on the newest {days} days"
    order = "trees" if found.trees else "faded plays"
    figures = f"P@10 {fraction(found.by_trees)} by trees, {fraction(found.by_fading)} by faded plays"
    return f"what is on repeat is ordered by {order}: {figures}, of {who}"


def _dates(at: Workplace, matrix: PlayMatrix, n_days: int) -> PlayDates:
    """Who played what on which of the newest days."""
    first = matrix.chain[-1][0] - timedelta(days=n_days)
    found = []
    for day, digest in matrix.chain:
        if day > first:
            cells = day_counts(at.partitions.load(day, digest), matrix.users, matrix.tracks).tocoo()
            found.append((cells.row, cells.col, np.full(cells.nnz, day_number(day))))
    users, cols, days = (np.concatenate(each) for each in zip(*found, strict=True))
    return PlayDates.of(users, cols, days, matrix.counts.shape[1])


def _chances(
    trees: Trees, dates: PlayDates, day: int, half_life: float, counts: sparse.csr_matrix, at_once: int
) -> FloatArray:
    """As ``chances_of_again``; 0 of a track that was not played of late. dates: that lists of the day are made of."""
    of_tracks, (n_users, n_tracks) = habits(dates, day), counts.shape
    chances = np.zeros(counts.nnz, np.float32)
    for first in range(0, n_users, at_once):
        beyond = min(first + at_once, n_users)
        some = own_tracks(dates.of_range(first, beyond), day, half_life, of_tracks)
        cells = slice(counts.indptr[first], counts.indptr[beyond])
        owners = np.repeat(np.arange(first, beyond), np.diff(counts.indptr[first : beyond + 1]))
        places = np.searchsorted(owners * n_tracks + counts.indices[cells], some.pairs)
        chances[cells.start + places] = chances_of(trees, some.rows)
    return chances
