"""Which tracks are new: released within some days, or first played within them where no date is known."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import BoolArray, day_number
from recsys_tasks.release.bundle import Bundle


def new_tracks(bundle: Bundle, day: date, days: int) -> BoolArray:
    """Which tracks came out in the ``days`` days up to a day. (n_tracks,)."""
    released = bundle.names.table["released_on"]
    since = day - timedelta(days=days)
    in_time = pc.and_(pc.greater(released, pa.scalar(since)), pc.less_equal(released, pa.scalar(day)))
    first = bundle.gated.tracks.first_days
    played = (first > day_number(since)) & (first <= day_number(day))
    return np.where(np.asarray(pc.is_valid(released)), np.asarray(pc.fill_null(in_time, False)), played)
