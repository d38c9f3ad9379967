"""Where tracks without plays belong beside trees, taught by the listeners who teach these.

The day's own new tracks are asked as they were known before it: by content alone, as those of the next day will be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.evaluation.blend_weights import Teachers
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.evaluation.logistic import LogOdds, log_odds
from recsys_tasks.evaluation.ranker_training import AT_ONCE
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.cold_totals import ColdTotals, said
from recsys_tasks.recommenders.pools import Pool, pool_of
from recsys_tasks.recommenders.ranker import Ranked
from recsys_tasks.recommenders.vectors import evenly_spread

MOST_ASKED = 2_000
"""Of about so many of those who teach, evenly spread, the chances are learnt: three numbers need no more."""
LEAST_DISCOVERIES = 10
"""Of fewer that could be listed, the chances would be chance's own: trees go on putting tracks without plays last."""
MOST_DAYS = 14
"""Where fewer discoveries fall on the day's own new tracks, those of the days before are asked as if they were new
still, of so many dates at the most. Of a track that stayed without plays they expect too much: no more are asked."""
LONG_OUT = 60
"""Days since a release that count at the most; a track of whose release the catalogue says nothing has as many."""


@dataclass(frozen=True)
class AsBefore:
    """Tracks that nobody had played before the day, as they were known then."""

    retrievers: Sequence[Retriever | None]  # what each component says of them, by content; None: nothing
    out_days: IntArray  # (n_items,) days from the release of each item to the day, below 0 before it, or ``LONG_OUT``
    unplayed: BoolArray  # (n_items,) as ``new_then`` says


def new_then(first_days: IntArray, out_days: IntArray, hidden: sparse.csr_matrix, today: int) -> BoolArray:
    """The tracks that are asked as if nobody had played them yet. (n_items,)

    They are those that are out and were first played on the day, if at all; and those of the days before, as many as
    it takes to have ``LEAST_DISCOVERIES``.

    Args:
        first_days: (n_items,) number of the date of the first play of each item, a later one for who has none.
        out_days: (n_items,) days from its release to the day.
        hidden: (n_users, n_items) discoveries of the day.
        today: number of the day.
    """
    discoveries = np.bincount(hidden.indices, minlength=len(first_days))
    for earlier in range(MOST_DAYS):
        found = (first_days >= today - earlier) & (out_days >= 0)
        if discoveries[found].sum() >= LEAST_DISCOVERIES:
            break
    return np.asarray(found)


@dataclass(frozen=True)
class ColdOdds:
    """How likely a track without plays is discovered by who lists it."""

    bases: npt.NDArray[np.float64]  # (n_items,) log odds of each, the day after, before anything is said of it
    weights: npt.NDArray[np.float64]  # (n_components,) what they rise by with each one's score, 0 of who says nothing


def cold_odds(teachers: Teachers, holdout: Holdout, before: AsBefore, k: int) -> ColdOdds | None:
    """Learnt of the day's own new tracks; None where too few of them are discovered.

    Args:
        teachers: who taught the trees.
        holdout: the day as the blend's listeners are asked about it.
        before: the tracks that were new on the day, as they were known before it.
        k: length of a list: of tracks without plays, as many of each component teach.
    """
    some = _some_of(teachers)
    rows, hidden = teachers.user_rows[some], teachers.hidden[some]
    saying = [n for n, each in enumerate(before.retrievers) if each is not None]
    asked = [each for each in before.retrievers if each is not None]
    pool = pool_of(asked, rows, played_of(holdout.history[rows]), k, before.unplayed)
    there = pool.cols >= 0
    ages = _as_age(before.out_days)[pool.cols[there]]
    found = _odds(np.stack([*said(pool.raw[:, there]), ages], axis=1), is_hit(pool.cols, hidden)[there])
    if found is None:
        return None
    weights = np.zeros(len(before.retrievers))
    weights[saying] = found.weights[:-1]
    return ColdOdds(found.intercept + found.weights[-1] * _as_age(before.out_days + 1), weights)


def cold_totals(ranked: Ranked, teachers: Teachers, cold: ColdOdds | None) -> ColdTotals | None:
    """Totals of tracks without plays: those with which trees have tracks of the same odds. None where too few tracks of
    one kind or the other are discovered to say so.

    Args:
        ranked: trees, and what they know of tracks; row i is the i-th listener of the hold-out.
        teachers: who taught them.
        cold: of tracks without plays.
    """
    some = _some_of(teachers)
    known = _odds(*_known(ranked, teachers.pool.of_listeners(some), teachers.user_rows[some], teachers.hidden[some]))
    if cold is None or known is None or known.weights[0] <= 0:
        return None
    bases = np.where(ranked.facts.listeners == 0, (cold.bases - known.intercept) / known.weights[0], np.inf)
    return ColdTotals(bases.astype(np.float32), cold.weights / known.weights[0])


def _some_of(teachers: Teachers) -> IntArray:
    """Those of whom chances are learnt."""
    return evenly_spread(np.arange(len(teachers.user_rows)), MOST_ASKED)


def _known(
    ranked: Ranked, pool: Pool, rows: IntArray, hidden: sparse.csr_matrix
) -> tuple[npt.NDArray[np.float64], BoolArray]:
    """The trees' totals of candidates with plays, and which of them are hits. (n_rows, 1), (n_rows,)."""
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(rows), AT_ONCE)]
    totals = np.concatenate([ranked.totals(pool.of_listeners(part), rows[part]) for part in parts])
    known = (pool.cols >= 0) & (ranked.facts.listeners[pool.cols] > 0)
    return totals[known][:, None], is_hit(pool.cols, hidden)[known]


def _odds(features: npt.NDArray[np.float64], hits: BoolArray) -> LogOdds | None:
    """None where too few of the rows are hits, or all of them."""
    return log_odds(features, hits) if LEAST_DISCOVERIES <= np.count_nonzero(hits) < len(hits) else None


def _as_age(out_days: IntArray) -> npt.NDArray[np.float64]:
    return np.log1p(np.clip(out_days, 0, LONG_OUT))
