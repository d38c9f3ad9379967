"""What the catalogue says of tracks, as one sparse matrix: two rows' inner product is the cosine of two tracks.

Each feature gives a track some terms, whose weights are tf-idf, tf * log(n / n_t), with n tracks that have the feature
and n_t of them the term (Salton and Buckley, 1988). All terms of a track together are a vector of length 1.

    artist, whole numbers called *_id, true or false   one term for each value
    tags                                               one term each
    text                                               its words, and the whole text, which names an album
    numbers                                            the two nearest of evenly filled bins, the nearer one more

A term of one track alone says nothing; one of very many makes them all alike, at the price of a pair for any two.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, Ids
from recsys_tasks.core.keyed_random import keyed_hash, mix
from recsys_tasks.core.source import CATALOGUE_COLUMNS

BINS = 16
"""Bins of a number at the least; more where one would hold too many tracks."""
STEPS = 16
"""Steps of idf, and of a place between two bins, in a unit."""
Counted: TypeAlias = tuple[sparse.csr_matrix, pa.Array]
"""(n_tracks, n_terms), and the (n_terms,) terms."""
WORD_BREAK = r"[^\p{L}\p{N}]+"


@dataclass(frozen=True)
class Described:
    """What the catalogue says of tracks."""

    features: sparse.csr_matrix  # (n_tracks, n_columns) float32; empty rows for tracks that it does not know
    marks: npt.NDArray[np.uint64]  # (n_tracks,) equal for equal terms and weights, on whatever day


def content_features(
    snapshot: pa.Table,
    ids: Ids,
    weights: Mapping[str, float],
    most_tracks: int,
    counted: BoolArray | None = None,
) -> Described:
    """The features of tracks.

    Args:
        snapshot: one row a track, as the source's catalogue was read.
        ids: (n_tracks,) of the tracks.
        weights: name of a feature -> factor of its terms, 1 for one that is not named, 0 to leave it out.
        most_tracks: terms of more tracks are left out, and bins of numbers made so narrow that they hold no more.
        counted: (n_tracks,) whose terms and numbers decide idf and bins; None: all.
    """
    counted = np.ones(len(ids), dtype=bool) if counted is None else counted
    places = pc.index_in(ids, value_set=_whole(snapshot["track_id"]))
    blocks, keys = [sparse.csr_matrix((len(ids), 0))], [np.zeros(0, np.uint64)]
    for name, column in _features(snapshot):
        weight = weights.get(name, 1.0)
        if weight > 0:
            terms, own = _weighed(*_counts(name, column.take(places), most_tracks, counted), most_tracks, counted)
            blocks.append(weight * terms)
            keys.append(keyed_hash(own, name))
    features = _of_length_one(sparse.hstack(blocks, format="csr"))
    return Described(features, _marks(features, np.concatenate(keys)))


def _marks(features: sparse.csr_matrix, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A hash of each row's terms and weights. keys: (n_columns,) of the terms."""
    cells = mix(keys[features.indices] ^ mix(features.data.view(np.uint32).astype(np.uint64)))
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(cells)])  # modulo 2^64
    return np.asarray(total[features.indptr[1:]] - total[features.indptr[:-1]])


def _features(snapshot: pa.Table) -> Iterator[tuple[str, pa.Array]]:
    """Name and column of each feature; the artist's name stands for an artist without an id."""
    artist = _whole(snapshot["artist_id"])
    yield "artist", _whole(snapshot["artist"]) if artist.null_count == len(artist) else artist
    for name in snapshot.column_names:
        if name not in CATALOGUE_COLUMNS:
            yield name, _whole(snapshot[name])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _counts(name: str, column: pa.Array, most_tracks: int, counted: BoolArray) -> Counted:
    """How often each track has each term of a feature (n_tracks, n_terms), and these terms."""
    kind, rows = column.type, pa.array(np.arange(len(column)))
    if pa.types.is_list(kind):
        return _terms(pc.list_parent_indices(column), pc.list_flatten(column), len(column))
    if pa.types.is_string(kind) and name != "artist":
        words = pc.split_pattern_regex(pc.utf8_lower(column), WORD_BREAK)
        rows = pa.concat_arrays([pc.list_parent_indices(words), rows])
        return _terms(rows, pa.concat_arrays([pc.list_flatten(words), column]), len(column))
    if name == "artist" or name.endswith("_id") or pa.types.is_boolean(kind):
        return _terms(rows, column.cast(pa.string()), len(column))
    return _bins(column, most_tracks, counted)


def _terms(rows: pa.Array, terms: pa.Array, n_tracks: int) -> Counted:
    """Terms that stand in rows, counted; the columns are in the order of the terms. (n_tracks, n_terms)."""
    there = pc.fill_null(pc.greater(pc.utf8_length(terms), 0), False)
    coded = terms.filter(there).dictionary_encode()
    order = pc.sort_indices(coded.dictionary)
    place = np.argsort(np.asarray(order))
    cells = np.asarray(rows.filter(there)), place[np.asarray(coded.indices)]
    counts = sparse.csr_matrix((np.ones(len(cells[0])), cells), shape=(n_tracks, len(place)))
    return counts, coded.dictionary.take(order)


def _weighed(counts: sparse.csr_matrix, terms: pa.Array, most_tracks: int, counted: BoolArray) -> Counted:
    """tf-idf of the terms that tell tracks apart, and these; one that no counted track has is as rare as one can be."""
    n_with = np.bincount(counts.indices, minlength=counts.shape[1])
    telling = (n_with > 1) & (n_with <= most_tracks)
    of_counted = counts[counted]
    n_counted = np.maximum(np.bincount(of_counted.indices, minlength=counts.shape[1])[telling], 1)
    n_described = max(int(np.count_nonzero(np.diff(of_counted.indptr))), 1)
    found = (counts[:, telling] @ sparse.diags_array(_stepped(np.log(n_described / n_counted)))).tocsr()
    return found, terms.filter(pa.array(telling))


def _bins(column: pa.Array, most_tracks: int, counted: BoolArray) -> Counted:
    """Numbers by their rank among those of the counted tracks, in the two nearest bins. (n_tracks, n_bins)."""
    known = np.flatnonzero(np.asarray(column.is_valid()))
    values = np.asarray(column.take(pa.array(known))).astype(np.float64)
    ranked = values[counted[known]]
    distinct, n_equal = np.unique(ranked, return_counts=True)
    n_bins = min(max(BINS, -(-2 * len(ranked) // most_tracks)), max(1, len(ranked) // 2)) + 1
    names = pa.array(range(n_bins), pa.int64())
    if len(distinct) < 2:
        return sparse.csr_matrix((len(column), n_bins)), names
    middle = np.cumsum(n_equal) - (n_equal + 1) / 2  # the mean rank of equal values
    places = _stepped(np.interp(values, distinct, middle / (len(ranked) - 1) * (n_bins - 1)))
    lower = np.minimum(places.astype(np.int64), n_bins - 2)
    upper_share = places - lower
    cells = np.concatenate([known, known]), np.concatenate([lower, lower + 1])
    shares = np.concatenate([1 - upper_share, upper_share])
    found = sparse.csr_matrix((shares, cells), shape=(len(column), n_bins))
    found.eliminate_zeros()
    return found, names


def _stepped(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """In steps, so that a few tracks more or less leave nearly all values as they were."""
    return np.asarray(np.round(values * STEPS) / STEPS)


def _of_length_one(terms: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each row divided by its length; an empty one stays empty. float32."""
    terms.eliminate_zeros()
    lengths = np.sqrt(np.asarray(terms.multiply(terms).sum(axis=1)).ravel())
    shares = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    found = sparse.csr_matrix(sparse.diags_array(shares) @ terms, dtype=np.float32)
    found.sort_indices()
    return found
