"""The Annoy index over the track factors: build, open with checks, and ask for similar tracks.

Annoy item i is the track of rank i (``ranked_tracks``), so the index stays dense. It holds the directions of the
tracks, factors scaled to length 1, by Euclidean distance d: the cosine of two tracks is 1 - d^2 / 2. (Annoy's angular
distance is the same number, but its trees part directions by planes through the origin. The tracks of a genre all point
about the same way, so that Annoy hardly finds a plane that parts them, tosses a coin for each track instead, and must
inspect four times as many for the same recall.)

Annoy's file has no header, and Annoy detects no corruption: whoever opens a file compares its digest first; the checks
here are the second line.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from annoy import AnnoyIndex

from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.errors import BadData, CorruptArtefact, StorageError, UnknownId
from recsys_tasks.index.annoy_trees import METRIC, Metric, node_type, write_trees
from recsys_tasks.recommenders.vectors import row_norms

INDEX_FORMAT = 3
"""Version of the way from factors to the file; a candidate's key holds it as ``growing``. Before 2, one thread grew all
trees; before 3, each half of them was an index of its own, and the distance was angular."""
INSPECTED_FOR_EACH = 8
"""Tracks that Annoy inspects for each neighbour that it is asked for: more neighbours took time and added no recall."""
BLOCK_TRACKS = 1 << 14
"""Tracks whose vectors are made at a time: 2.6 MB at 40 factors, which stay in the cache."""
PROBES = 8
"""Items whose neighbours are asked for when an index is opened: one takes about 0.1 ms."""
PROBE_NEIGHBOURS = 5
"""Neighbours whose distances are checked in each probe."""


def build_trees(ranked_factors: FloatArray, file: str, trees: int, seed: int) -> None:
    """Write the index of the ranked tracks to a new file: same input, same bytes.

    The caller makes the file durable.

    Args:
        ranked_factors: (n_indexed, n_factors) float32.
        file: its name; a file of this name is overwritten.
        trees: their number.
        seed: that the trees are drawn from.

    Raises:
        BadData: there is no track, or a factor is not finite or zero.
        StorageError: the file could not be written in full.
    """
    norms = row_norms(ranked_factors).astype(np.float32)
    if not len(norms) or not np.isfinite(norms).all() or not norms.all():
        raise BadData("Annoy would index no track, or one with a zero or non-finite factor. Train on a day with plays.")
    try:
        blocks = (held_vectors(ranked_factors[some], norms[some]) for some in blocks_of(len(norms)))
        write_trees(blocks, file, trees, seed)
    except OSError as error:
        raise StorageError(f"{file}: {error}. Make room or give rights, then rerun.") from None


def metric_of(candidate_key: Mapping[str, Any]) -> Metric:
    """The distance that the index of a candidate was built with: those of before format 3 are read as they were."""
    return METRIC if candidate_key.get("growing", 1) >= 3 else "angular"


def held_vectors(ranked_factors: FloatArray, ranked_norms: FloatArray, metric: Metric = METRIC) -> FloatArray:
    """The vectors that an index holds for tracks: their directions; an angular index, their factors.

    Args:
        ranked_factors: (n, n_factors) float32.
        ranked_norms: (n,) float32, positive.
        metric: of the index.

    Returns:
        (n, n_factors) float32; quotients of float32, which every processor rounds alike.
    """
    return ranked_factors if metric == "angular" else ranked_factors / ranked_norms[:, None]


def blocks_of(n: int) -> Iterator[slice]:
    """Slices of BLOCK_TRACKS that cover n tracks, so that what is made of their vectors stays in the cache."""
    return (slice(start, start + BLOCK_TRACKS) for start in range(0, n, BLOCK_TRACKS))


def stored_vectors(file: str, n_items: int, n_factors: int, metric: Metric = METRIC) -> FloatArray:
    """The vectors of the items in an index file, mapped. (n_items, n_factors) float32."""
    return np.asarray(np.memmap(file, node_type(n_factors, metric), mode="r", shape=n_items)["vector"])


def open_index(file: str, n_items: int, n_factors: int, metric: Metric = METRIC) -> Any:
    """Map the index after the checks that Annoy does not make; the caller has compared its digest.

    Raises:
        CorruptArtefact: the file is missing, has another size, item count or dimension, or answers a probe wrongly.
    """
    remedy = "Restore the file from its bundle, or build the index again."
    index, node = AnnoyIndex(n_factors, metric), node_type(n_factors, metric)
    probes = np.linspace(0, n_items - 1, min(PROBES, n_items)).astype(int)
    try:
        size = os.stat(file).st_size
        if size % node.itemsize or size <= n_items * node.itemsize:
            raise CorruptArtefact(f"{file}: {size} bytes do not hold {n_items} items of {n_factors} factors. {remedy}")
        if not _is_of(metric, np.memmap(file, node, mode="r")[probes]):
            raise CorruptArtefact(
                f"{file}: its items are not those of an index of {n_factors} factors, {metric} distances. {remedy}"
            )
        index.load(file)
    except OSError as error:
        raise CorruptArtefact(f"{file}: {error}. {remedy}") from None
    if index.get_n_items() != n_items:
        raise CorruptArtefact(f"{file}: {index.get_n_items()} items, expected {n_items}. {remedy}")
    for item in probes:
        if not _answers_truly(index, int(item)):
            raise CorruptArtefact(f"{file}: the neighbours of item {item} are not where it says. {remedy}")
    return index


def _is_of(metric: Metric, items: npt.NDArray[Any]) -> bool:
    """Whether the items are those of an index of this metric.

    An item of a Euclidean index has length 1; one of an angular index has its squared length beside it. A file of
    another metric, with as many items and nodes of the same size, would kill the process at the first search.
    """
    squared = np.square(items["vector"]).sum(axis=1)
    if metric == "angular":
        return bool(np.allclose(items["children"][:, 0].copy().view(np.float32), squared, rtol=1e-4))
    return bool(np.allclose(squared, 1, rtol=1e-4))


def _answers_truly(index: Any, item: int) -> bool:
    """Whether the item's vector is sound, and its neighbours lie as far from it as Annoy says.

    Nothing asks whether the item is its own neighbour: among many parallel vectors Annoy splits at random, and a short
    search may miss the item itself.
    """
    vector = np.array(index.get_item_vector(item))
    if not np.isfinite(vector).all() or not vector.any():
        return False
    items, distances = index.get_nns_by_vector(vector.tolist(), PROBE_NEIGHBOURS, include_distances=True)
    if not items or not 0 <= min(items) <= max(items) < index.get_n_items():
        return False
    others = np.array([index.get_item_vector(other) for other in items])  # (n_found, n_factors)
    cosines = others @ vector / (np.linalg.norm(others, axis=1) * np.linalg.norm(vector))
    return bool(np.allclose(2 - 2 * cosines, np.square(distances), atol=1e-3))


def find_similar(index: Any, rank: int, k: int, search_k: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """The k tracks nearest to a track by cosine, nearest first, without the track itself.

    The list is shorter where fewer tracks exist, or where Annoy meets fewer.

    Args:
        index: as ``open_index`` returns it.
        rank: of the track.
        k: length of the list.
        search_k: number of tracks that Annoy inspects.

    Returns:
        ranks (at most k,) and cosines (at most k,) float32.

    Raises:
        UnknownId: the index has no such rank.
    """
    if not 0 <= rank < index.get_n_items():
        raise UnknownId(f"Rank {rank} is not among the {index.get_n_items()} indexed tracks.")
    items, distances = index.get_nns_by_item(rank, k + 1, search_k, include_distances=True)
    ranks, cosines = np.array(items, dtype=np.int32), 1 - np.square(distances, dtype=np.float32) / 2
    others = ranks != rank  # with many equal vectors the track itself may be missing from the answer
    return ranks[others][:k], np.asarray(cosines[others][:k], dtype=np.float32)


def find_near(index: Any, vector: FloatArray, search_k: int) -> npt.NDArray[np.int64]:
    """Ranks (at most search_k / INSPECTED_FOR_EACH,) that Annoy finds near a vector (n_factors,), rising."""
    direction = vector / (np.linalg.norm(vector) or 1)
    nearest = index.get_nns_by_vector(direction.tolist(), -(-search_k // INSPECTED_FOR_EACH), search_k)
    return np.sort(np.array(nearest, dtype=np.int64))
