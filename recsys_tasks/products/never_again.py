"""The tracks that listeners do not want again, by what they marked: tracks, and all tracks of artists."""

import numpy as np
import pyarrow as pa

from recsys_tasks.core.lookup import places_in
from recsys_tasks.products.artists import Artists
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.storage.stored_forms import as_ids


def unwanted(marks: pa.Table, bundle: Bundle, artists: Artists) -> Played:
    """The unwanted tracks of each listener of a release, each once, by column.

    Args:
        marks: user_id, track_id and artist_id; whom or what the release does not know is passed over.
        bundle: the release.
        artists: its artists.
    """
    rows = places_in(bundle.users.ids, as_ids(marks["user_id"]))
    cols = bundle.gated.tracks.rows_of(as_ids(marks["track_id"]))
    names = as_ids(marks["artist_id"]).cast(artists.ids.type, safe=False)
    numbers = places_in(artists.ids, names)
    whole = np.flatnonzero((rows >= 0) & (numbers >= 0))
    lists = [artists.cols(number) for number in numbers[whole].tolist()]
    single = (rows >= 0) & (cols >= 0)
    owners = np.concatenate([rows[single], np.repeat(rows[whole], [len(each) for each in lists])])
    n_tracks = len(bundle.gated.tracks)
    keys = np.unique(owners * n_tracks + np.concatenate([cols[single], *lists]).astype(np.int64))
    ends = np.searchsorted(keys, np.arange(len(bundle.users.ids) + 1) * n_tracks)
    return Played(ends, (keys % n_tracks).astype(np.int32))
