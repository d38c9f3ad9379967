"""Grow the trees of an Annoy index in two threads: same input, same bytes.

Annoy's threads number the nodes as they come to them, so its bytes differ from run to run; the trees themselves do not,
for each thread draws from a seed of its own. Within a tree the numbers rise in the order in which its nodes were made:
so each tree is numbered from its own beginning, and the trees are put in the order of their bytes.

Annoy's file (``annoylib.h``, release 1.17) is an array of nodes of one size, without a header: the items, the inner
nodes of all trees, and a copy of each root. A node with more descendants than there is room for numbers in it has two
children, items or inner nodes; any other lists its items in the place of children and vector.
"""

from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annoy import AnnoyIndex

from recsys_tasks.domain import FloatArray

Metric: TypeAlias = Literal["euclidean", "angular"]
METRIC: Final = "euclidean"
THREADS = 2
"""The trees depend on it, so it is the same on every machine."""
SEEDS = 2**31
"""Annoy's seeds; a thread's is that of the index plus its own number."""
Nodes: TypeAlias = npt.NDArray[Any]


def node_type(n_factors: int, metric: Metric = METRIC) -> np.dtype[Any]:
    """A node of an index. An angular item has its own squared length, a float, in the place of its first child."""
    offset = [("offset", "<f4")] if metric == "euclidean" else []  # of the plane that parts the items below
    return np.dtype([("descendants", "<i4"), *offset, ("children", "<i4", (2,)), ("vector", "<f4", (n_factors,))])


def room_of(node: np.dtype[Any]) -> int:
    """How many items a node can list: their numbers stand from its children to its end."""
    return sum(node[name].itemsize for name in ("children", "vector")) // 4


def grow(vectors: FloatArray, path: Path, trees: int, seed: int) -> None:
    """Write the index of vectors (n_items, n_factors) to a path.

    Raises:
        OSError: the file could not be written in full.
    """
    index = AnnoyIndex(vectors.shape[1], METRIC)
    index.set_seed(THREADS * seed % SEEDS)
    for item, vector in enumerate(vectors):
        index.add_item(item, vector.tolist())  # it would ask numpy for each number by itself
    index.build(trees, n_jobs=THREADS)
    saved, node = index.save(str(path)), node_type(vectors.shape[1])
    items = len(vectors) * node.itemsize
    if not saved or path.stat().st_size <= items:
        raise OSError(f"Annoy wrote {path.stat().st_size} bytes only, and no tree")
    index.unload()
    numbered = _numbered(np.fromfile(path, node, offset=items), len(vectors), trees)
    with path.open("r+b") as file:  # not by tofile, which says nothing when its last bytes find no room
        file.seek(items)
        file.write(numbered.view(np.uint8).data)


def _numbered(nodes: Nodes, n_items: int, trees: int) -> Nodes:
    """The nodes behind the items, in an order that does not depend on which thread was faster."""
    roots = nodes[-trees:]
    grown = sorted((_tree(nodes, root, n_items) for root in roots), key=lambda tree: tree.tobytes())
    begun = 0
    for tree in grown:
        tree["children"] += np.int32(begun) * _is_inner(tree, n_items)
        begun += len(tree)
    return np.concatenate([*grown, *(tree[-1:] for tree in grown)])


def _tree(nodes: Nodes, root: Nodes, n_items: int) -> Nodes:
    """A tree's nodes in the order in which they were made, the root last, numbered from n_items."""
    found, level = [], root[None]
    while len(level):
        children = level["children"]
        below = children[_is_inner(level, n_items)] - n_items
        found.append(below)
        level = nodes[below]
    numbers = np.sort(np.concatenate(found))
    tree = np.append(nodes[numbers], root)
    inner = _is_inner(tree, n_items)
    tree["children"][inner] = n_items + np.searchsorted(numbers, tree["children"][inner] - n_items)
    return tree


def _is_inner(nodes: Nodes, n_items: int) -> npt.NDArray[np.bool_]:
    """Which of the two children of each node are inner nodes; those of a node that lists its items are none. (n, 2)."""
    return (nodes["descendants"] > room_of(nodes.dtype))[:, None] & (nodes["children"] >= n_items)
