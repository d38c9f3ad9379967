"""Grow the trees of an Annoy index in several threads: same input, same bytes.

Annoy's own threads number the nodes as they come to them, so its bytes differ from run to run. Here every part of the
trees is an index of its own, grown by one thread from a seed of its own, and the parts are joined into one file.

Annoy's file (``annoylib.h``, release 1.17) is an array of nodes of one size, without a header: the items, the inner
nodes of all trees, and a copy of each root. A node with more descendants than there is room for numbers in it has two
children, items or inner nodes; any other lists its items in the place of children and vector.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from annoy import AnnoyIndex

from recsys_tasks.domain import FloatArray

METRIC: Final = "angular"
PARTS = 2
"""As many indexes at the most, each grown by a thread; the bytes depend on it, so it is the same on every machine."""
SEEDS = 2**31
"""Annoy's seeds."""


def node_type(n_factors: int) -> np.dtype[Any]:
    """A node of an angular index. An item has its own squared length, a float, in the place of its first child."""
    return np.dtype([("descendants", "<i4"), ("children", "<i4", (2,)), ("vector", "<f4", (n_factors,))])


def grow(vectors: FloatArray, path: Path, trees: int, seed: int) -> None:
    """Write the index of vectors (n_items, n_factors) to a path.

    Raises:
        OSError: the files could not be written in full.
    """
    shares = [len(share) for share in np.array_split(np.arange(trees), min(PARTS, trees))]
    with _places(path, len(shares)) as places, ThreadPoolExecutor(len(shares)) as growers:
        seeds = [(PARTS * seed + part) % SEEDS for part in range(len(shares))]
        list(growers.map(lambda *part: _grow_part(vectors, *part), places, shares, seeds))
        _join(places, shares, path, node_type(vectors.shape[1]), len(vectors))


def _grow_part(vectors: FloatArray, path: Path, trees: int, seed: int) -> None:
    """An index of some trees, by one thread of Annoy's."""
    index = AnnoyIndex(vectors.shape[1], METRIC)
    index.set_seed(seed)
    for item, vector in enumerate(vectors):
        index.add_item(item, vector.tolist())  # it would ask numpy for each number by itself
    index.build(trees, n_jobs=1)
    saved, items = index.save(str(path)), len(vectors) * node_type(vectors.shape[1]).itemsize
    if not saved or path.stat().st_size <= items:
        raise OSError(f"Annoy wrote {path.stat().st_size} bytes only, and no tree")


def _join(places: list[Path], shares: list[int], path: Path, node: np.dtype[Any], n_items: int) -> None:
    """One file of all parts: the items once, the inner nodes of each part, the roots of each part."""
    inner: list[npt.NDArray[Any]] = []
    roots: list[npt.NDArray[Any]] = []
    for place, trees in zip(places, shares, strict=True):
        own = np.fromfile(place, node, offset=n_items * node.itemsize)
        own["children"] += (own["children"] >= n_items) * np.int32(sum(map(len, inner)))
        inner.append(own[:-trees])
        roots.append(own[-trees:])
    items = np.memmap(places[0], node, mode="r", shape=n_items)
    with path.open("wb") as file:  # not by tofile, which says nothing when its last bytes find no room
        for nodes in (items, *inner, *roots):
            file.write(nodes.view(np.uint8).data)


@contextmanager
def _places(path: Path, n: int) -> Iterator[list[Path]]:
    """Where the parts lie until they are joined."""
    places = [path.with_name(f"{path.name}.{part}") for part in range(n)]
    try:
        yield places
    finally:
        for place in places:
            place.unlink(missing_ok=True)
