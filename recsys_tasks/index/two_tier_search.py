"""User-track search: the tracks with the largest inner product, found from the loud end.

A query scores blocks of tracks in rank order (``ranked_tracks``). By Cauchy-Schwarz no track from rank r on can score
more than norm(r) * norm(user), so once the k-th best score so far reaches this bound the answer is exact, and says so.
(LEMP: Teflioudi, Gemulla, Mykytiuk, SIGMOD 2015, section 3; we differ in that queries run in batches, one matrix
product a block, and that a budget ends the scan.) Past the budget, Annoy's neighbours of the user vector fill in.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.index.annoy_index import neighbours
from recsys_tasks.index.best_lists import BestLists, best_of, no_lists
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.recommenders.vectors import Played, check_query, inner_products, rounding

BATCH = 64
"""Users scored together: enough for a matrix product, few enough that the scores of a block stay in cache."""
FIRST_BLOCK = 1024
"""Tracks in the first block; after it the scan knows about how far each user has to go."""
FLAT_BLOCK = 4 * FIRST_BLOCK
"""Tracks in the first block where all the others are scanned as well: the better its best, the fewer of those count."""
LEAST_BLOCK = 256
"""A shorter block costs as much as this one: the time goes into the call."""
GROWTH = 32
"""A block is at most so many times as long as the scan so far, where what it finds may end the scan early."""
BLOCK_SCORES = 1 << 20
"""Scores of a block at the most: 4 MB, so that they stay in cache."""
LATE_BLOCK = 4096
"""Tracks in a block past the budget."""
FLAT = 0.5
"""Where even the quietest track is louder than this share of the loudest, a scan is hardly ever ended early."""
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Effort:
    """How far a query goes. Chosen for each build by ``calibration.calibrate``."""

    budget: int
    """Tracks scanned at the most; only a user whose list is not full by then scans on until it is."""
    search_k: int
    """Annoy's search_k for a user without certificate at the budget; 0: Annoy is not asked."""
    similar_search_k: int
    """Annoy's search_k of a track-track query."""

    def __post_init__(self) -> None:
        if self.budget < 1 or self.search_k < 0 or self.similar_search_k < 1:
            raise ConfigError(f"{self} is no effort: budget and similar_search_k start at 1, search_k at 0.")


@dataclass(frozen=True)
class Found:
    """The answer for n users: best first, equal scores by rank, padded with -1 and -inf where nothing is left."""

    ranks: npt.NDArray[np.int32]  # (n_users, k)
    cols: npt.NDArray[np.int32]  # (n_users, k)
    scores: FloatArray  # (n_users, k) inner products
    scored: npt.NDArray[np.int64]  # (n_users,) tracks scanned + search_k + tracks of Annoy's handed on
    exact: BoolArray  # (n_users,) certified: no other track scores more, to float32 rounding


def _is_in(rising: IntArray, values: IntArray) -> BoolArray:
    """Which values stand in rising ones: ``isin`` would sort these first."""
    if not len(rising):
        return np.zeros(len(values), dtype=np.bool_)
    return np.asarray(rising.take(rising.searchsorted(values), mode="clip") == values)


@dataclass(frozen=True)
class _Batch:
    """What one batch asks for."""

    users: FloatArray  # (n, n_factors)
    norms: npt.NDArray[np.float64]  # (n,)
    played: IntArray  # (n_pairs,) rank * BATCH + user, sorted: the pairs of a block of ranks are one slice
    allowed: BoolArray | None  # (n_tracks,)


class TwoTierSearch:
    """The search over one catalogue; holds no state of a query, so threads may share it.

    Raises:
        BadData: the Annoy index holds another number of items than there are ranked tracks.
    """

    def __init__(self, tracks: RankedTracks, effort: Effort, index: Any = None) -> None:
        if index is not None and index.get_n_items() != len(tracks):
            raise BadData(
                f"An index of {index.get_n_items()} items and {len(tracks)} ranked tracks do not belong together."
            )
        self.tracks, self.effort, self.index = tracks, effort, index
        self._falling = -tracks.ranked_norms.astype(np.float64)  # (n_indexed,), rising for searchsorted
        self._loudest = float(tracks.ranked_norms[0]) if len(tracks) else 0.0
        self._falls = len(tracks) == 0 or tracks.ranked_norms[-1] < FLAT * self._loudest
        self._first = FIRST_BLOCK if self._falls else FLAT_BLOCK
        self._slack = self._loudest * rounding(tracks.ranked_factors.shape[1])  # what rounding may add to a score

    def find(self, user_vectors: FloatArray, played: Played, k: int, allowed: BoolArray | None = None) -> Found:
        """The k best unplayed tracks of each user.

        Args:
            user_vectors: (n_users, n_factors) float32; a zero vector gets no answer.
            played: their played tracks; shown to nobody who played them.
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
        if largest * self._loudest > _LARGEST:
            raise BadData("A user vector is so long that its scores overflow. Train again from a cold start.")
        if n_users == 1:
            return self._find_one(user_vectors[0], float(norms[0]), played.cols[slice(*played.indptr)], k, allowed)
        found = Found(*no_lists(n_users, k), np.zeros(n_users, dtype=np.int64), np.zeros(n_users, dtype=np.bool_))
        for start in range(0, n_users, BATCH):
            part = slice(start, min(start + BATCH, n_users))
            batch = _Batch(user_vectors[part], norms[part], self._played_keys(played, part), allowed)
            self._answer(batch, Found(*(values[part] for values in vars(found).values())))
        return found

    def _played_keys(self, played: Played, part: slice) -> IntArray:
        bounds = played.indptr[part.start : part.stop + 1]
        users = np.repeat(np.arange(len(bounds) - 1), bounds[1:] - bounds[:-1])
        keys = self.tracks.col_ranks[played.cols[bounds[0] : bounds[-1]]] * np.int64(BATCH) + users
        keys.sort()
        return keys[np.searchsorted(keys, 0) :]  # below are the tracks without a rank

    def _answer(self, batch: _Batch, found: Found) -> None:
        """Fill the rows of one batch: views into the whole answer."""
        if not len(self.tracks):
            found.exact[:] = batch.norms > 0
            return
        lists = BestLists(found.scores, found.ranks)
        self._scan(batch, lists, found)
        if self.index is not None and self.effort.search_k:
            self._ask_annoy(batch, lists, found, np.flatnonzero(~found.exact & (batch.norms > 0)))
        scores = inner_products(batch.users, self.tracks.ranked_factors, found.ranks)
        order = np.arange(len(scores))[:, None], np.lexsort((found.ranks, -scores), axis=-1)
        found.scores[:], found.ranks[:] = scores[order], found.ranks[order]
        found.cols[:] = np.where(found.ranks >= 0, self.tracks.rank_cols[found.ranks], -1)

    def _scan(self, batch: _Batch, lists: BestLists, found: Found) -> None:
        """Score blocks from the loud end until each user is certified, or full and at the budget."""
        rows = np.flatnonzero(batch.norms > 0)
        start, stop = 0, min(self._first, self.effort.budget, len(self.tracks))
        while len(rows) and start < stop:  # a NaN in a damaged file must not keep anybody here
            lists.offer(rows, start, self._score(batch, rows, start, stop))
            kth = lists.scores[rows, -1] / batch.norms[rows]  # of a user of norm 1
            exact = kth >= self._bound(stop)
            found.exact[rows], found.scored[rows] = exact, stop
            is_open = ~exact if stop < self.effort.budget else ~exact & (kth == -np.inf)
            rows = rows[is_open]
            enough = np.sort(self._enough(kth[is_open]))
            start, stop = stop, self._next_stop(stop, int(enough[len(enough) // 2]) if len(enough) else stop, len(rows))

    def _find_one(self, user: FloatArray, norm: float, played: IntArray, k: int, allowed: BoolArray | None) -> Found:
        """``find`` for one user, without what several need: a listener waits for it, and most of it is the calls."""
        taken = self.tracks.col_ranks[played]
        taken.sort()
        ranks, scores, scored, exact = self._scan_one(user, norm, taken, k, allowed)
        if self.index is not None and self.effort.search_k and not exact:
            more = self._beyond(user, scored, allowed)
            more = more[~_is_in(taken, more)]
            scores = np.concatenate([scores, self.tracks.ranked_factors[more] @ user])
            ranks, scores = best_of(np.concatenate([ranks, more]), scores, k)
            scored += self.effort.search_k + len(more)
        scores = inner_products(user[None], self.tracks.ranked_factors, ranks[None])[0]
        order = np.lexsort((ranks, -scores))
        ranks, scores = ranks[order].astype(np.int32), scores[order]
        lists: list[Any] = [ranks[None], self.tracks.rank_cols[ranks][None], scores[None]]
        if len(order) < k:
            rest = no_lists(1, k - len(order))
            lists = [np.concatenate(pair, axis=1) for pair in zip(lists, rest, strict=True)]
        ranks, cols, scores = lists
        return Found(ranks, cols, scores, np.array([scored]), np.array([exact and norm > 0]))

    def _scan_one(
        self, user: FloatArray, norm: float, taken: IntArray, k: int, allowed: BoolArray | None
    ) -> tuple[IntArray, FloatArray, int, bool]:
        """``_scan`` for one user: ranks and scores, best first, tracks scored, certified. taken: ranks, rising."""
        kth, exact, scored = -np.inf, norm == 0 or not len(self.tracks), 0
        ranks: IntArray = np.zeros(0, dtype=np.int64)
        scores: FloatArray = np.zeros(0, dtype=np.float32)
        stop = min(self._first, self.effort.budget, len(self.tracks))
        while scored < stop and not exact and (scored < self.effort.budget or kth == -np.inf):
            block = self.tracks.ranked_factors[scored:stop] @ user
            block[taken[taken.searchsorted(scored) : taken.searchsorted(stop)] - scored] = -np.inf
            if allowed is not None:
                block[~allowed[self.tracks.rank_cols[scored:stop]]] = -np.inf
            places = (block > kth).nonzero()[0]
            better, block = scored + places, block[places]
            if len(scores):
                better, block = np.concatenate([ranks, better]), np.concatenate([scores, block])
            ranks, scores = best_of(better, block, k)
            kth = float(scores[-1]) if len(scores) == k else -np.inf
            exact = kth / norm >= self._bound(stop)
            scored, stop = stop, self._next_stop(stop, int(self._enough(kth / norm)), 1)
        return ranks, scores, scored, exact

    def _bound(self, rank: int) -> float:
        """What no track from this rank on can exceed, for a user of norm 1; at the end -inf: everything was seen."""
        return self._slack - float(self._falling[rank]) if rank < len(self.tracks) else -np.inf

    def _enough(self, kth: float | npt.NDArray[np.float64]) -> Any:
        """Ranks after which a k-th best score, of a user of norm 1, is certified at the latest. As many as scores."""
        return self._falling.searchsorted(self._slack - kth)

    def _next_stop(self, start: int, enough: int, n_open: int) -> int:
        """Where the next block ends: where half of the open users are certified at the latest, within reason."""
        if start >= self.effort.budget or not n_open:  # past the budget an answer must not depend on the batch
            return min(start + LATE_BLOCK, len(self.tracks))
        growth = GROWTH if self._falls else len(self.tracks)
        widest = start + min(growth * start, BLOCK_SCORES // n_open)
        return min(max(enough, start + LEAST_BLOCK), widest, self.effort.budget, len(self.tracks))

    def _score(self, batch: _Batch, rows: IntArray, start: int, stop: int) -> FloatArray:
        """Scores of a block of ranks, -inf where a track is played or not allowed. (n_rows, stop - start)."""
        scores = np.asarray(batch.users[rows] @ self.tracks.ranked_factors[start:stop].T)
        first, last = np.searchsorted(batch.played, (start * BATCH, stop * BATCH))
        if first < last:
            users, ranks = batch.played[first:last] % BATCH, batch.played[first:last] // BATCH
            asked = np.isin(users, rows) if len(rows) < len(batch.users) else slice(None)
            scores[np.searchsorted(rows, users[asked]), ranks[asked] - start] = -np.inf
        if batch.allowed is not None:
            np.copyto(scores, np.float32(-np.inf), where=~batch.allowed[self.tracks.rank_cols[start:stop]])
        return scores

    def _ask_annoy(self, batch: _Batch, lists: BestLists, found: Found, rows: IntArray) -> None:
        """Merge Annoy's neighbours beyond the scanned ranks, scored by inner product."""
        for row in rows:
            ranks = self._beyond(batch.users[row], found.scored[row], batch.allowed)
            ranks = ranks[~_is_in(batch.played, ranks * BATCH + row)]
            scores = self.tracks.ranked_factors[ranks] @ batch.users[row]
            lists.merge(np.array([row]), np.zeros(len(ranks), dtype=np.int64), ranks, scores)
            found.scored[row] += self.effort.search_k + len(ranks)

    def _beyond(self, user: FloatArray, scored: int, allowed: BoolArray | None) -> IntArray:
        """Ranks of Annoy's neighbours of a user that were not scanned and are allowed, rising."""
        ranks = neighbours(self.index, user, self.effort.search_k)
        ranks = ranks[ranks >= scored]
        return ranks if allowed is None else ranks[allowed[self.tracks.rank_cols[ranks]]]
