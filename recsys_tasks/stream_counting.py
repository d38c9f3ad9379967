"""From the qualified streams of a day to its play counts: duplicates out, pairs counted, canonical order.

Pure: the same rows in any order give the same bytes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.domain import Ids, PlayCounts

Numbers = npt.NDArray[np.int64]


def count_plays(streams: pa.Table) -> PlayCounts:
    """How often each user streamed each track, a stream that came twice counted once.

    A second row with the same event id is a duplicate; among rows without an event id, a second row with the same
    user, track and instant is. Where rows of one event id disagree, the first pair in canonical order stays, so that
    the order of arrival decides nothing. What is missing from the sum of plays was duplicate.

    Args:
        streams: columns user_id and track_id without nulls; event_id (integers or text), null where there is none;
            instant (timestamp), which matters only where event_id is null.
    """
    users, user_rows = _ranked(streams["user_id"])
    tracks, track_rows = _ranked(streams["track_id"])
    pairs = _once(user_rows * max(len(tracks), 1) + track_rows, streams)  # one number a pair, in canonical order
    distinct, plays = np.unique(pairs, return_counts=True)
    rows, columns = np.divmod(distinct, max(len(tracks), 1))
    return PlayCounts(users.take(pa.array(rows)), tracks.take(pa.array(columns)), plays.astype(np.uint32))


def _ranked(ids: pa.ChunkedArray) -> tuple[Ids, Numbers]:
    """The distinct ids in order (text by its UTF-8 bytes), and the rank of each row's id among them."""
    encoded = ids.dictionary_encode().combine_chunks()
    order = pc.array_sort_indices(encoded.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[np.asarray(order)] = np.arange(len(order))
    return encoded.dictionary.take(order), ranks[np.asarray(encoded.indices)]


def _once(pairs: Numbers, streams: pa.Table) -> Numbers:
    """The pairs without those of duplicate rows; their order means nothing."""
    named = np.asarray(streams["event_id"].is_valid())
    if named.all():
        return _first_of_event(pairs, _numbers(streams["event_id"]))
    events = _numbers(streams["event_id"].filter(pa.array(named)))
    instants = _numbers(streams["instant"].filter(pa.array(~named)))
    return np.concatenate([_first_of_event(pairs[named], events), _first_of_instant(pairs[~named], instants)])


def _numbers(column: pa.ChunkedArray) -> Numbers:
    """A number for each row, equal where the values are equal."""
    column = column.combine_chunks()
    if pa.types.is_string(column.type):
        return np.asarray(column.dictionary_encode().indices).astype(np.int64)
    return np.asarray(column.cast(pa.int64()))


def _first_of_event(pairs: Numbers, events: Numbers) -> Numbers:
    ordered = np.sort(events)
    if not (ordered[1:] == ordered[:-1]).any():
        return pairs  # the ordinary day: a sort by both keys would take ten times longer
    order = np.lexsort((pairs, events))
    return pairs[order][_new(events[order])]


def _first_of_instant(pairs: Numbers, instants: Numbers) -> Numbers:
    order = np.lexsort((instants, pairs))
    return pairs[order][_new(pairs[order]) | _new(instants[order])]


def _new(ordered: Numbers) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before it."""
    new: npt.NDArray[Any] = np.ones(len(ordered), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return new
