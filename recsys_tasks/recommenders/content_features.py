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

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.config import CATALOGUE_COLUMNS
from recsys_tasks.core.domain import Ids

BINS = 16
"""Bins of a number at the least; more where one would hold too many tracks."""
WORD_BREAK = r"[^\p{L}\p{N}]+"


def content_features(snapshot: pa.Table, ids: Ids, weights: Mapping[str, float], most_tracks: int) -> sparse.csr_matrix:
    """The features of tracks. (n_tracks, n_columns) float32; a track that the snapshot does not know has none.

    Args:
        snapshot: one row a track, as the source's catalogue was read.
        ids: (n_tracks,) of the tracks.
        weights: name of a feature -> factor of its terms, 1 for one that is not named, 0 to leave it out.
        most_tracks: terms of more tracks are left out, and bins of numbers made so narrow that they hold no more.
    """
    places = pc.index_in(ids, value_set=_whole(snapshot["track_id"]))
    blocks = [sparse.csr_matrix((len(ids), 0))]
    for name, column in _features(snapshot):
        weight = weights.get(name, 1.0)
        if weight > 0:
            blocks.append(weight * _weighed(_counts(name, column.take(places), most_tracks), most_tracks))
    return _of_length_one(sparse.hstack(blocks, format="csr"))


def _features(snapshot: pa.Table) -> Iterator[tuple[str, pa.Array]]:
    """Name and column of each feature; the artist's name stands for an artist without an id."""
    artist = _whole(snapshot["artist_id"])
    yield "artist", _whole(snapshot["artist"]) if artist.null_count == len(artist) else artist
    for name in snapshot.column_names:
        if name not in CATALOGUE_COLUMNS:
            yield name, _whole(snapshot[name])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _counts(name: str, column: pa.Array, most_tracks: int) -> sparse.csr_matrix:
    """How often each track has each term of a feature. (n_tracks, n_terms)."""
    kind, rows = column.type, pa.array(np.arange(len(column)))
    if pa.types.is_list(kind):
        return _terms(pc.list_parent_indices(column), pc.list_flatten(column), len(column))
    if pa.types.is_string(kind) and name != "artist":
        words = pc.split_pattern_regex(pc.utf8_lower(column), WORD_BREAK)
        rows = pa.concat_arrays([pc.list_parent_indices(words), rows])
        return _terms(rows, pa.concat_arrays([pc.list_flatten(words), column]), len(column))
    if name == "artist" or name.endswith("_id") or pa.types.is_boolean(kind):
        return _terms(rows, column.cast(pa.string()), len(column))
    return _bins(column, most_tracks)


def _terms(rows: pa.Array, terms: pa.Array, n_tracks: int) -> sparse.csr_matrix:
    """Terms that stand in rows, counted; the columns are in the order of the terms. (n_tracks, n_terms)."""
    there = pc.fill_null(pc.greater(pc.utf8_length(terms), 0), False)
    coded = terms.filter(there).dictionary_encode()
    place = np.argsort(np.asarray(pc.sort_indices(coded.dictionary)))
    cells = np.asarray(rows.filter(there)), place[np.asarray(coded.indices)]
    return sparse.csr_matrix((np.ones(len(cells[0])), cells), shape=(n_tracks, len(place)))


def _weighed(counts: sparse.csr_matrix, most_tracks: int) -> sparse.csr_matrix:
    """tf-idf of the terms that tell tracks apart."""
    n_with = np.bincount(counts.indices, minlength=counts.shape[1])
    n_described = int(np.count_nonzero(np.diff(counts.indptr)))
    telling = (n_with > 1) & (n_with <= most_tracks)
    return (counts[:, telling] @ sparse.diags_array(np.log(n_described / n_with[telling]))).tocsr()


def _bins(column: pa.Array, most_tracks: int) -> sparse.csr_matrix:
    """Numbers by their rank among all, in the two nearest bins. (n_tracks, n_bins)."""
    known = np.flatnonzero(np.asarray(column.is_valid()))
    values = np.asarray(column.take(pa.array(known))).astype(np.float64)
    distinct, inverse, n_equal = np.unique(values, return_inverse=True, return_counts=True)
    n_bins = min(max(BINS, -(-2 * len(known) // most_tracks)), max(1, len(known) // 2)) + 1
    if len(distinct) < 2:
        return sparse.csr_matrix((len(column), n_bins))
    middle = np.cumsum(n_equal) - (n_equal + 1) / 2  # the mean rank of equal values
    places = (middle / (len(known) - 1) * (n_bins - 1))[inverse]
    lower = np.minimum(places.astype(np.int64), n_bins - 2)
    upper_share = places - lower
    cells = np.concatenate([known, known]), np.concatenate([lower, lower + 1])
    shares = np.concatenate([1 - upper_share, upper_share])
    found = sparse.csr_matrix((shares, cells), shape=(len(column), n_bins))
    found.eliminate_zeros()
    return found


def _of_length_one(terms: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each row divided by its length; an empty one stays empty. float32."""
    terms.eliminate_zeros()
    lengths = np.sqrt(np.asarray(terms.multiply(terms).sum(axis=1)).ravel())
    shares = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    found = sparse.csr_matrix(sparse.diags_array(shares) @ terms, dtype=np.float32)
    found.sort_indices()
    return found
