"""Hypothesis strategies of this project's own types."""

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from recsys_tasks.core.domain import PlayCounts


def play_counts(events: dict[tuple[int, int], int]) -> PlayCounts:
    """Play counts in canonical order from (user, track) -> plays."""
    pairs = sorted(events)
    return PlayCounts(
        pa.array([user for user, _ in pairs], type=pa.int64()),
        pa.array([track for _, track in pairs], type=pa.int64()),
        np.array([events[pair] for pair in pairs], dtype=np.uint32),
    )


events = st.dictionaries(st.tuples(st.integers(-5, 12), st.integers(0, 15)), st.integers(1, 300), max_size=30)
days_of_events = st.lists(events, min_size=1, max_size=6)
