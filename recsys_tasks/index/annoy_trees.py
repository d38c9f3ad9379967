"""Write the trees of an Annoy index in two threads: same input, same bytes.

Annoy's threads number the nodes as they come to them, so its bytes differ from run to run. The trees themselves do not,
for each thread draws from a seed of its own, and within a tree the numbers rise in the order in which its nodes were
made. So this module numbers each tree from its own beginning, and puts the trees in the order of their bytes.

Annoy's file (``annoylib.h``, release 1.17) is an array of nodes of one size, without a header: the items, the inner
nodes of all trees, and a copy of each root. A node with more descendants than there is room for numbers in it has two
children, items or inner nodes; any other lists its items in the place of children and vector.
"""

import os
from collections.abc import Iterable
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annoy import AnnoyIndex

from recsys_tasks.core.domain import FloatArray

Metric: TypeAlias = Literal["euclidean", "angular"]
METRIC: Final = "euclidean"
THREADS = 2
"""Threads that grow trees. The trees depend on their number, so it is the same on every machine."""
SEEDS = 2**31
"""Number of seeds that Annoy knows; a thread's seed is that of the index plus the thread's own number."""
Nodes: TypeAlias = npt.NDArray[Any]


def node_type(n_factors: int, metric: Metric = METRIC) -> np.dtype[Any]:
    """Layout of a node. An item of an angular index has its squared length, a float, in place of its first child."""
    offset = [("offset", "<f4")] if metric == "euclidean" else []  # of the plane that parts the items below
    return np.dtype([("descendants", "<i4"), *offset, ("children", "<i4", (2,)), ("vector", "<f4", (n_factors,))])


def room_of(node: np.dtype[Any]) -> int:
    """How many items a node can list: their numbers reach from its children to its end."""
    return sum(node[name].itemsize for name in ("children", "vector")) // 4


def write_trees(blocks: Iterable[FloatArray], file: str, trees: int, seed: int) -> None:
    """Write the index of some vectors to a file.

    Args:
        blocks: the vectors in blocks of (n, n_factors) float32; the first is not empty.
        file: its name.
        trees: their number.
        seed: that the trees are drawn from.

    Raises:
        OSError: the file could not be written in full.
    """
    vectors = chain.from_iterable(block.tolist() for block in blocks)  # Annoy would ask numpy for each number by itself
    first = next(vectors)
    index, node = AnnoyIndex(len(first), METRIC), node_type(len(first))
    index.set_seed(THREADS * seed % SEEDS)
    for item, vector in enumerate(chain([first], vectors)):
        index.add_item(item, vector)
    index.build(trees, n_jobs=THREADS)
    saved, n_items = index.save(file), index.get_n_items()
    items = n_items * node.itemsize
    if not saved or os.stat(file).st_size <= items:
        raise OSError(f"Annoy wrote {os.stat(file).st_size} bytes only, and no tree")
    index.unload()
    numbered = _numbered(np.memmap(file, node, mode="r", offset=items), n_items, trees)
    with open(file, "r+b") as output:  # not by tofile, which says nothing when its last bytes find no room
        output.seek(items)
        for nodes in numbered:
            output.write(nodes.view(np.uint8).data)


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
    """The nodes of a tree in the order in which they were made, the root last, numbered from n_items."""
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
    """Which of the two children of each node are inner nodes; a node that lists its items has none. (n, 2)."""
    return (nodes["descendants"] > room_of(nodes.dtype))[:, None] & (nodes["children"] >= n_items)
