"""Trees of at most eight leaves, asked about many rows at once.

Each node is asked about all rows before the next one; whether a row goes right is one bit of the row's number, and a
table has the value of the leaf for each number. The sums are those of LightGBM, bit by bit: it adds the trees in their
order. (QuickScorer, Lucchese et al., SIGIR 2015, asks all nodes of a tree too, and finds the leaf by bits of leaves.)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_LEAVES = 8
AT_ONCE = 1 << 17
"""Rows asked together, which bounds the memory: eight megabytes of features. Of fewer the calls are so short that two
threads hand the interpreter's lock to and fro."""
PLAIN = 2
"""In the text's ``decision_type``: what is missing goes left. Other bits mean categories, or another missing value."""


@dataclass(frozen=True)
class Node:
    """A row whose feature exceeds the threshold goes right."""

    feature: int
    threshold: np.float32  # the largest number of float32 that does not exceed the tree's own


@dataclass(frozen=True)
class SmallTree:
    """A tree: its nodes, and the value of a row for each number that their answers make, the first the highest bit."""

    nodes: tuple[Node, ...]
    values: npt.NDArray[np.float64]  # (2 ** n_nodes,)


def small_trees(text: str) -> list[SmallTree] | None:
    """The trees of LightGBM's text; None where one has more leaves, categories, or asks for missing values."""
    found = [_tree(fields) for fields in _trees(text)]
    return None if None in found else [tree for tree in found if tree is not None]


def scores_of(trees: list[SmallTree], rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The sum over trees for each row. rows: (n_rows, n_features), no value missing."""
    parts = [_sums(trees, rows[start : start + AT_ONCE]) for start in range(0, max(1, len(rows)), AT_ONCE)]
    return np.concatenate(parts)


def _sums(trees: list[SmallTree], rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    columns, total = np.ascontiguousarray(rows.T), np.zeros(len(rows))
    numbers, right = np.empty(len(rows), dtype=np.uint8), np.empty(len(rows), dtype=np.bool_)
    bit = right.view(np.uint8)
    for tree in trees:
        numbers.fill(0)
        for node in tree.nodes:
            np.greater(columns[node.feature], node.threshold, out=right)
            np.add(numbers, numbers, out=numbers)
            np.bitwise_or(numbers, bit, out=numbers)
        total += tree.values.take(numbers)
    return total


def _trees(text: str) -> Iterator[Mapping[str, str]]:
    """The lines of each tree, by name."""
    for part in text.split("\nend of trees")[0].split("\nTree=")[1:]:
        yield dict(line.split("=", 1) for line in part.splitlines() if "=" in line)


def _tree(fields: Mapping[str, str]) -> SmallTree | None:
    values = np.array(fields["leaf_value"].split(), dtype=np.float64)
    if len(values) == 1:
        return SmallTree((), values)
    if len(values) > MOST_LEAVES or set(fields["decision_type"].split()) - {"0", str(PLAIN)}:
        return None
    children = tuple(np.array(fields[f"{side}_child"].split(), dtype=np.int64) for side in ("left", "right"))
    features = [int(each) for each in fields["split_feature"].split()]
    thresholds = [_below(float(each)) for each in fields["threshold"].split()]
    leaves = [_leaf(children, number) for number in range(1 << len(features))]
    return SmallTree(tuple(map(Node, features, thresholds)), values[leaves])


def _leaf(children: tuple[npt.NDArray[np.int64], ...], number: int) -> int:
    """The leaf of a row whose answers make a number; among children it is the complement of its own."""
    node, last = 0, len(children[0]) - 1
    while node >= 0:
        node = int(children[number >> (last - node) & 1][node])
    return ~node


def _below(threshold: float) -> np.float32:
    """The largest number of float32 that is not above a threshold: a value of float32 is on the same side of both."""
    with np.errstate(over="ignore"):
        nearest = np.float32(threshold)
    return nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-np.inf))
