"""Catalogue snapshots of a few tracks."""

import pyarrow as pa


def snapshot(track_ids, artists=None, **features):
    """A snapshot as it is read from a source: artists by name, and each feature a list of values or None."""
    n = len(track_ids)
    columns = {
        "track_id": pa.array(track_ids, pa.int64()),
        "title": pa.nulls(n, pa.string()),
        "artist": pa.array(artists or [None] * n, pa.string()),
        "artist_id": pa.nulls(n, pa.string()),
        "released_on": pa.nulls(n, pa.date32()),
        "kind": pa.nulls(n, pa.string()),
        "available": pa.nulls(n, pa.bool_()),
    }
    return pa.table(columns | {name: pa.array(values) for name, values in features.items()})
