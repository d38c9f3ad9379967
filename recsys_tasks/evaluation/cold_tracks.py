"""Tracks without plays judged as themselves: who played one of them on the day, and what had told them of it?

Asked are some of the gate's listeners who played a track on the day that nobody had played before it. The lists are
drawn from the week's new tracks, and those alone that had no play count as hits. What the day itself taught of these
tracks is kept out: content names similar tracks that were played before, and the listeners are known as they were
before the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import BoolArray, Day, FloatArray, IntArray, Vocabulary, day_number
from recsys_tasks.evaluation.estimates import TOLD_LISTENERS, interval_of, mean_and_error, paired_interval
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.evaluation.metrics import Values, ndcg, recall
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.neighbours import Neighbours, SimilarTracks
from recsys_tasks.recommenders.pools import blocks_of
from recsys_tasks.recommenders.popular import PopularTracks
from recsys_tasks.recommenders.vectors import Played, evenly_spread

NEW_DAYS = 7
"""A track is new that was released up to the day, or first played before it, within so many days."""
BASELINE = "popularity of the artist"
Parts: TypeAlias = Sequence[tuple[str, Retriever]]
"""Whose lists, in words, and what gives them."""


@dataclass(frozen=True)
class ColdRow:
    """How well lists find what their listeners played of tracks that nobody had played. Intervals are of 95 %."""

    lists: str  # whose, in words
    listeners: int
    recall: float
    low: float | None  # of the recall; None for fewer than two listeners
    high: float | None
    ndcg: float
    difference: float  # of recall, to the popularity of the artist
    difference_low: float | None
    difference_high: float | None


@dataclass(frozen=True)
class NewTracks:
    """The week's new tracks, and what is known of each item without a play."""

    pool: BoolArray  # (n_items,) new in the week
    unplayed: BoolArray  # (n_items,) nobody had played it before the day
    newness: npt.NDArray[np.int64]  # (n_items,) day of its release, or of its first play before the day, from 1
    artist_listeners: npt.NDArray[np.int64]  # (n_items,) of all tracks of its artist, before the day


def new_tracks(names: pa.Table, items: Vocabulary, listeners: IntArray, day: Day) -> NewTracks:
    """The week's new tracks, as they were known before the day: whether somebody plays a track on it decides nothing.

    A track that nobody had played, and of whose release the catalogue says nothing, may have come out on the day.

    Args:
        names: released_on, artist, and artist_id where the source has it, of each item.
        items: (n_items,) with the date on which each was first played.
        listeners: (n_items,) of the training.
        day: the date.
    """
    today = day_number(day)
    released = np.asarray(pc.fill_null(names["released_on"].cast(pa.int32()), today)).astype(np.int64)
    first_played = items.first_days.astype(np.int64)
    unplayed = first_played >= today
    newness = np.where(unplayed, released, np.minimum(released, first_played))
    lately = ~unplayed & (first_played > today - NEW_DAYS)
    pool = lately | ((newness > today - NEW_DAYS) & (newness <= today))
    column = "artist_id" if "artist_id" in names.column_names else "artist"
    artists = names[column].combine_chunks().dictionary_encode()
    known = np.asarray(artists.is_valid())
    codes = np.asarray(pc.fill_null(artists.indices, 0)).astype(np.int64)
    before = np.where(known & ~unplayed, listeners, 0)
    total = np.bincount(codes, before, minlength=1).astype(np.int64)
    return NewTracks(pool, unplayed, np.maximum(newness, 1), np.where(known, total[codes], 0))


def content_retrievers(user_factors: FloatArray, means: FloatArray, similar: SimilarTracks, played: Played) -> Parts:
    """What content says to listeners: by factors, by their own tracks, and both as equals.

    Args:
        user_factors: (n_users, n_factors) of who is asked.
        means: (n_items, n_factors) factors by content.
        similar: by content.
        played: their tracks.
    """
    by_factors, by_tracks = Factors(user_factors, means), Neighbours(similar, played)
    both = Blend((1.0, 1.0), ("als", "content")).of([by_factors, by_tracks])
    return [("content, both ways", both), ("factors by content", by_factors), ("similar to their tracks", by_tracks)]


def cold_rows(parts: Parts, new: NewTracks, holdout: Holdout, k: int) -> list[ColdRow]:
    """Recall@k and nDCG@k among the week's new tracks; nothing where no listener played one without plays.

    Args:
        parts: name and retriever, row i of which answers for the i-th listener of the holdout.
        new: the week's new tracks.
        holdout: the day as the listeners are asked about it, with a column for each item.
        k: length of a list.
    """
    wanted = holdout.hidden.multiply((new.unplayed & new.pool)[None, :]).tocsr()
    wanted.eliminate_zeros()
    rows = evenly_spread(np.flatnonzero(np.diff(wanted.indptr)), TOLD_LISTENERS)
    if not len(rows):
        return []
    hidden, played, n_hidden = wanted[rows], played_of(holdout.history[rows]), np.diff(wanted.indptr)[rows]
    baselines: Parts = [
        (BASELINE, PopularTracks(new.artist_listeners, len(rows))),
        ("newest first", PopularTracks(new.newness, len(rows))),
    ]
    asked = [*parts, *baselines]
    blocks = [  # who joins others asks them about a few listeners, and they know what they found for these
        [retriever.candidates(some, own, k, new.pool).cols for _, retriever in asked]
        for some, own in blocks_of(rows, played)
    ]
    found = {}
    for (name, _), lists in zip(asked, zip(*blocks, strict=True), strict=True):
        hits = is_hit(np.concatenate(lists).astype(np.int64), hidden)
        found[name] = recall(hits, n_hidden), ndcg(hits, n_hidden)
    found["at random"] = _at_random(n_hidden, int(new.pool.sum()), k)
    told = [_row(name, *values, found[BASELINE][0]) for name, values in found.items()]
    return [*told[:-1], replace(told[-1], low=None, high=None)]  # what chance gives is computed, not measured


def _at_random(n_hidden: IntArray, n_pool: int, k: int) -> tuple[Values, Values]:
    """What lists drawn from the pool have in the mean: every place is a hit with the same probability."""
    share = n_hidden / n_pool
    discount = 1 / np.log2(np.arange(2, k + 2))
    best = np.cumsum(discount)[np.minimum(n_hidden, k) - 1]
    return np.full(len(n_hidden), min(1.0, k / n_pool)), share * discount[:n_pool].sum() / best


def _row(name: str, recalls: Values, ndcgs: Values, baseline: Values) -> ColdRow:
    mean, error = mean_and_error(recalls)
    low, high = interval_of(mean, error)
    beside = paired_interval(recalls, baseline)
    return ColdRow(name, len(recalls), float(mean or 0), low, high, float(ndcgs.mean()), *beside)
