"""The listeners of each segment, such as a country, for the tracks that are popular in it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.lookup import places_in
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.storage.stored_forms import as_ids

OVERALL = "all"
"""Segment of the popular tracks of everybody."""


def segments_of(table: pa.Table, bundle: Bundle, least: int) -> dict[str, IntArray]:
    """Rows of the listeners of each segment that has enough of them, by its name.

    Args:
        table: user_id and segment; whom the release does not know is passed over.
        bundle: the release.
        least: listeners below which a segment is left out: its list would tell what single people hear.

    Raises:
        BadData: a segment has the name of that of everybody.
    """
    users = as_ids(table["user_id"]).cast(bundle.users.ids.type)
    rows = places_in(bundle.users.ids, users)
    names = pc.dictionary_encode(table["segment"].combine_chunks())
    segments = np.asarray(names.indices)
    found = {}
    for number, name in enumerate(names.dictionary.to_pylist()):
        if name == OVERALL:
            raise BadData(f"A segment is called {OVERALL!r}, as that of everybody. Give it another name in the source.")
        own = np.unique(rows[(segments == number) & (rows >= 0)])
        if len(own) >= least:
            found[name] = own
    return found
