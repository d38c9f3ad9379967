"""Factors of tracks that nobody, or hardly anybody, has played: the mean of those that are most alike by content.

With m_i the mean of the factors of the known tracks that are nearest to track i, weighted by a power of their
similarity, n_i the listeners of track i and y_i what ALS learned of it,

    y'_i = s * g * m_i + (1 - s) * y_i,    s = max(0, 1 - n_i / few)

so that a track passes from its content to its plays as these arrive. The scale g decides how often cold tracks stand on
a list. It is the one with which tracks that were cold two weeks ago, known by their content alone, take as large a
share of the lists of today's listeners as they have of what these listeners discovered today; a smaller share where
content does not tell who discovers them, for then they drive out tracks that would be played.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_tasks.core.domain import BoolArray, Day, FloatArray, Vocabulary, day_number
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.lookup import are_cells
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.matrix.row_ranges import PlayRows
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Arrays
from recsys_tasks.recommenders.best_of_rows import kept_of
from recsys_tasks.recommenders.exact_search import Top, exact_top
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.vectors import Played, evenly_spread

COLD_FORMAT = 2
"""Version of the way from factors and similar tracks to those of cold tracks; part of a model's identity. In format 1
they took their share of the lists whatever it cost, and were plain means."""
AMPLIFIED = 3
"""Power of the similarities that weigh the mean, so that what is most alike says most: case amplification (Breese,
Heckerman and Kadie, "Empirical analysis of predictive algorithms for collaborative filtering", UAI 1998, eq. 8)."""
COLD_DAYS = 14
"""Tracks that were cold so many days ago are what the scale is chosen on; at most half of the history is taken."""
CALIBRATION_LISTENERS = 2_000
"""Of about so many of the day's listeners, evenly spread, discoveries are counted and lists are made."""
LEAST_SCALE = 1e-3
"""Where new tracks were not played at all they get this scale: on no list, and still found as similar tracks."""

Search: TypeAlias = Callable[[FloatArray, FloatArray, Played, int, BoolArray], Top]
"""The best tracks of item_factors, user_vectors, played, k and allowed, as ``exact_top`` has them."""


@dataclass(frozen=True)
class ColdTracks:
    """Factors that stand in place of those of ALS.

    Raises:
        BadData: they do not fit together, or a number is not finite.
    """

    cols: npt.NDArray[np.int32]  # (n_cold,) rising
    factors: FloatArray  # (n_cold, n_factors)
    scale: float

    def __post_init__(self) -> None:
        if len(self.cols) != len(self.factors) or not np.isfinite(self.factors).all():
            raise BadData("Factors of tracks without plays do not fit together, or are not finite. Train again.")

    def files(self) -> Arrays:
        """Name -> array."""
        return {"cols": self.cols, "factors": self.factors, "scale": np.array([self.scale])}

    @classmethod
    def of(cls, files: Arrays) -> "ColdTracks":
        """From its files, mapped or not."""
        return cls(np.asarray(files["cols"]), np.asarray(files["factors"]), float(files["scale"][0]))

    def put_into(self, factors: Factors, n_items: int) -> Factors:
        """The factors with a row for each item, these in their places; zero for what content says nothing of."""
        n_tracks, n_factors = factors.item_factors.shape
        if n_tracks == n_items and not len(self.cols):
            return factors
        items = np.zeros((n_items, n_factors), dtype=np.float32)
        items[:n_tracks] = factors.item_factors
        if len(self.cols):
            items[self.cols] = self.factors
        return Factors(factors.user_factors, items)


NO_COLD_TRACKS = ColdTracks(np.zeros(0, np.int32), np.zeros((0, 0), np.float32), 0.0)


@dataclass(frozen=True)
class DayOfPlays:
    """What is known of plays on a day: those of the training, and those of the day among them."""

    training: PlayRows  # (n_users, n_items) play counts
    today: sparse.csr_matrix  # (n_users, n_items) those of the day, none of a hidden listener
    listeners: npt.NDArray[np.int64]  # (n_items,) of the training
    items: Vocabulary  # (n_items,)
    day: Day


def fit_cold_tracks(
    als: Als, factors: Factors, similar: SimilarTracks, plays: DayOfPlays, few: int, k: int, search: Search = exact_top
) -> ColdTracks:
    """Factors of the items with less than ``few`` listeners of which the catalogue says anything.

    Args:
        als: what learned the factors.
        factors: of ALS; user_factors (n_users, n_factors), item_factors (n_tracks, n_factors).
        similar: by content, of all items.
        plays: on which the scale is chosen.
        few: listeners from which on a track has the factors of ALS alone.
        k: length of the lists on which the scale is chosen.
        search: finds the lists; the answers are exact, whichever it is.
    """
    learned, listeners = NO_COLD_TRACKS.put_into(factors, len(plays.items)), plays.listeners
    means = content_means(learned.item_factors, similar, (listeners < few) | is_fresh(plays.items, plays.day))
    with threadpool_limits(limits=1, user_api="blas"):
        scale = calibrated_scale(als, learned, means, plays, k, search)
    return mixed(learned.item_factors, means, listeners, few, scale)


def mixed(
    item_factors: FloatArray, means: FloatArray, listeners: npt.NDArray[np.int64], few: int, scale: float
) -> ColdTracks:
    """Factors of the items with few listeners, between those by content and those that were learned.

    Args:
        item_factors: (n_items, n_factors) learned; 0 for an item without a column in the matrix.
        means: (n_items, n_factors) by content, of those with few listeners; 0 for an item of which it says nothing,
            which is left as it is.
        listeners: (n_items,) of the training.
        few: listeners from which on a track has the factors of ALS alone.
        scale: of the factors by content.
    """
    share = np.maximum(0, 1 - listeners / few)
    cols = np.flatnonzero((share > 0) & means.any(axis=1)).astype(np.int32)
    share = share[cols, None].astype(np.float32)
    found = share * np.float32(scale) * means[cols] + (1 - share) * item_factors[cols]
    return ColdTracks(cols, found.astype(np.float32), scale)


def content_means(item_factors: FloatArray, similar: SimilarTracks, wanted: BoolArray) -> FloatArray:
    """Mean factors of the tracks that are most like some items, by similarity, amplified. (n_items, n_factors).

    Args:
        item_factors: (n_items, n_factors) learned.
        similar: by content.
        wanted: (n_items,) whose means; all others are 0.
    """
    by_item = kept_of(similar.matrix, wanted[similar.matrix.indices]).T.tocsr()  # row i holds the nearest of item i
    by_item.data **= AMPLIFIED
    total = np.asarray(by_item.sum(axis=1), dtype=np.float32).ravel()
    summed, there = by_item @ item_factors, total[:, None] > 0
    return np.asarray(np.divide(summed, total[:, None], out=np.zeros_like(summed), where=there))


def calibrated_scale(als: Als, learned: Factors, means: FloatArray, plays: DayOfPlays, k: int, search: Search) -> float:
    """The scale of content's factors with which fresh tracks are listed as often as they are discovered, at the most.

    A listener's j-th best fresh track (from 0) takes a place of a list of k as soon as its scaled score exceeds that of
    the known track that it drives out, the one at place k - 1 - j. So each of them has a scale of its own from which on
    it is listed, and the wanted number of them is listed from the one of that rank on. Fewer are listed where these
    places would then hold fewer of today's discoveries (``worthwhile``). Listeners are known by what they played before
    the day: their own factors know what they discovered.

    Args:
        als: what learned the factors.
        learned: factors of ALS, with a row for each item.
        means: (n_items, n_factors) of content, of fresh tracks.
        plays: of the day.
        k: length of a list.
        search: finds the lists.
    """
    listening = np.flatnonzero((np.diff(plays.today.indptr) > 0) & ~learned.cold_users())
    rows = evenly_spread(listening, CALIBRATION_LISTENERS)
    today = plays.today[rows]
    before = canonical(sparse.csr_matrix(plays.training[rows] - today))
    known = np.diff(before.indptr) > 0
    before, found = before[known], canonical(sparse.csr_matrix(today - today.multiply(before > 0)))[known]
    fresh = is_fresh(plays.items, plays.day)
    share = float(fresh[found.indices].mean()) if found.nnz else 0.0
    wanted = round(share * k * found.shape[0])
    if not wanted:
        return LEAST_SCALE
    users, played = als.user_vectors(before, learned.item_factors), Played(before.indptr, before.indices)
    asked = (learned.item_factors, ~fresh), (means, fresh)
    with ThreadPoolExecutor(len(asked)) as pool:
        others, own = pool.map(lambda of: search(of[0], users, played, k, of[1]), asked)
    gains = are_cells(own.cols, found).astype(np.int8) - are_cells(others.cols, found)[:, ::-1]
    scales = _scales(others, own)
    order = np.argsort(scales, axis=None, kind="stable")[: min(wanted, np.count_nonzero(np.isfinite(scales)))]
    n = worthwhile(gains.ravel()[order])
    return max(LEAST_SCALE, float(scales.ravel()[order][n - 1])) if n else LEAST_SCALE


def worthwhile(gains: npt.NDArray[np.int8]) -> int:
    """How many places may go to fresh tracks, in their order: the most within one standard error of the best number.

    Args:
        gains: (n_places,) 1 where the fresh track was discovered and the known one that it drives out was not, -1 where
            it is the other way round, 0 elsewhere.
    """
    total, n_differing = (np.concatenate([[0], np.cumsum(each)]) for each in (gains.astype(np.int64), gains != 0))
    best = int(np.argmax(total))
    error = np.sqrt(n_differing - n_differing[best], where=np.arange(len(total)) >= best, out=np.zeros(len(total)))
    return int(np.flatnonzero(total >= total[best] - error)[-1])


def is_fresh(items: Vocabulary, day: Day) -> BoolArray:
    """Which items nobody had played ``COLD_DAYS`` before a date, or half of the history before. (n_items,)."""
    history = day_number(day) - int(items.first_days[0]) if len(items) else 0
    return np.asarray(items.first_days > day_number(day) - min(COLD_DAYS, history // 2))


def _scales(others: Top, own: Top) -> npt.NDArray[np.float64]:
    """From which scale on the j-th best fresh track of each listener is listed; infinite: never. (n_rows, k).

    Args:
        others: lists of known tracks.
        own: lists of fresh ones.
    """
    needed = np.maximum(others.scores[:, ::-1].astype(np.float64), 0)  # a list that is not full takes anything
    gained = own.scores.astype(np.float64)
    return np.divide(needed, gained, out=np.full_like(gained, np.inf), where=gained > 0)
