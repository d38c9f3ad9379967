"""The shape of a day: a few figures of its streams beside the dates before it.

Each is what some accident moves and an ordinary day does not: ids that were permuted or re-issued, listeners and tracks
that were shuffled, streams that were loaded twice, a day that was loaded for another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Ids, IntArray, PlayCounts, Vocabulary
from recsys_tasks.core.lookup import places_in
from recsys_tasks.partitions.day_traces import SAMPLED_EVENTS, SAMPLED_PAIRS, DayTraces, Tally, seen_before

RANKED_TRACKS = 2_000
"""Most popular tracks before the day whose order is compared: of those further back a sparse day says nothing."""
RANKED_ARTISTS = 500
LOOKED_UP = 20_000
"""Pairs of the day of which it is asked who and what is new: the share is known to a third of a per cent."""
MIN_RANKED = 20
"""A rank correlation of fewer says nothing."""
NO_ARTIST = -1


@dataclass(frozen=True)
class DayShape:
    """Figures of one date; None: nothing is known of it.

    Each pair of listener and track counts once, however often it was played, so that no bot decides.
    """

    plays: int
    plays_per_pair: float  # geometric mean
    new_tracks: float | None  # share of pairs, of tracks never seen before
    new_listeners: float | None  # share of pairs, of listeners never seen before
    repeats: float | None  # share of sampled pairs, of known listeners and tracks, that occurred on the dates before
    compared_pairs: int  # on which that share stands
    track_ranks: float | None  # Spearman's correlation of listeners per track with those of the dates before
    artist_ranks: float | None  # the same of artists
    replayed: float | None  # share of sampled event ids that occurred on the dates before
    hours: tuple[int, ...] | None  # (24,) qualified rows by hour of the local clock


@dataclass(frozen=True)
class Artists:
    """Which artist a track is of."""

    track_ids: Ids = field(repr=False)  # (n,) of the catalogue
    codes: IntArray = field(repr=False)  # (n,) a number for each artist, from 0; -1: not known

    def of(self, track_ids: Ids) -> IntArray:
        """The artist of each track, -1 where it is not known. (n_ids,)."""
        codes: IntArray = np.append(self.codes, NO_ARTIST)[places_in(self.track_ids, track_ids)]
        return codes


@dataclass(frozen=True)
class Before:
    """What is known of the dates before a day."""

    traces: Sequence[DayTraces] = field(repr=False)  # of the 28 dates before it, or fewer
    vocabularies: tuple[Vocabulary, Vocabulary] | None = field(repr=False)
    """Users and tracks of the play matrix of all dates before it; None where it is not folded."""
    artists: Artists | None = None


def shape_of(counts: PlayCounts, traces: DayTraces, before: Before) -> DayShape:
    """Compute the shape of a day that has plays."""
    new = _new(counts, before.vocabularies) if before.vocabularies else None
    repeats, compared = seen_before(traces.pairs, [each.pairs for each in before.traces], SAMPLED_PAIRS)
    replayed, _ = seen_before(traces.events, [each.events for each in before.traces], SAMPLED_EVENTS)
    usual = _summed([each.popular for each in before.traces])
    return DayShape(
        plays=int(counts.plays.sum(dtype=np.int64)),
        plays_per_pair=float(np.exp(np.log(counts.plays).mean())),
        new_tracks=new.tracks if new else None,
        new_listeners=new.listeners if new else None,
        repeats=min(repeats / new.neither, 1.0) if repeats and new and new.neither else repeats,
        compared_pairs=compared,
        track_ranks=_track_ranks(usual, traces.popular) if usual else None,
        artist_ranks=_artist_ranks(usual, traces.popular, before.artists) if usual and before.artists else None,
        replayed=replayed,
        hours=traces.hours,
    )


@dataclass(frozen=True)
class _New:
    """Shares of the pairs of a day."""

    listeners: float  # of a listener never seen before
    tracks: float
    neither: float


def _new(counts: PlayCounts, vocabularies: tuple[Vocabulary, Vocabulary]) -> _New:
    """Ask of some pairs, which lie evenly among those of the day, who and what was never seen before."""
    few = pa.array(np.arange(0, len(counts), 1 + len(counts) // LOOKED_UP))
    users, tracks = vocabularies
    new_users = users.rows_of(counts.user_ids.take(few)) < 0
    new_tracks = tracks.rows_of(counts.track_ids.take(few)) < 0
    return _New(float(new_users.mean()), float(new_tracks.mean()), float((~new_users & ~new_tracks).mean()))


def _summed(tallies: Sequence[Tally]) -> Tally | None:
    """The listeners of each track on several dates together, the most popular first."""
    if not tallies:
        return None
    ids = pa.chunked_array([each.track_ids for each in tallies])
    listeners = np.concatenate([each.listeners for each in tallies])
    summed = pa.table({"track": ids, "listeners": listeners}).group_by("track").aggregate([("listeners", "sum")])
    ordered = summed.sort_by([("listeners_sum", "descending"), ("track", "ascending")])
    return Tally(ordered["track"].combine_chunks(), np.asarray(ordered["listeners_sum"]))


def _track_ranks(usual: Tally, today: Tally) -> float | None:
    ranked = usual.track_ids[:RANKED_TRACKS]
    listeners = np.append(today.listeners, 0)[places_in(today.track_ids, ranked)]
    return _rank_correlation(usual.listeners[:RANKED_TRACKS], listeners)


def _artist_ranks(usual: Tally, today: Tally, artists: Artists) -> float | None:
    """Compare artists by the sums of their tracks' listeners; tracks of no known artist do not count."""
    before, now = (_by_artist(tally, artists) for tally in (usual, today))
    top = np.argsort(-before, kind="stable")[:RANKED_ARTISTS]
    top = top[before[top] > 0]
    return _rank_correlation(before[top], now[top])


def _by_artist(tally: Tally, artists: Artists) -> npt.NDArray[np.float64]:
    """Listeners of each artist. (n_artists,)."""
    codes, size = artists.of(tally.track_ids), int(artists.codes.max(initial=NO_ARTIST)) + 1
    return np.bincount(codes[codes >= 0], tally.listeners[codes >= 0], minlength=size).astype(np.float64)


def _rank_correlation(usual: npt.NDArray[np.generic], today: npt.NDArray[np.generic]) -> float | None:
    """Spearman's correlation, ties by their average rank.

    0 where none of today's was played, or all equally often; None where the usual ones are too few, or not ranked.
    """
    if len(usual) < MIN_RANKED or usual[0] == usual[-1]:
        return None
    if today.min() == today.max():
        return 0.0
    return float(np.corrcoef(_average_ranks(usual), _average_ranks(today))[0, 1])


def _average_ranks(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Rank of each value, those that are equal sharing the mean of theirs. (n,)."""
    least, most = (pc.rank(pa.array(values), tiebreaker=which).to_numpy() for which in ("min", "max"))
    return np.asarray((least + most) / 2)
