"""The items of a candidate: the matrix's tracks, then the catalogue's that nobody has played, by id."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Day, Vocabulary, day_number


def items_of(tracks: Vocabulary, snapshot: pa.Table, day: Day) -> Vocabulary:
    """The matrix's tracks under their numbers, and those that nobody has played, first seen on the day that follows.

    Left out are tracks that nobody may play now, and those that are still to come when lists of the day are read.

    Args:
        tracks: of the matrix.
        snapshot: the day's catalogue, one row a track, by track_id.
        day: newest date of the matrix.
    """
    tomorrow = day + timedelta(days=1)
    out = pc.fill_null(pc.less_equal(snapshot["released_on"], pa.scalar(tomorrow)), True)
    offered = pc.and_(out, pc.fill_null(snapshot["available"], True))
    ids = snapshot["track_id"].filter(offered).combine_chunks()
    cold = ids.filter(pc.invert(pc.is_in(ids, value_set=tracks.ids)))
    first_days = np.full(len(cold), day_number(tomorrow), dtype=np.int32)
    return Vocabulary(pa.concat_arrays([tracks.ids, cold]), np.concatenate([tracks.first_days, first_days]))
