"""What the last weeks teach about what is played again, and whether it holds on days that taught nothing of it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.evaluation.blend_weights import LEAST_LISTENERS
from recsys_tasks.evaluation.metrics import Values, precision
from recsys_tasks.recommenders.played_again import FADED, PlayDates, habits, lesson_of, own_tracks, trees_of
from recsys_tasks.recommenders.ranker import Trees
from recsys_tasks.recommenders.ranker_features import Rows
from recsys_tasks.recommenders.vectors import evenly_spread

SPANS = 4
"""As many spans of days before tomorrow teach."""
STARTS = 3
"""In the days of one span so many begin: spans that overlap teach more than those that follow each other."""
MOST_TAUGHT = 5_000
"""Listeners of a span at the most."""
WINDOW = 4
"""Half-lives before the day of a list whose plays are looked at: of the longest half-life the older ones are a
sixteenth, and each date is a partition to be read."""
K = 10


class Span(NamedTuple):
    """The own tracks of listeners before a span of days, and what they played again in it. (n_rows,) each."""

    first: int  # its first day
    owners: IntArray
    rows: Rows  # (n_rows, n_features)
    hits: BoolArray

    @property
    def n_listeners(self) -> int:
        """How many they are."""
        return len(np.unique(self.owners))

    @property
    def lesson(self) -> tuple[Rows, BoolArray]:
        """What it teaches."""
        return lesson_of(self.rows, self.hits)


class Learnt(NamedTuple):
    """What the spans taught."""

    trees: Trees | None  # None: there is nothing to go by, or it did not hold
    by_trees: float  # precision at K on the newest span, of trees that those before it taught; NaN: nobody asked
    by_fading: float  # the same of own dates, faded
    n_listeners: int  # who were asked on the newest span; of the span that has fewest, where these are too few


def days_read(days: int, half_life: float) -> int:
    """How many of the newest days are looked at. days: of a span."""
    return round(WINDOW * half_life) + SPANS * days


def before(dates: PlayDates, day: int, half_life: float) -> PlayDates:
    """The dates that a list of a day is made of."""
    return dates.between(day - round(WINDOW * half_life), day)


def learnt(dates: PlayDates, beyond: int, days: int, half_life: float) -> Learnt:
    """Trees of the last spans; none where those of the earlier spans do no better on the newest than faded dates.

    Args:
        dates: of everybody.
        beyond: the day after the newest.
        days: of a span.
        half_life: the longest by which own plays are faded.

    Raises:
        ConfigError: LightGBM is not installed.
    """
    each = spans(dates, beyond, days, half_life)
    newest = next(each)
    fewest = newest.n_listeners
    overlapping, earlier = [newest.lesson], list[tuple[Rows, BoolArray]]()
    for span in each:
        fewest = min(fewest, span.n_listeners)
        (earlier if span.first + days <= newest.first else overlapping).append(span.lesson)
    if fewest < LEAST_LISTENERS:
        return Learnt(None, np.nan, np.nan, fewest)
    by_trees = _precision(newest, trees_of(earlier).scores(newest.rows)).mean()
    by_fading = _precision(newest, newest.rows[:, FADED]).mean()
    trees = trees_of([*overlapping, *earlier]) if by_trees > by_fading else None
    return Learnt(trees, float(by_trees), float(by_fading), newest.n_listeners)


def spans(dates: PlayDates, beyond: int, days: int, half_life: float) -> Iterator[Span]:
    """Those that teach, newest first: listeners who play anything in the span, and played something before it."""
    for first in range(beyond - days, beyond - SPANS * days - 1, -max(1, days // STARTS)):
        known, later = before(dates, first, half_life), dates.between(first, first + days)
        listeners = evenly_spread(np.intersect1d(known.users, later.users), MOST_TAUGHT)
        own = own_tracks(known.of_users(listeners), first, half_life, habits(known, first))
        yield Span(first, own.pairs // dates.n_tracks, own.rows, np.isin(own.pairs, later.pairs))


def _precision(span: Span, scores: npt.NDArray[np.floating]) -> Values:
    """Of the lists of the listeners of a span. (n_listeners,)"""
    order = np.lexsort((-scores, span.owners))
    _, owners, sizes = np.unique(span.owners, return_inverse=True, return_counts=True)
    places = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    hits = np.zeros((len(sizes), K), dtype=bool)
    hits[owners[places < K], places[places < K]] = span.hits[order][places < K]
    return precision(hits)
