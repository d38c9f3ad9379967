"""Grow the trees of an Annoy index in two threads: same input, same bytes.

Annoy's threads number the nodes as they come to them, so its bytes differ from run to run; the trees themselves do not,
for each thread draws from a seed of its own. Within a tree the numbers rise in the order in which its nodes were made:
so each tree is numbered from its own beginning, and the trees are put in the order of their bytes.

Annoy's file (``annoylib.h``, release 1.17) is an array of nodes of one size, without a header: the items, the inner
nodes of all trees, and a copy of each root. A node with more descendants than there is room for numbers in it has two
children, items or inner nodes; any other lists its items in the place of children and vector.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annoy import AnnoyIndex

from recsys_tasks.core.domain import FloatArray

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


def grow(blocks: Iterable[FloatArray], path: Path, trees: int, seed: int) -> None:
    """Write the index of vectors, which come in blocks (n, n_factors), to a path.

    Raises:
        OSError: the file could not be written in full.
    """
    vectors = chain.from_iterable(block.tolist() for block in blocks)  # it would ask numpy for each number by itself
    first = next(vectors)
    index, node = AnnoyIndex(len(first), METRIC), node_type(len(first))
    index.set_seed(THREADS * seed % SEEDS)
    for item, vector in enumerate(chain([first], vectors)):
        index.add_item(item, vector)
    index.build(trees, n_jobs=THREADS)
    saved, n_items = index.save(str(path)), index.get_n_items()
    items = n_items * node.itemsize
    if not saved or path.stat().st_size <= items:
        raise OSError(f"Annoy wrote {path.stat().st_size} bytes only, and no tree")
    index.unload()
    numbered = _numbered(np.memmap(path, node, mode="r", offset=items), n_items, trees)
    with path.open("r+b") as file:  # not by tofile, which says nothing when its last bytes find no room
        file.seek(items)
        for nodes in numbered:
            file.write(nodes.view(np.uint8).data)


def _numbered(nodes: Nodes, n_items: int, trees: int) -> list[Nodes]:
    """The trees, and then their roots, in an order that does not depend on which thread was faster."""
    roots = np.array(nodes[-trees:])
    grown = sorted((_tree(nodes, root, n_items) for root in roots), key=lambda tree: tree.tobytes())
    begun = 0
    for tree in grown:
        tree["children"] += np.int32(begun) * _is_inner(tree, n_items)
        begun += len(tree)
    return [*grown, *(tree[-1:] for tree in grown)]


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
