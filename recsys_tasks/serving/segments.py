"""The popular tracks of each segment of listeners, out of a delivery: who belongs to one, only the source knows."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks.core.domain import BoolArray, Vocabulary
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.products.lists import TrackLists, without_reasons
from recsys_tasks.products.segments import OVERALL
from recsys_tasks.repositories.deliveries import Deliveries, files_of
from recsys_tasks.storage.stored_forms import as_ids

POPULAR = "popular"
"""The product, as deliveries name it."""
SegmentLists: TypeAlias = Mapping[str, TrackLists]
"""By name of a segment, one list each."""


def segment_lists(deliveries: Deliveries, name: str, tracks: Vocabulary) -> SegmentLists:
    """The delivered lists of segments, in the columns of a release.

    Args:
        deliveries: the stored ones.
        name: of a delivery of the release; empty: there is none.
        tracks: of the release.

    Raises:
        CorruptArtefact: the delivery is damaged.
    """
    files = files_of(deliveries.manifest(name), POPULAR) if name else ()
    if not files:
        return {}
    opened = deliveries.opened(name, files)
    rows = pa.concat_tables([pq.read_table(opened.file(file), memory_map=False) for file in files])
    segments = (each for each in pc.unique(rows["segment"]).to_pylist() if each != OVERALL)
    return {each: _list(rows.filter(pc.equal(rows["segment"], each)), tracks) for each in segments}


def _list(rows: pa.Table, tracks: Vocabulary) -> TrackLists:
    rows = rows.sort_by("rank")
    cols = tracks.rows_of(as_ids(rows["track_id"])).astype(np.int32)
    return without_reasons(cols[None], np.asarray(rows["score"], np.float32)[None])


def popular_among(
    lists: SegmentLists, segment: str, release: int, k: int, allowed: BoolArray | None = None
) -> TrackLists:
    """One list: the popular tracks of a segment, at most as many as are delivered.

    Args:
        lists: of the segments.
        segment: whose.
        release: its number, for the error.
        k: length of the list.
        allowed: (n_tracks,) tracks to choose from; None: all.

    Raises:
        UnknownId: nothing was delivered to this segment.
    """
    if segment not in lists:
        raise UnknownId(f"Of release {release}, no popular tracks were delivered for the segment {segment!r}.")
    cols, scores = lists[segment].cols[0], lists[segment].scores[0]
    open_ = (cols >= 0) if allowed is None else (cols >= 0) & allowed[cols]
    return without_reasons(cols[open_][None, :k], scores[open_][None, :k])
