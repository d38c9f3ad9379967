"""A small sample of a day's event ids by which a day that replays another one is recognised.

Kept are the least hashes of the ids, so that two days which share ids share them in their samples too (bottom-k
sketch: Cohen and Kaplan, PODC 2007). Streams without an event id are not seen here: a replayed day of those shows in
the share of repeated pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.keyed_random import keyed_hash, mix

SAMPLED = 4_096
"""Event ids of a day that are kept: 32 kB; one in a thousand replayed is seen as four of them."""
SALT = "events"
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class DayTraces:
    """What is kept of a day's rows beside their counts, for those who compare days."""

    events: Hashes  # see sample_events
    hours: tuple[int, ...] | None  # (24,) qualified rows by UTC hour; None: not counted when the date was extracted


NO_TRACES = DayTraces(np.zeros(0, np.uint64), None)
"""Of a date that was extracted before they were kept."""


def sample_events(events: pa.ChunkedArray, size: int = SAMPLED) -> Hashes:
    """The least hashes of the distinct event ids, rising. (at most size,).

    Args:
        events: whole numbers or text, null where a stream has no event id.
        size: hashes that are kept.
    """
    ids = events.drop_null().combine_chunks()
    hashes = keyed_hash(ids, SALT) if pa.types.is_integer(ids.type) else _text_hashes(ids)
    if len(hashes) > 4 * size:  # a row that came twice takes two places, so a few more than wanted are looked at
        hashes = np.partition(hashes, 4 * size)[: 4 * size]
    return np.unique(hashes)[:size]


def replayed_share(today: Hashes, earlier: Sequence[Hashes], size: int = SAMPLED) -> float | None:
    """The share of a day's event ids that occurred on earlier dates too; None where that cannot be said.

    Args:
        today: sample of the day.
        earlier: samples of the dates before it; dates without event ids do not count.
        size: with which the samples were made: a full one knows nothing beyond its greatest hash.
    """
    known = [each for each in earlier if len(each)]
    if not len(today) or not known:
        return None
    reach = min(int(each[-1]) for each in (today, *known) if len(each) == size or each is today)
    compared = today[today <= np.uint64(reach)]
    return float(np.isin(compared, np.concatenate(known)).mean()) if len(compared) else None


def _text_hashes(ids: pa.Array) -> Hashes:
    """Hash the length, the first 8 and the last 16 bytes of each text: a loop over a day's texts takes a second."""
    texts = ids.cast(pa.large_string())
    _, offsets, content = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1] + 16
    padded = bytes(16) + (content.to_pybytes() if content else b"") + bytes(16)
    words = np.ndarray(len(padded) - 7, "<u8", padded, 0, (1,))  # the 8 bytes from each place on
    starts, ends = bounds[:-1], bounds[1:]
    lengths = ends - starts
    hashes = keyed_hash(pa.array(lengths), SALT)
    hashes = mix(hashes ^ _last_bytes(words, starts + np.minimum(lengths, 8), lengths))
    hashes = mix(hashes ^ _last_bytes(words, ends, lengths))
    return mix(hashes ^ _last_bytes(words, ends - 8, lengths - 8))


def _last_bytes(words: Hashes, ends: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Hashes:
    """The last 8 bytes before each end as a number, fewer where a text has only so many. (n_ids,)."""
    foreign = 8 * (8 - np.clip(lengths, 0, 8))  # bits of the text before it
    kept: Hashes = words[ends - 8].astype(np.uint64) >> np.minimum(foreign, 63).astype(np.uint64)
    return np.where(foreign < 64, kept, np.uint64(0))
