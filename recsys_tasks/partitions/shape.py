"""The shape of a day: a few figures of its streams beside the play matrix of the dates before it.

Each is what some accident moves and an ordinary day does not: ids that were permuted or re-issued, listeners and tracks
that were shuffled, streams that were loaded twice, a day that was loaded for another.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from recsys_tasks.core.domain import BoolArray, Ids, IntArray, PlayCounts, PlayMatrix
from recsys_tasks.core.keyed_random import keyed_hash

SAMPLED_LISTENERS = 20_000
"""Listeners of the day whose pairs are looked up in the matrix; the share of repeats is known to 0.2 % then."""
RANKED_TRACKS = 2_000
"""Most popular tracks before the day whose order is compared: of those further back a sparse day says nothing."""
RANKED_ARTISTS = 500
MIN_RANKED = 20
"""A rank correlation of fewer says nothing."""
SALT = "shape"
_NO_ARTIST = -1


@dataclass(frozen=True)
class DayShape:
    """Figures of one date; None: nothing is known of it.

    Each pair of listener and track counts once, however often it was played, so that no bot decides.
    """

    plays: int
    new_tracks: float  # share of pairs, of tracks never seen before
    new_listeners: float  # share of pairs, of listeners never seen before
    repeats: float | None  # share of pairs known before, of those of sampled listeners known before
    compared_pairs: int  # on which that share stands
    plays_per_pair: float  # geometric mean
    track_ranks: float | None  # Spearman's correlation of the day's listeners per track with those before the day
    artist_ranks: float | None  # the same of artists
    replayed: float | None  # share of sampled event ids that occurred on the dates before
    hours: tuple[int, ...] | None  # (24,) qualified rows by UTC hour


@dataclass(frozen=True)
class Artists:
    """Which artist a track is of."""

    track_ids: Ids = field(repr=False)  # (n,) of the catalogue
    codes: IntArray = field(repr=False)  # (n,) a number for each artist, from 0; -1: not known

    def of(self, track_ids: Ids) -> IntArray:
        """The artist of each track, -1 where it is not known. (n_ids,)."""
        rows = np.asarray(pc.fill_null(pc.index_in(track_ids, value_set=self.track_ids), -1))
        codes: IntArray = np.append(self.codes, _NO_ARTIST)[rows]
        return codes


@dataclass(frozen=True)
class _Pairs:
    """The day's pairs in the row numbers of the matrix before it, -1 for what it does not know. (n_pairs,) each."""

    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]


def shape_of(
    before: PlayMatrix,
    listeners: IntArray,
    counts: PlayCounts,
    artists: Artists | None = None,
    replayed: float | None = None,
    hours: tuple[int, ...] | None = None,
) -> DayShape:
    """Compute the shape of a day that has plays.

    Args:
        before: the matrix of the dates before it.
        listeners: (n_tracks,) number of listeners of each of its tracks.
        counts: the play counts of the day.
        artists: of a catalogue, where there is one.
        replayed: see ``event_sample.replayed_share``.
        hours: (24,) rows by UTC hour, where they were counted.
    """
    first = np.ones(len(counts), dtype=bool)  # of a listener's pairs, which lie together
    first[1:] = np.asarray(pc.not_equal(counts.user_ids[1:], counts.user_ids[:-1]))
    user_ids = counts.user_ids.filter(pa.array(first))  # distinct
    rows, owners = before.users.rows_of(user_ids), np.cumsum(first) - 1
    pairs = _Pairs(rows[owners], before.tracks.rows_of(counts.track_ids))
    repeats, compared = _repeats(before, pairs, _sampled(user_ids, rows)[owners])
    return DayShape(
        plays=int(counts.plays.sum(dtype=np.int64)),
        new_tracks=float((pairs.cols < 0).mean()),
        new_listeners=float((pairs.rows < 0).mean()),
        repeats=repeats,
        compared_pairs=compared,
        plays_per_pair=float(np.exp(np.log(counts.plays).mean())),
        track_ranks=_track_ranks(listeners, pairs.cols),
        artist_ranks=_artist_ranks(before, listeners, counts, artists) if artists else None,
        replayed=replayed,
        hours=hours,
    )


def _sampled(user_ids: Ids, rows: IntArray) -> BoolArray:
    """Listeners of the day that are known from before: all, or those with the least hashes. (n_listeners,)."""
    known = rows >= 0
    if known.sum() <= SAMPLED_LISTENERS:
        return known
    hashes = keyed_hash(user_ids, SALT)
    return np.asarray(known & (hashes <= np.partition(hashes[known], SAMPLED_LISTENERS - 1)[SAMPLED_LISTENERS - 1]))


def _repeats(before: PlayMatrix, pairs: _Pairs, sampled: BoolArray) -> tuple[float | None, int]:
    """The share of the sampled pairs that are in the matrix, and the number of these pairs."""
    rows, cols = pairs.rows[sampled], pairs.cols[sampled]
    if not len(rows):
        return None, 0
    n_tracks, indptr, listening = before.counts.shape[1], before.counts.indptr, np.unique(rows)
    lengths = np.diff(indptr)[listening].astype(np.int64)
    own = np.arange(lengths.sum()) + np.repeat(indptr[listening] - np.cumsum(lengths) + lengths, lengths)
    cells = np.repeat(listening, lengths) * n_tracks + before.counts.indices[own]  # rising: the matrix is canonical
    wanted = rows * n_tracks + cols
    known = (cols >= 0) & (np.append(cells, -1)[np.searchsorted(cells, wanted)] == wanted)
    return float(known.mean()), len(rows)


def _track_ranks(listeners: IntArray, cols: IntArray) -> float | None:
    return _rank_correlation(listeners, np.bincount(cols[cols >= 0], minlength=len(listeners)), RANKED_TRACKS)


def _artist_ranks(before: PlayMatrix, listeners: IntArray, counts: PlayCounts, artists: Artists) -> float | None:
    """Compare artists by the sums of their tracks' listeners; tracks of no known artist do not count."""
    known, today = artists.of(before.tracks.ids), artists.of(counts.track_ids)
    size = int(artists.codes.max(initial=-1)) + 1
    usual = np.bincount(known[known >= 0], listeners[known >= 0], minlength=size)
    return _rank_correlation(usual, np.bincount(today[today >= 0], minlength=size), RANKED_ARTISTS)


def _rank_correlation(usual: npt.NDArray[np.number], today: npt.NDArray[np.number], most: int) -> float | None:
    """Spearman's correlation over the most popular before the day, ties by their average rank.

    0 where none of them was played, or all equally often; None where there are too few to be ranked.
    """
    top = np.argsort(-usual.astype(np.float64), kind="stable")[:most]
    top = top[usual[top] > 0]
    if len(top) < MIN_RANKED or usual[top[0]] == usual[top[-1]]:
        return None
    if today[top].min() == today[top].max():
        return 0.0
    return float(stats.spearmanr(usual[top], today[top]).statistic)
