"""User-track search: the tracks with the largest inner product, found in the order of falling norm.

A query scores blocks of tracks in rank order (``ranked_tracks``). By Cauchy-Schwarz no track from rank r on can score
more than norm(r) * norm(user), so once the k-th best score so far reaches this bound the answer is exact, and says so.
(LEMP: Teflioudi, Gemulla, Mykytiuk, SIGMOD 2015, section 3; we differ in that queries run in batches, one matrix
product a block, and that a budget ends the scan.) Past the budget, Annoy's neighbours of the user vector fill in.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.index.annoy_index import INSPECTED_FOR_EACH, find_near
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.index.scanned_users import OneUser, UserBatch, Users
from recsys_tasks.recommenders.vectors import Played, check_query, inner_products, rounding

FLAT = 0.5
"""Where even the smallest norm is above this share of the largest, the bound hardly ever ends a scan early."""
_LARGEST_SCORE = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class SearchParameters:
    """How far a query goes. ``calibration.choose_parameters`` chooses them for each build."""

    budget: int
    """Tracks scanned at the most; only a user whose list is not full by then scans on until it is."""
    search_k: int
    """Annoy's search_k for a user without certificate at the budget; 0: Annoy is not asked."""
    similar_search_k: int
    """Annoy's search_k of a track-track query."""

    def __post_init__(self) -> None:
        if self.budget < 1 or self.search_k < 0 or self.similar_search_k < 1:
            raise ConfigError(f"{self}: budget and similar_search_k start at 1, search_k at 0.")

    def for_lists_of(self, k: int, chosen_for: int) -> "SearchParameters":
        """What lists of k need, where these parameters were chosen for lists of ``chosen_for``.

        The recall of similar tracks falls slowly with the length of the list, for most of what Annoy inspects beyond
        the nearest are the next ones: at 50,000 synthetic tracks and 6,400 inspected it was 0.983 of 10, 0.976 of 30,
        0.953 of 100, so that the square root of the length more than keeps it (0.990 of 30, 0.993 of 100).
        """
        times = -(-k // chosen_for)
        if times <= 1:
            return self
        similar = max(math.ceil(self.similar_search_k * math.sqrt(times)), INSPECTED_FOR_EACH * k)
        return SearchParameters(self.budget * times, self.search_k * times, similar)


@dataclass(frozen=True)
class ScanSizes:
    """How much is scored at a time: it decides what a query takes, and no certified list."""

    batch: int = 64
    """Users scored together: enough for a matrix product, few enough that the scores of a block stay in cache."""
    first_block: int = 1024
    """Tracks in the first block; after it the scan knows about how far each user has to go."""
    flat_first_block: int = 4096
    """Tracks in the first block where norms are flat: all others are scanned too, and the better the best of the first
    block are, the fewer of those count."""
    least_block: int = 256
    """Tracks: a shorter block takes as long as this one, for the time goes into the calls."""
    growth: int = 32
    """A block is at most so many times as long as the scan so far, where what it finds may end the scan early."""
    block_scores: int = 1 << 20
    """Scores of a block at the most: 4 MB, so that they stay in cache."""
    late_block: int = 4096
    """Tracks in a block past the budget."""


@dataclass(frozen=True)
class Found:
    """The answer for n users: best first, equal scores by rank, padded with -1 and -inf where nothing is left."""

    cols: npt.NDArray[np.int32]  # (n_users, k)
    scores: FloatArray  # (n_users, k) inner products
    scored: npt.NDArray[np.int64]  # (n_users,) tracks scanned + search_k + tracks that Annoy found
    exact: BoolArray  # (n_users,) certified: no other track scores more, to float32 rounding


class TwoTierSearch:
    """The search over one catalogue; holds no state of a query, so threads may share it.

    Raises:
        BadData: the Annoy index holds another number of items than there are ranked tracks.
    """

    def __init__(
        self, tracks: RankedTracks, parameters: SearchParameters, index: Any = None, sizes: ScanSizes | None = None
    ) -> None:
        if index is not None and index.get_n_items() != len(tracks):
            raise BadData(
                f"An index of {index.get_n_items()} items and {len(tracks)} ranked tracks do not belong together."
            )
        self.tracks, self.parameters, self.index, self._sizes = tracks, parameters, index, sizes or ScanSizes()
        self._falling = -tracks.ranked_norms.astype(np.float64)  # (n_indexed,), rising for searchsorted
        self._largest_norm = float(tracks.ranked_norms[0]) if len(tracks) else 0.0
        self._falls = len(tracks) == 0 or tracks.ranked_norms[-1] < FLAT * self._largest_norm
        self._first = self._sizes.first_block if self._falls else self._sizes.flat_first_block
        self._slack = self._largest_norm * rounding(tracks.ranked_factors.shape[1])  # what rounding may add to a score
        self._rows = np.arange(self._sizes.batch)[:, None]

    @classmethod
    def exact(cls, tracks: RankedTracks) -> "TwoTierSearch":
        """One without a budget: each scan goes on until its answer is proven, and no index is asked."""
        return cls(tracks, SearchParameters(budget=max(1, len(tracks)), search_k=0, similar_search_k=1))

    def find(self, user_vectors: FloatArray, played: Played, k: int, allowed: BoolArray | None = None) -> Found:
        """The k best unplayed tracks of each user.

        Args:
            user_vectors: (n_users, n_factors) float32; a zero vector gets no answer.
            played: track columns that each user is not shown.
            k: length of the list.
            allowed: (n_tracks,) bool, the tracks to choose from; None: all.

        Raises:
            BadData: shapes do not fit, a vector is not finite, or a score would overflow.
            ConfigError: k is not positive.
        """
        user_vectors, played = np.asarray(user_vectors, dtype=np.float32), Played(*played)
        shape = (self.tracks.n_tracks, self.tracks.ranked_factors.shape[1])
        norms = check_query(user_vectors, played, k, allowed, shape)
        n_users = len(norms)
        largest = norms[0] if n_users == 1 else norms.max(initial=0.0)
        if largest * self._largest_norm > _LARGEST_SCORE:
            raise BadData("A user vector is so long that its scores overflow. Train again from a cold start.")
        if not len(self.tracks):
            return _nothing_found(norms, k)
        if n_users == 1:
            return self._answer(OneUser(self.tracks, user_vectors, norms, played, k, allowed))
        parts = []
        for start in range(0, max(1, n_users), self._sizes.batch):
            some = slice(start, start + self._sizes.batch)
            own = Played(played.indptr[start : start + self._sizes.batch + 1], played.cols)
            parts.append(self._answer(UserBatch(self.tracks, user_vectors[some], norms[some], own, k, allowed)))
        return _together(parts)

    def _answer(self, users: Users) -> Found:
        """Scan for some users, ask Annoy where the scan does not prove its answer, and score what was found."""
        self._scan(users)
        if self.index is not None and self.parameters.search_k:
            self._ask_annoy(users)
        ranks = users.ranks()
        scores = inner_products(users.vectors, self.tracks.ranked_factors, ranks)
        order = self._rows[: len(ranks)], np.lexsort((ranks, -scores))
        ranks, scores = ranks[order], scores[order]
        cols = self.tracks.rank_cols[ranks]
        cols[ranks < 0] = -1
        return Found(cols, scores, users.scored, users.exact)

    def _scan(self, users: Users) -> None:
        """Score blocks of falling norm until each user is certified, or has a full list at the budget."""
        start, stop = 0, min(self._first, self.parameters.budget, len(self.tracks))
        while users.n_open and start < stop:  # a NaN in a damaged file must not keep anybody here
            users.score_block(start, stop)
            kth = users.certify(stop, self._bound(stop), stop >= self.parameters.budget)
            start, stop = stop, self._next_stop(stop, kth, users.n_open)

    def _bound(self, rank: int) -> float:
        """What no track from this rank on can exceed, for a user of norm 1; at the end -inf: everything was seen."""
        return self._slack - float(self._falling[rank]) if rank < len(self.tracks) else -np.inf

    def _next_stop(self, start: int, kth: float, n_open: int) -> int:
        """Where the next block ends: where the bound falls to a k-th best score of a user of norm 1, within reason."""
        sizes, n_tracks = self._sizes, len(self.tracks)
        if start >= self.parameters.budget or not n_open:  # past the budget an answer must not depend on the batch
            return min(start + sizes.late_block, n_tracks)
        enough = int(self._falling.searchsorted(self._slack - kth))
        widest = start + min((sizes.growth if self._falls else n_tracks) * start, sizes.block_scores // n_open)
        return min(max(enough, start + sizes.least_block), widest, self.parameters.budget, n_tracks)

    def _ask_annoy(self, users: Users) -> None:
        """Add Annoy's neighbours beyond the scanned ranks to the lists that are not certified."""
        for row in np.flatnonzero(~users.exact & (users.scored > 0)).tolist():  # nothing was scored for a zero vector
            near = find_near(self.index, users.vectors[row], self.parameters.search_k)
            n_more = users.score_more(row, near[near >= users.scored[row]])
            users.scored[row] += self.parameters.search_k + n_more


def _nothing_found(norms: npt.NDArray[np.float64], k: int) -> Found:
    """The answer over no tracks: certified for every user with a vector."""
    nothing = np.full((len(norms), k), -1, dtype=np.int32)
    scores = np.full((len(norms), k), -np.inf, dtype=np.float32)
    return Found(nothing, scores, np.zeros(len(norms), dtype=np.int64), norms > 0)


def _together(parts: list[Found]) -> Found:
    """The answers of several batches as one."""
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(Found)]
    return Found(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
