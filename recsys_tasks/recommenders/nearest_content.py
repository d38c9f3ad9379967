"""Which tracks are most alike by their features: a product of sparse matrices, some rows at a time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.recommenders.best_of_rows import best_of_rows, kept_of, least_of_full, with_rows
from recsys_tasks.recommenders.in_blocks import PRODUCTS, in_blocks, stacked, work_of
from recsys_tasks.recommenders.vectors import Played


@dataclass(frozen=True)
class Before:
    """What an earlier day found, in today's columns."""

    nearest: sparse.csr_matrix  # (n_tracks, n_tracks) float32: row i holds the nearest of track i, in any order
    settled: BoolArray  # (n_tracks,) has the same features as then
    known: BoolArray  # (n_tracks,) could be chosen then


def nearest_content(
    features: sparse.csr_matrix,
    known: IntArray,
    n_nearest: int,
    products: int = PRODUCTS,
    before: Before | None = None,
    threads: int = 1,
) -> sparse.csr_matrix:
    """Similarities of each known track to the tracks that have it among their nearest. (n_tracks, n_tracks) float32.

    Column i holds the ``n_nearest`` known tracks that are most like track i, without itself; of equal ones the lowest.
    The lists of an earlier day spare most of the products and change no answer: of two tracks whose features are the
    same as then, the similarity is too, so that only the others can enter a list or leave it.

    Args:
        features: (n_tracks, n_columns) float32.
        known: (n_known,) columns of the tracks to choose from, rising.
        n_nearest: how many are kept.
        products: that are computed together, which bounds the memory and changes no answer.
        before: the same of an earlier day.
        threads: that share the work; they change no answer.
    """
    every = np.arange(features.shape[0])
    if before is None:
        return _as_columns(_products(features, every, known, np.zeros(len(every)), n_nearest, products, threads))
    chosen = np.isin(every, known)
    stays = before.settled & before.known & chosen
    kept = kept_of(before.nearest, stays[before.nearest.indices])
    full, lost = np.diff(before.nearest.indptr) >= n_nearest, np.diff(kept.indptr) < np.diff(before.nearest.indptr)
    anew = ~before.settled | (full & lost)  # what stood behind the last one of a full list is not known
    settled, others = np.flatnonzero(~anew), np.flatnonzero(chosen & ~stays)
    least = least_of_full(kept[settled], n_nearest)
    new = _products(features, settled, others, least, n_nearest, products, threads)
    grown = np.flatnonzero(np.diff(new.indptr))
    earlier = sparse.csr_matrix(kept[settled[grown]])
    earlier.sort_indices()
    best = best_of_rows(sparse.csr_matrix(earlier + new[grown]), n_nearest)
    rows = np.flatnonzero(anew)
    whole = _products(features, rows, known, np.zeros(len(rows)), n_nearest, products, threads)
    return _as_columns(with_rows(kept, (settled[grown], best), (rows, whole)))


def _products(
    features: sparse.csr_matrix,
    rows: IntArray,
    choice: IntArray,
    least: npt.NDArray[np.floating],
    n_nearest: int,
    products: int,
    threads: int,
) -> sparse.csr_matrix:
    """The nearest of some rows among some tracks, as far as they reach what is the least. (n_rows, n_tracks)."""
    n_tracks, chosen = features.shape[0], sparse.csr_matrix(features[choice].T)  # (n_columns, n_choice)
    places = np.full(n_tracks, -1)
    places[choice] = np.arange(len(choice))
    asked, own_places = features[rows], places[rows]

    def nearest(start: int, end: int) -> sparse.csr_matrix:
        alike = sparse.csr_matrix(asked[start:end] @ chosen)
        own, enough = (np.repeat(of[start:end], np.diff(alike.indptr)) for of in (own_places, least))
        alike = kept_of(alike, (alike.data >= enough) & (alike.indices != own))
        return best_of_rows(alike, n_nearest)

    parts = in_blocks(nearest, work_of(Played(asked.indptr, asked.indices), chosen), products, threads)
    found = stacked(parts, len(choice), threads)
    return sparse.csr_matrix((found.data, choice[found.indices], found.indptr), shape=(len(rows), n_tracks))


def _as_columns(nearest: sparse.csr_matrix) -> sparse.csr_matrix:
    """Row i of what was the nearest of track i becomes column i; columns rise in each row."""
    found = sparse.csr_matrix(nearest.T)
    found.sort_indices()
    return found
