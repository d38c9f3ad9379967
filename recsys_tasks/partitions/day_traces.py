"""What is kept of a day's rows beside their counts: small samples by which days are compared.

Of event ids, and of pairs of listener and track, the least hashes are kept, so that what two days share they share in
their samples too (bottom-k sketch: Cohen and Kaplan, PODC 2007). Streams without an event id are in no sample of
events: a replayed day of those shows in its pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Ids, IntArray, PlayCounts
from recsys_tasks.core.keyed_random import keyed_hash, mix

SAMPLED_EVENTS = 4_096
"""32 kB; of a thousandth that is replayed, four are seen."""
SAMPLED_PAIRS = 8_192
"""64 kB; a share of them is known to half a per cent."""
TALLIED_TRACKS = 3_000
"""A half more than are ranked: those that were popular before, and are a little less so today."""
Hashes = npt.NDArray[np.uint64]
"""Rising and distinct."""


@dataclass(frozen=True)
class Tally:
    """The most popular tracks of a day."""

    track_ids: Ids = field(repr=False)  # (n,)
    listeners: IntArray = field(repr=False)  # (n,)


@dataclass(frozen=True)
class DayTraces:
    """What is kept of a date."""

    pairs: Hashes = field(repr=False)  # (at most SAMPLED_PAIRS,)
    popular: Tally
    events: Hashes = field(repr=False)  # (at most SAMPLED_EVENTS,); none where there are no event ids
    hours: tuple[int, ...] | None  # (24,) qualified rows by local hour; None: not counted when extracted


def traces_of(counts: PlayCounts, events: Hashes | None = None, hours: tuple[int, ...] | None = None) -> DayTraces:
    """What is kept of a date.

    Args:
        counts: its play counts.
        events: the sample of its event ids; None where they are not known any more.
        hours: its rows by hour of the local clock; None where they were not counted.
    """
    pairs = mix(_hashes(counts.user_ids, "listener") ^ mix(_hashes(counts.track_ids, "track")))
    by_track = counts.track_ids.value_counts()
    order = pc.array_sort_indices(by_track.field("counts"), order="descending")[:TALLIED_TRACKS]
    popular = Tally(by_track.field("values").take(order), np.asarray(by_track.field("counts").take(order)))
    return DayTraces(_least(pairs, SAMPLED_PAIRS), popular, np.zeros(0, np.uint64) if events is None else events, hours)


def sample_events(events: pa.ChunkedArray) -> Hashes:
    """The sample of the event ids of a day's rows: whole numbers or text, null where a stream has none."""
    return _least(_hashes(events.drop_null().combine_chunks(), "event"), SAMPLED_EVENTS)


def seen_before(today: Hashes, earlier: Sequence[Hashes], size: int) -> tuple[float | None, int]:
    """The share of what was sampled on a day that occurred on earlier dates too, and of how many that is the share.

    Args:
        today: sample of the day.
        earlier: samples of the dates before it; those without any do not count.
        size: of a full sample, which knows nothing beyond its greatest hash.
    """
    known = [each for each in earlier if len(each)]
    ends = [each[-1] for each in (today, *known) if len(each) == size]
    compared = today[today <= min(ends)] if ends else today
    if not known or not len(compared):
        return None, 0
    return float(np.isin(compared, np.concatenate(known)).mean()), len(compared)


def _least(hashes: Hashes, size: int) -> Hashes:
    """The least of them, each once."""
    few = 4 * size  # what came twice takes two places, so that more than wanted are looked at
    if len(hashes) > few:
        hashes = np.partition(hashes, few)[:few]
    return np.unique(hashes)[:size]


def _hashes(ids: Ids, salt: str) -> Hashes:
    return keyed_hash(ids, salt) if pa.types.is_integer(ids.type) else _text_hashes(ids, salt)


def _text_hashes(ids: pa.Array, salt: str) -> Hashes:
    """Hash the length, the first 8 and the last 16 bytes of each text: a loop over a day's texts takes a second."""
    texts = ids.cast(pa.large_string())
    _, offsets, content = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1] + 16
    padded = bytes(16) + (content.to_pybytes() if content else b"") + bytes(16)
    words = np.ndarray(len(padded) - 7, "<u8", padded, 0, (1,))  # the 8 bytes from each place on
    starts, ends = bounds[:-1], bounds[1:]
    lengths = ends - starts
    hashes = keyed_hash(pa.array(lengths), salt)
    hashes = mix(hashes ^ _last_bytes(words, starts + np.minimum(lengths, 8), lengths))
    hashes = mix(hashes ^ _last_bytes(words, ends, lengths))
    return mix(hashes ^ _last_bytes(words, ends - 8, lengths - 8))


def _last_bytes(words: Hashes, ends: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Hashes:
    """The last 8 bytes before each end as a number, fewer where a text has only so many. (n_ids,)."""
    foreign = 8 * (8 - np.clip(lengths, 0, 8))  # bits of the text before it
    kept: Hashes = words[ends - 8].astype(np.uint64) >> np.minimum(foreign, 63).astype(np.uint64)
    return np.where(foreign < 64, kept, np.uint64(0))
