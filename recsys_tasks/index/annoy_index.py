"""The Annoy index over the track factors: build, open with checks, and ask for similar tracks.

Annoy item i is the track of rank i (``ranked_tracks``), so the index stays dense. It holds the directions of the
tracks, factors scaled to length 1, by Euclidean distance d: the cosine of two tracks is 1 - d^2 / 2. (Annoy's angular
distance is the same number, but its trees part directions by planes through the origin. In a genre, whose tracks all
point about the same way, it hardly finds one that parts them, tosses a coin for each track instead, and four times as
many must be looked at for the same recall.)

Annoy has no header and detects no corruption: whoever opens a file compares its digest first; the checks here are the
second line.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from annoy import AnnoyIndex

from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.errors import BadData, CorruptArtefact, StorageError, UnknownId
from recsys_tasks.index.annoy_trees import METRIC, Metric, grow, node_type
from recsys_tasks.recommenders.vectors import row_norms

GROWING = 3
"""Of the way from factors to the file; part of a candidate's identity. Before 2, one thread grew all trees; before
3, each half of them was an index of its own, and the distance was angular."""
NEAREST = 8
"""Annoy hands on the nearest one in so many of the tracks it inspects: more took time, and added no recall."""
TOGETHER = 1 << 14
"""Tracks in a block: 2.6 MB at 40 factors."""
PROBED = 5
"""Neighbours looked at in each probe."""
PROBES = 8
"""Items asked for themselves when an index is opened."""


def build_index(ranked_factors: FloatArray, path: Path, trees: int, seed: int) -> None:
    """Write the index of ranked_factors (n_indexed, n_factors) to a fresh path: same input, same bytes.

    The caller syncs and renames.

    Raises:
        BadData: there is no track, or a factor is not finite or zero.
        StorageError: the file could not be written in full.
    """
    norms = row_norms(ranked_factors).astype(np.float32)
    if not len(norms) or not np.isfinite(norms).all() or not norms.all():
        raise BadData("Annoy would index no track, or one with a zero or non-finite factor. Train on a day with plays.")
    try:
        grow((held_vectors(ranked_factors[some], norms[some]) for some in blocks_of(len(norms))), path, trees, seed)
    except OSError as error:
        raise StorageError(f"{path}: {error}. Make room or give rights, then rerun.") from None


def metric_of(candidate_key: Mapping[str, Any]) -> Metric:
    """By which distance the index of a candidate was built: those of before ``growing`` 3 are read as they were."""
    return METRIC if candidate_key.get("growing", 1) >= 3 else "angular"


def held_vectors(ranked_factors: FloatArray, ranked_norms: FloatArray, metric: Metric = METRIC) -> FloatArray:
    """What an index holds of tracks: their directions, an angular one the factors. (n, n_factors) float32.

    Quotients of float32, which every processor rounds alike.

    Args:
        ranked_factors: (n, n_factors) float32.
        ranked_norms: (n,) float32, positive.
        metric: of the index.
    """
    return ranked_factors if metric == "angular" else ranked_factors / ranked_norms[:, None]


def blocks_of(n: int) -> Iterator[slice]:
    """All of n tracks in blocks, so that what is made of their vectors stays in the cache."""
    return (slice(start, start + TOGETHER) for start in range(0, n, TOGETHER))


def stored_vectors(path: Path, n_items: int, n_factors: int, metric: Metric = METRIC) -> FloatArray:
    """What an index file holds of its items, mapped. (n_items, n_factors) float32."""
    return np.asarray(np.memmap(path, node_type(n_factors, metric), mode="r", shape=n_items)["vector"])


def open_index(path: Path, n_items: int, n_factors: int, metric: Metric = METRIC) -> Any:
    """Map the index after the checks that Annoy does not make; its digest was compared before.

    Raises:
        CorruptArtefact: the file is missing, has another size, item count or dimension, or answers a probe wrongly.
    """
    remedy = "Restore the file from its bundle, or build the index again."
    index, node = AnnoyIndex(n_factors, metric), node_type(n_factors, metric)
    probes = np.linspace(0, n_items - 1, min(PROBES, n_items)).astype(int)
    try:
        size = path.stat().st_size
        if size % node.itemsize or size <= n_items * node.itemsize:
            raise CorruptArtefact(f"{path}: {size} bytes do not hold {n_items} items of {n_factors} factors. {remedy}")
        if not _is_of(metric, np.memmap(path, node, mode="r")[probes]):
            raise CorruptArtefact(
                f"{path}: its items are not those of an index of {n_factors} factors, {metric} distances. {remedy}"
            )
        index.load(str(path))
    except OSError as error:
        raise CorruptArtefact(f"{path}: {error}. {remedy}") from None
    if index.get_n_items() != n_items:
        raise CorruptArtefact(f"{path}: {index.get_n_items()} items, expected {n_items}. {remedy}")
    for item in probes:
        if not _answers_truly(index, int(item)):
            raise CorruptArtefact(f"{path}: the neighbours of item {item} are not where it says. {remedy}")
    return index


def _is_of(metric: Metric, items: npt.NDArray[Any]) -> bool:
    """Whether these are items of such an index: of length 1, or with their squared length beside them.

    A file of another metric, with as many items and nodes of the same size, would kill the process at the first search.
    """
    squared = np.square(items["vector"]).sum(axis=1)
    if metric == "angular":
        return bool(np.allclose(items["children"][:, 0].copy().view(np.float32), squared, rtol=1e-4))
    return bool(np.allclose(squared, 1, rtol=1e-4))


def _answers_truly(index: Any, item: int) -> bool:
    """Whether a sound vector is stored, and its neighbours lie as far from it as Annoy says.

    That the item is its own neighbour cannot be asked: among many parallel vectors Annoy splits at random, and a short
    search may miss the item itself.
    """
    vector = np.array(index.get_item_vector(item))
    if not np.isfinite(vector).all() or not vector.any():
        return False
    items, distances = index.get_nns_by_vector(vector.tolist(), PROBED, include_distances=True)
    if not items or not 0 <= min(items) <= max(items) < index.get_n_items():
        return False
    others = np.array([index.get_item_vector(other) for other in items])  # (n_found, n_factors)
    cosines = others @ vector / (np.linalg.norm(others, axis=1) * np.linalg.norm(vector))
    return bool(np.allclose(2 - 2 * cosines, np.square(distances), atol=1e-3))


def similar(index: Any, rank: int, k: int, search_k: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """The k nearest tracks by cosine, nearest first, without the track itself; fewer where fewer exist or are met.

    Returns:
        ranks (at most k,) and cosines (at most k,).

    Raises:
        UnknownId: the index has no such rank.
    """
    if not 0 <= rank < index.get_n_items():
        raise UnknownId(f"Rank {rank} is not among the {index.get_n_items()} indexed tracks.")
    items, distances = index.get_nns_by_item(rank, k + 1, search_k, include_distances=True)
    ranks, cosines = np.array(items, dtype=np.int32), 1 - np.square(distances, dtype=np.float32) / 2
    others = ranks != rank  # with many equal vectors the track itself may be missing from the answer
    return ranks[others][:k], np.asarray(cosines[others][:k], dtype=np.float32)


def neighbours(index: Any, vector: FloatArray, search_k: int) -> npt.NDArray[np.int64]:
    """Ranks of the tracks that Annoy finds near a vector (n_factors,), rising. (search_k / NEAREST at most,)."""
    direction = vector / (np.linalg.norm(vector) or 1)
    nearest = index.get_nns_by_vector(direction.tolist(), -(-search_k // NEAREST), search_k)
    return np.sort(np.array(nearest, dtype=np.int64))
