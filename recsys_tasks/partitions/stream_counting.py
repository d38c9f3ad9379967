"""From the qualified streams of a day to its play counts: without duplicates, in canonical order.

The same rows in any order give the same bytes.
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
PAIR_LIMIT = 1 << 63
"""A pair of user and track fits in one number of 64 bits where the product of their widths is at most this."""
NO_NUMBERS = 1 << 65
"""The width of ids that are no whole numbers: more than any pair has room for."""
DENSITY = 4
"""Event ids that span at most this many times their count are small enough to be used as they are."""


class NumberedIds(NamedTuple):
    """A number for each row, in the order of the ids (of texts, by their UTF-8 bytes), and the way back to the ids."""

    rows: Numbers  # (n_rows,), 0 or more and less than the width
    width: int
    ids: Callable[[Numbers], Ids]


def count_plays(streams: pa.Table) -> PlayCounts:
    """Count how often each user streamed each track; a stream that came twice counts once.

    A second row with the same event id is a duplicate; among rows without an event id, a second row with the same
    user, track and instant is. Where rows of one event id disagree, the first pair in canonical order stays, so that
    the order of arrival decides nothing. The rows that are missing from the sum of plays were duplicates.

    Args:
        streams: columns user_id and track_id without nulls; event_id (integers or text), null where there is none;
            instant (timestamp), which matters only where event_id is null.
    """
    is_named = streams["event_id"].is_valid()
    with ThreadPoolExecutor(2) as pool:  # Arrow works without the interpreter's lock
        # First, for no other column has as many distinct values.
        events = pool.submit(_event_numbers, streams["event_id"].drop_null())
        ids = streams["user_id"], streams["track_id"]
        users, tracks = pool.map(_number_ids, ids, _by_rank(*ids))
    pairs = _without_duplicates(
        users.rows * tracks.width + tracks.rows, np.asarray(is_named), events.result(), streams["instant"]
    )
    distinct, plays = np.unique(pairs, return_counts=True)
    rows, columns = np.divmod(distinct, tracks.width)
    return PlayCounts(users.ids(rows), tracks.ids(columns), plays.astype(np.uint32))


def _by_rank(users: pa.ChunkedArray, tracks: pa.ChunkedArray) -> tuple[bool, bool]:
    """Decide whether users and tracks are numbered by rank: as few of the two as a pair within PAIR_LIMIT allows.

    A rank costs a hash table and a sort of the distinct ids. Users first: a day has fewer of them than tracks.
    """
    users_width, tracks_width, ranks = _span(users)[1], _span(tracks)[1], max(len(users), 1)
    if users_width * tracks_width <= PAIR_LIMIT:
        return False, False
    if ranks * tracks_width <= PAIR_LIMIT:
        return True, False
    return users_width * ranks > PAIR_LIMIT, True


def _number_ids(ids: pa.ChunkedArray, by_rank: bool) -> NumberedIds:
    """Number ids by their rank among the distinct ones, or whole numbers by their distance from the least."""
    if not by_rank:
        low, width = _span(ids)
        return NumberedIds(np.asarray(ids) - low, width, lambda rows: pa.array(rows + low))
    encoded = ids.dictionary_encode().combine_chunks()
    order = pc.array_sort_indices(encoded.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[np.asarray(order)] = np.arange(len(order))
    distinct = encoded.dictionary.take(order)
    return NumberedIds(ranks[np.asarray(encoded.indices)], len(order) or 1, lambda rows: distinct.take(pa.array(rows)))


def _span(ids: pa.ChunkedArray) -> tuple[int, int]:
    """The least of the ids, and how many numbers lie from it to the greatest; NO_NUMBERS where they are no numbers."""
    if len(ids) == 0 or not pa.types.is_integer(ids.type):
        return 0, NO_NUMBERS
    low, high = (bound.as_py() for bound in pc.min_max(ids).values())
    return low, high - low + 1


def _without_duplicates(pairs: Numbers, is_named: BoolArray, events: Numbers, instants: pa.ChunkedArray) -> Numbers:
    """Leave out the pairs of duplicate rows, in no order that means anything. events: of the rows that have one."""
    if is_named.all():
        return _one_row_an_event(pairs, events)
    nameless = np.asarray(instants.filter(pa.array(~is_named)).cast(pa.int64()))
    return np.concatenate([_one_row_an_event(pairs[is_named], events), _one_row_an_instant(pairs[~is_named], nameless)])


def _event_numbers(events: pa.ChunkedArray) -> Numbers:
    """A small number for each row, equal where the events are equal."""
    low, width = _span(events)
    if width <= DENSITY * len(events):
        return np.asarray(events) - low
    return np.asarray(events.dictionary_encode().combine_chunks().indices).astype(np.int64)


def _one_row_an_event(pairs: Numbers, events: Numbers) -> Numbers:
    again = (np.bincount(events) > 1)[events]
    if not again.any():
        return pairs
    several, named = pairs[again], events[again]  # few: a sort of all rows by both keys would take ten times longer
    order = np.lexsort((several, named))
    return np.concatenate([pairs[~again], several[order][_begins_group(named[order])]])


def _one_row_an_instant(pairs: Numbers, instants: Numbers) -> Numbers:
    order = np.lexsort((instants, pairs))
    return pairs[order][_begins_group(pairs[order]) | _begins_group(instants[order])]


def _begins_group(ordered: Numbers) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before it."""
    new: npt.NDArray[Any] = np.ones(len(ordered), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return new
