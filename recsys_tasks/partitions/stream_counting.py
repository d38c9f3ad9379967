"""From the qualified streams of a day to its play counts: duplicates out, pairs counted, canonical order.

Pure: the same rows in any order give the same bytes.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import BoolArray, Ids, PlayCounts

Numbers = npt.NDArray[np.int64]
ROOM = 1 << 63
"""Where the widths of users and of tracks give at most this, the two make one number of 64 bits."""
NO_WIDTH = 1 << 65
"""Ids that are no whole numbers are further apart than any that are."""
SEQUENCE = 4
"""Event ids that lie within so many times their count are numbers small enough as they are."""


class Numbered(NamedTuple):
    """A number for each row that keeps the order of the ids (of text, of its UTF-8 bytes), and the way back."""

    rows: Numbers  # (n_rows,), 0 or more and less than the width
    width: int
    ids: Callable[[Numbers], Ids]


def count_plays(streams: pa.Table) -> PlayCounts:
    """How often each user streamed each track, a stream that came twice counted once.

    A second row with the same event id is a duplicate; among rows without an event id, a second row with the same
    user, track and instant is. Where rows of one event id disagree, the first pair in canonical order stays, so that
    the order of arrival decides nothing. What is missing from the sum of plays was duplicate.

    Args:
        streams: columns user_id and track_id without nulls; event_id (integers or text), null where there is none;
            instant (timestamp), which matters only where event_id is null.
    """
    is_named = streams["event_id"].is_valid()
    with ThreadPoolExecutor(2) as pool:  # Arrow works without the interpreter's lock
        events = pool.submit(_numbered, streams["event_id"].drop_null())  # first: none has as many distinct
        ids = streams["user_id"], streams["track_id"]
        users, tracks = pool.map(_in_order, ids, _ranked(*ids))
    pairs = _once(users.rows * tracks.width + tracks.rows, np.asarray(is_named), events.result(), streams["instant"])
    distinct, plays = np.unique(pairs, return_counts=True)
    rows, columns = np.divmod(distinct, tracks.width)
    return PlayCounts(users.ids(rows), tracks.ids(columns), plays.astype(np.uint32))


def _ranked(users: pa.ChunkedArray, tracks: pa.ChunkedArray) -> tuple[bool, bool]:
    """Whether users and tracks are numbered by rank: as few of the two as have to be, so that a pair fits in ROOM.

    A rank costs a hash table and a sort of the distinct ids. Users first: a day has fewer of them than tracks.
    """
    users_width, tracks_width, ranks = _span(users)[1], _span(tracks)[1], max(len(users), 1)
    if users_width * tracks_width <= ROOM:
        return False, False
    if ranks * tracks_width <= ROOM:
        return True, False
    return users_width * ranks > ROOM, True


def _in_order(ids: pa.ChunkedArray, by_rank: bool) -> Numbered:
    """Whole numbers by their distance from the least of them; any ids by their rank among the distinct."""
    if not by_rank:
        low, width = _span(ids)
        return Numbered(np.asarray(ids) - low, width, lambda rows: pa.array(rows + low))
    encoded = ids.dictionary_encode().combine_chunks()
    order = pc.array_sort_indices(encoded.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[np.asarray(order)] = np.arange(len(order))
    distinct = encoded.dictionary.take(order)
    return Numbered(ranks[np.asarray(encoded.indices)], len(order) or 1, lambda rows: distinct.take(pa.array(rows)))


def _span(ids: pa.ChunkedArray) -> tuple[int, int]:
    """The least of the ids and how many numbers there are from it to the greatest; NO_WIDTH where there is none."""
    if len(ids) == 0 or not pa.types.is_integer(ids.type):
        return 0, NO_WIDTH
    low, high = (bound.as_py() for bound in pc.min_max(ids).values())
    return low, high - low + 1


def _once(pairs: Numbers, is_named: BoolArray, events: Numbers, instants: pa.ChunkedArray) -> Numbers:
    """The pairs without those of duplicate rows; their order means nothing. events: of the rows that have one."""
    if is_named.all():
        return _first_of_event(pairs, events)
    nameless = np.asarray(instants.filter(pa.array(~is_named)).cast(pa.int64()))
    return np.concatenate([_first_of_event(pairs[is_named], events), _first_of_instant(pairs[~is_named], nameless)])


def _numbered(events: pa.ChunkedArray) -> Numbers:
    """A small number for each row, equal where the events are equal."""
    low, width = _span(events)
    if width <= SEQUENCE * len(events):
        return np.asarray(events) - low
    return np.asarray(events.dictionary_encode().combine_chunks().indices).astype(np.int64)


def _first_of_event(pairs: Numbers, events: Numbers) -> Numbers:
    again = (np.bincount(events) > 1)[events]
    if not again.any():
        return pairs
    several, named = pairs[again], events[again]  # few: a sort of all rows by both keys would take ten times longer
    order = np.lexsort((several, named))
    return np.concatenate([pairs[~again], several[order][_new(named[order])]])


def _first_of_instant(pairs: Numbers, instants: Numbers) -> Numbers:
    order = np.lexsort((instants, pairs))
    return pairs[order][_new(pairs[order]) | _new(instants[order])]


def _new(ordered: Numbers) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before it."""
    new: npt.NDArray[Any] = np.ones(len(ordered), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return new
