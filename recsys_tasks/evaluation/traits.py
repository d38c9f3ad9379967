"""What the catalogue says of tracks, as numbers by which lists are told apart: artists, feature values, genres."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.domain import IntArray

NO_FEATURES = ("title", "artist", "artist_id", "released_on", "kind", "available", "plays", "listeners")
GENRES = ("genre", "genres")
"""Names of the feature that says the genre: a text, or several as tags."""
N_CLASSES = 5
"""A fraction counts as the fifth of the catalogue that it lies in, a whole number as itself."""


@dataclass(frozen=True)
class Traits:
    """Of each track column; -1 stands for what the catalogue does not say."""

    artists: IntArray  # (n_tracks,) a number for each artist
    features: IntArray  # (n_tracks, n_features) a number for each value of a feature, of fractions for each class
    genres: sparse.csr_matrix | None  # (n_tracks, n_genres) share of each genre in a track; None: no such feature


def traits_of(names: pa.Table) -> Traits:
    """The traits of the tracks of a candidate.

    Args:
        names: one row a track column: artist, perhaps artist_id, and the features of the catalogue under their names.
            Arrays of tags are no feature by which two tracks simply differ; they are looked at as genres alone.
    """
    by = "artist_id" if "artist_id" in names.column_names else "artist"
    told = {name: names[name].combine_chunks() for name in names.column_names if name not in NO_FEATURES}
    simple = [_codes(values) for values in told.values() if not pa.types.is_list(values.type)]
    features = np.stack(simple, axis=1) if simple else np.empty((len(names), 0), np.int64)
    genre = next((told[name] for name in GENRES if name in told), None)
    return Traits(_codes(names[by].combine_chunks()), features, None if genre is None else _shares(genre))


def _codes(values: pa.Array) -> IntArray:
    """A number for each value, of fractions for each fifth; -1 for null, and for what is no finite number. (n,)"""
    if pa.types.is_floating(values.type):
        numbers = np.asarray(pc.fill_null(values, np.nan))
        known = np.isfinite(numbers)
        edges = np.quantile(numbers[known], np.arange(1, N_CLASSES) / N_CLASSES) if known.any() else np.empty(0)
        return np.where(known, np.searchsorted(edges, numbers, side="right"), -1)
    return numbered(values)


def numbered(values: pa.Array) -> IntArray:
    """A number for each value, -1 for null. (n,)"""
    return np.asarray(pc.fill_null(values.dictionary_encode().indices, -1)).astype(np.int64)


def _shares(values: pa.Array) -> sparse.csr_matrix:
    """A track of n genres belongs to each of them by 1 / n."""
    n_tracks = len(values)
    if pa.types.is_list(values.type):
        rows, flat = np.asarray(pc.list_parent_indices(values)), pc.list_flatten(values)
    else:
        rows, flat = np.arange(n_tracks), values
    cols = _codes(flat.cast(pa.string()))
    rows, cols = rows[cols >= 0], cols[cols >= 0]
    shares = 1 / np.bincount(rows, minlength=n_tracks)[rows]
    return sparse.csr_matrix((shares, (rows, cols)), shape=(n_tracks, int(cols.max(initial=-1)) + 1))
