"""Lists as rows of a table: one for each place that holds a track."""

import numpy as np
import pyarrow as pa

from recsys_tasks.products.lists import Lists
from recsys_tasks.release.bundle import Bundle


def list_schema(bundle: Bundle) -> pa.Schema:
    """The columns of ``list_table``; ids are of the types that the source gives them."""
    track = bundle.gated.tracks.ids.type
    named = {"user_id": bundle.users.ids.type, "rank": pa.int32(), "track_id": track, "score": pa.float32()}
    return pa.schema([*named.items(), ("reason", track)])


def list_table(bundle: Bundle, lists: Lists) -> pa.Table:
    """The places of some lists, list by list and best first; rank from 1, reason the id of a played track or null."""
    there = lists.cols >= 0
    rows, places = np.nonzero(there)
    reasons, ids = lists.reasons[there], bundle.gated.tracks.ids
    columns = [
        bundle.users.ids.take(pa.array(np.asarray(lists.user_rows)[rows])),
        pa.array((places + 1).astype(np.int32)),
        ids.take(pa.array(lists.cols[there])),
        pa.array(lists.scores[there]),
        ids.take(pa.array(reasons, mask=reasons < 0)),
    ]
    return pa.Table.from_arrays(columns, schema=list_schema(bundle))
