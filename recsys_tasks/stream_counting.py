"""From the qualified streams of a day to its play counts: duplicates out, pairs counted, canonical order.

Pure: the same rows in any order give the same bytes.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from recsys_tasks.domain import PlayCounts
from recsys_tasks.id_ranks import Numbers, in_order, new, span

SEQUENCE = 4
"""Event ids that lie within so many times their count are numbers small enough as they are."""


def count_plays(streams: pa.Table) -> PlayCounts:
    """How often each user streamed each track, a stream that came twice counted once.

    A second row with the same event id is a duplicate; among rows without an event id, a second row with the same
    user, track and instant is. Where rows of one event id disagree, the first pair in canonical order stays, so that
    the order of arrival decides nothing. What is missing from the sum of plays was duplicate.

    Args:
        streams: columns user_id and track_id without nulls; event_id (integers or text), null where there is none;
            instant (timestamp), which matters only where event_id is null.
    """
    with ThreadPoolExecutor(2) as pool:  # Arrow works without the interpreter's lock
        users, tracks = pool.map(in_order, (streams["user_id"], streams["track_id"]))
    pairs = _once(users.rows * tracks.width + tracks.rows, streams)
    distinct, plays = np.unique(pairs, return_counts=True)
    rows, columns = np.divmod(distinct, tracks.width)
    return PlayCounts(users.ids(rows), tracks.ids(columns), plays.astype(np.uint32))


def _once(pairs: Numbers, streams: pa.Table) -> Numbers:
    """The pairs without those of duplicate rows; their order means nothing."""
    named = np.asarray(streams["event_id"].is_valid())
    if named.all():
        return _first_of_event(pairs, _numbered(streams["event_id"]))
    events = _numbered(streams["event_id"].filter(pa.array(named)))
    instants = np.asarray(streams["instant"].filter(pa.array(~named)).cast(pa.int64()))
    return np.concatenate([_first_of_event(pairs[named], events), _first_of_instant(pairs[~named], instants)])


def _numbered(events: pa.ChunkedArray) -> Numbers:
    """A small number for each row, equal where the events are equal."""
    low, width = span(events)
    if 0 < width <= SEQUENCE * len(events):
        return np.asarray(events) - low
    return np.asarray(events.dictionary_encode().combine_chunks().indices).astype(np.int64)


def _first_of_event(pairs: Numbers, events: Numbers) -> Numbers:
    again = (np.bincount(events) > 1)[events]
    if not again.any():
        return pairs
    several, named = pairs[again], events[again]  # few: a sort of all rows by both keys would take ten times longer
    order = np.lexsort((several, named))
    return np.concatenate([pairs[~again], several[order][new(named[order])]])


def _first_of_instant(pairs: Numbers, instants: Numbers) -> Numbers:
    order = np.lexsort((instants, pairs))
    return pairs[order][new(pairs[order]) | new(instants[order])]
