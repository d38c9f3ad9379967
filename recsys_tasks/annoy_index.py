"""The Annoy index over the track factors: build, open with checks, and ask for similar tracks.

Annoy item i is the track of rank i (``ranked_tracks``), so the index stays dense. The distance is angular. Annoy has no
header and detects no corruption: whoever opens a file compares its digest first; the checks here are the second line.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from annoy import AnnoyIndex

from recsys_tasks.annoy_trees import METRIC, grow, node_type
from recsys_tasks.domain import FloatArray, IntArray
from recsys_tasks.errors import BadData, CorruptArtefact, StorageError, UnknownId

GROWING = 2
"""Of the way from factors to the file; part of a candidate's identity. Before 2, one thread grew all trees."""
NEAREST = 8
"""Annoy hands on the nearest one in so many of the tracks it inspects: more took time, and added no recall."""
PROBED = 5
"""Neighbours looked at in each probe."""
PROBES = 8
"""Items asked for themselves when an index is opened."""


def build_index(ranked_factors: FloatArray, path: Path, trees: int, seed: int) -> None:
    """Write the index of ranked_factors (n_indexed, n_factors) to a fresh path: same input, same bytes.

    The caller syncs and renames; while the trees grow, their parts lie beside the path.

    Raises:
        BadData: there is no track, or a factor is not finite or zero.
        StorageError: the file could not be written in full.
    """
    if not len(ranked_factors) or not np.isfinite(ranked_factors).all() or not ranked_factors.any(axis=1).all():
        raise BadData("Annoy would index no track, or one with a zero or non-finite factor. Train on a day with plays.")
    try:
        grow(ranked_factors, path, trees, seed)
    except OSError as error:
        raise StorageError(f"{path}: {error}. Make room or give rights, then rerun.") from None


def open_index(path: Path, n_items: int, n_factors: int) -> Any:
    """Map the index after the checks that Annoy does not make; its digest was compared before.

    Raises:
        CorruptArtefact: the file is missing, has another size, item count or dimension, or answers a probe wrongly.
    """
    remedy = "Restore the file from its bundle, or build the index again."
    index, node = AnnoyIndex(n_factors, METRIC), node_type(n_factors)
    probes = np.linspace(0, n_items - 1, min(PROBES, n_items)).astype(int)
    try:
        size = path.stat().st_size
        if size % node.itemsize or size <= n_items * node.itemsize:
            raise CorruptArtefact(f"{path}: {size} bytes do not hold {n_items} items of {n_factors} factors. {remedy}")
        if not _is_angular(path, probes, node):
            raise CorruptArtefact(
                f"{path}: its items are not those of an index of {n_factors} factors, {METRIC} distances. {remedy}"
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


def _is_angular(path: Path, items: IntArray, node: np.dtype[Any]) -> bool:
    """Whether beside these vectors stands their own squared length, which Annoy keeps for this metric alone.

    A file of another metric, with as many items and nodes of the same size, would kill the process at the first search.
    """
    nodes = np.memmap(path, node, mode="r")[items]
    squared = nodes["children"][:, 0].copy().view(np.float32)
    return bool(np.allclose(squared, np.square(nodes["vector"]).sum(axis=1), rtol=1e-4))


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
    nearest = index.get_nns_by_vector(vector.tolist(), -(-search_k // NEAREST), search_k)
    return np.sort(np.array(nearest, dtype=np.int64))
