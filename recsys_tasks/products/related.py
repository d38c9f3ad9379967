"""Artists like an artist: those whom the same listeners play, ranked by co-listening, factors and tags together.

Co-listening is the cosine of ``recommenders.nearest_tracks`` over artists instead of tracks, so that two artists are as
near to each other from either side; a pair with too few common listeners does not count. Of what co-listening names,
the z-scores of its cosine, of the cosine of the artists' mean directions, and of that of their tags (tf-idf) are added.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.products.filters import column_of
from recsys_tasks.products.lists import ArtistLists
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.blend import weighted_sum
from recsys_tasks.recommenders.pools import standardised

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RelatedArtists:
    """What makes artists alike, computed when it is first needed."""

    view: ReleaseView

    @cached_property
    def listening(self) -> sparse.csr_matrix:
        """(n_users, n_artists) 1 where a listener played any of the artist's tracks."""
        artists, played = self.view.artists.of_col[self.view.played.cols], self.view.played
        known = artists >= 0
        owners = played.owners[known]
        shape = (len(played.indptr) - 1, len(self.view.artists))
        found = sparse.csr_matrix((np.ones(len(owners), np.float32), (owners, artists[known])), shape=shape)
        found.data[:] = 1
        return found

    @cached_property
    def listeners(self) -> IntArray:
        """Number of listeners of each artist. (n_artists,)."""
        return np.bincount(self.listening.indices, minlength=len(self.view.artists))

    @cached_property
    def _of_artist(self) -> sparse.csr_matrix:
        return self.listening.T.tocsr()

    @cached_property
    def directions(self) -> FloatArray:
        """Mean direction of each artist's tracks, of length 1; zero where no track has a factor. (n_artists, f)."""
        of_col = self.view.artists.of_col
        cols = np.flatnonzero((of_col >= 0) & (self.view.tracks.col_ranks >= 0))
        shape = (len(self.view.artists), len(of_col))
        sums = sparse.csr_matrix((np.ones(len(cols), np.float32), (of_col[cols], cols)), shape=shape)
        return _unit(np.asarray(sums[:, cols] @ self.view.directions(cols)))

    @cached_property
    def tags(self) -> sparse.csr_matrix | None:
        """Tags of each artist's tracks, tf-idf of length 1. (n_artists, n_tags); None without tags."""
        if not self.view.settings.tags:
            return None
        lists = column_of(self.view.bundle.names.table, self.view.settings.tags).combine_chunks()
        return tag_vectors(lists, self.view.artists.of_col, len(self.view.artists))

    def near(self, artists: IntArray, k: int) -> ArtistLists:
        """The k artists that are most like each of some artists.

        Args:
            artists: (n_lists,) their numbers.
            k: length of the lists.
        """
        settings = self.view.settings
        width = max(k, settings.related_candidates)
        cols, cosines = self._co_listening(artists, width)
        there = cols >= 0
        by_tags = np.zeros(cols.shape) if self.tags is None else self._by_tags(self.tags, artists, cols)
        parts: tuple[Scores, ...] = (
            np.where(there, cosines, 0).astype(np.float64),
            self._by_factors(artists, cols),
            by_tags,
        )
        total = weighted_sum(np.stack([standardised(part, there) for part in parts]), settings.related_weights)
        total[~there] = -np.inf
        order = np.argsort(-total, axis=1, kind="stable")[:, :k]
        found, scores = (np.take_along_axis(values, order, axis=1) for values in (cols, total))
        return ArtistLists(found.astype(np.int32), scores.astype(np.float32))

    def _co_listening(self, artists: IntArray, width: int) -> tuple[IntArray, FloatArray]:
        """Artists with enough common listeners, nearest first, and their cosines; -1 and 0 behind them."""
        settings = self.view.settings
        cols, cosines = np.full((len(artists), width), -1, np.int64), np.zeros((len(artists), width), np.float32)
        norms = np.sqrt(self.listeners + settings.related_shrinkage)
        for place, artist in enumerate(artists):
            common = np.asarray(self._of_artist[[artist]].dot(self.listening).todense())[0]
            common[artist] = 0  # nobody is related to themselves
            found = np.flatnonzero(common >= settings.related_listeners)
            near = common[found] / (norms[artist] * norms[found])
            best = np.argsort(-near, kind="stable")[:width]
            cols[place, : len(best)], cosines[place, : len(best)] = found[best], near[best]
        return cols, cosines

    def _by_factors(self, artists: IntArray, cols: IntArray) -> Scores:
        return np.asarray(np.einsum("nf,nkf->nk", self.directions[artists], self.directions[cols], dtype=np.float64))

    def _by_tags(self, tags: sparse.csr_matrix, artists: IntArray, cols: IntArray) -> Scores:
        rows = np.repeat(artists, cols.shape[1])
        both = tags[rows].multiply(tags[cols.ravel()]).sum(axis=1)
        return np.asarray(np.reshape(both, cols.shape), dtype=np.float64)


def tag_vectors(lists: pa.Array, owner_of: IntArray, n_owners: int) -> sparse.csr_matrix:
    """Tags of each owner's rows: counts times log(owners / owners of the tag), of length 1. (n_owners, n_tags).

    Args:
        lists: (n_rows,) arrays of text.
        owner_of: (n_rows,) whose each row is; -1: nobody's.
        n_owners: their number.
    """
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
    tags = pc.dictionary_encode(lists.flatten())
    owners, numbers = np.repeat(owner_of, lengths), np.asarray(pc.fill_null(tags.indices, -1))
    known = (owners >= 0) & (numbers >= 0)
    cells = (np.ones(int(known.sum())), (owners[known], numbers[known]))
    counts = sparse.csr_matrix(cells, shape=(n_owners, len(tags.dictionary)))
    rarity = np.log(n_owners / np.maximum(np.bincount(counts.indices, minlength=counts.shape[1]), 1))
    found = counts.multiply(rarity[None]).tocsr()
    norms = np.sqrt(np.asarray(found.multiply(found).sum(axis=1))[:, 0])
    return sparse.diags_array(1 / np.where(norms > 0, norms, 1)).dot(found).tocsr()


def _unit(vectors: FloatArray) -> FloatArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)
