"""Work on many rows in blocks of about equally much work, which bounds the memory."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.recommenders.vectors import Played

Found = TypeVar("Found")
PRODUCTS = 1 << 19
"""Products of two numbers that are computed together: some 20 MB on the way. A core keeps less at hand, but of a fourth
of it the calls are so short that two threads, which hand the interpreter's lock to and fro, take a fifth longer."""


def work_of(rows: Played, chosen: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """Products that each row takes: the entries that its columns have as rows of the other. (n_rows,)."""
    each = Played(chosen.indptr, chosen.indices).lengths(rows.cols)
    return np.asarray(np.diff(np.concatenate([[0], np.cumsum(each)])[rows.indptr]))


def in_blocks(of: Callable[[int, int], Found], work: npt.NDArray[np.int64], products: int, threads: int) -> list[Found]:
    """What a function gives for each run of rows, in their order. Products of sparse matrices, and most of what NumPy
    does with them, hold no lock of the interpreter, so that threads share the runs; each has one in memory.

    Args:
        of: of a run's first row, and the one after its last.
        work: (n_rows,) products that each row takes.
        products: of a run, at the most.
        threads: that share the runs.
    """
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda run: of(*run), blocks_of_work(work, products)))


def stacked(blocks: Sequence[sparse.csr_matrix], n_columns: int, threads: int) -> sparse.csr_matrix:
    """Blocks of rows below each other; there may be none. threads: that share the copying."""
    ends = np.concatenate([[0], np.cumsum([block.nnz for block in blocks])]).astype(np.int64)
    cols, values = np.empty(ends[-1], np.int32), np.empty(ends[-1], np.float32)

    def put(place: int) -> None:
        own, block = slice(*ends[place : place + 2]), blocks[place]
        cols[own], values[own] = block.indices, block.data

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(put, range(len(blocks))))
    lengths = [np.diff(block.indptr) for block in blocks]
    starts = np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum()
    return sparse.csr_matrix((values, cols, starts), shape=(len(starts) - 1, n_columns))


def blocks_of_work(work: npt.NDArray[np.int64], products: int) -> Iterator[tuple[int, int]]:
    """First row and the one after the last of runs of rows that take at most so much work, or are one row."""
    total, start = np.cumsum(work), 0
    while start < len(work):
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + products, side="right")))
        yield start, end
        start = end
