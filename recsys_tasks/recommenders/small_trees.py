"""Trees of at most eight leaves, asked about many rows at once.

A node that sends a row to the right rules out all leaves to its left; what is left is a byte of one bit a leaf, and the
leftmost of these leaves is the row's (QuickScorer: Lucchese et al., SIGIR 2015). We differ in that each node is asked
about all rows before the next one. The sums are those of LightGBM, bit by bit: it adds the trees in their order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_LEAVES = 8
AT_ONCE = 8_192
"""Rows asked together: few enough that their features stay in the cache."""
PLAIN = 2
"""In the text's ``decision_type``: what is missing goes left. Other bits mean categories, or another missing value."""


@dataclass(frozen=True)
class Node:
    """A row whose feature exceeds the threshold goes right."""

    feature: int
    threshold: np.float32  # the largest number of float32 that does not exceed the tree's own
    kept: np.uint8  # bits of the leaves that are not to its left


@dataclass(frozen=True)
class SmallTree:
    """A tree: its nodes, and the value of the leftmost leaf for each byte of leaves that are left."""

    nodes: tuple[Node, ...]
    values: npt.NDArray[np.float64]  # (256,)


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
    left, goes_left = np.empty(len(rows), dtype=np.uint8), np.empty(len(rows), dtype=np.uint8)
    for tree in trees:
        left.fill(255)
        for node in tree.nodes:
            np.less_equal(columns[node.feature], node.threshold, out=goes_left.view(np.bool_))
            np.negative(goes_left, out=goes_left)  # 255, or 0
            goes_left |= node.kept
            left &= goes_left
        total += tree.values.take(left)
    return total


def _trees(text: str) -> Iterator[Mapping[str, str]]:
    """The lines of each tree, by name."""
    for part in text.split("\nend of trees")[0].split("\nTree=")[1:]:
        yield dict(line.split("=", 1) for line in part.splitlines() if "=" in line)


def _tree(fields: Mapping[str, str]) -> SmallTree | None:
    values = np.array(fields["leaf_value"].split(), dtype=np.float64)
    if len(values) == 1:
        return SmallTree((), np.full(256, values[0]))
    if len(values) > MOST_LEAVES or set(fields["decision_type"].split()) - {"0", str(PLAIN)}:
        return None
    children = [np.array(fields[f"{side}_child"].split(), dtype=np.int64) for side in ("left", "right")]
    leaves = _in_order(children, 0)
    place = {leaf: n for n, leaf in enumerate(leaves)}
    features = [int(each) for each in fields["split_feature"].split()]
    thresholds = [_below(float(each)) for each in fields["threshold"].split()]
    kept = [255 - sum(1 << place[leaf] for leaf in _in_order(children, left)) for left in children[0].tolist()]
    nodes = tuple(Node(*each) for each in zip(features, thresholds, map(np.uint8, kept), strict=True))
    lowest = [(byte & -byte).bit_length() - 1 for byte in range(256)]
    return SmallTree(nodes, np.array([values[leaves[n]] if 0 <= n < len(leaves) else 0.0 for n in lowest]))


def _in_order(children: list[npt.NDArray[np.int64]], node: int) -> list[int]:
    """The leaves below a node, from left to right; a leaf is the complement of its number."""
    if node < 0:
        return [~node]
    return [leaf for side in children for leaf in _in_order(children, int(side[node]))]


def _below(threshold: float) -> np.float32:
    """The largest number of float32 that is not above a threshold: a value of float32 is on the same side of both."""
    with np.errstate(over="ignore"):
        nearest = np.float32(threshold)
    return nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-np.inf))
