"""A number for each id of a day's streams that keeps the order of the ids: whole numbers, or texts by their bytes.

A table of the distinct ids, which Arrow makes, costs a look into memory far away for each row. Texts that are short
are sorted instead, as words of eight bytes: numpy sorts plain 64-bit numbers several times faster than it finds the
order of their rows, so that a row's number travels in the lower bits of its word.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.domain import Ids

Numbers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
MOST = 1 << 31
"""Ids within this width are numbers small enough as they are: two of them make one number of 62 bits."""
LONGEST = 24
"""Bytes of a text up to which sorting its words is faster."""
_WORD = 8  # bytes
_KEPT = np.array([(256**n - 1) << 8 * (_WORD - n) for n in range(_WORD + 1)], dtype=np.uint64)
"""Of a word, the bits of its first so many bytes."""


class Numbered(NamedTuple):
    """A number for each row that keeps the order of the ids (of text, of its UTF-8 bytes), and the way back."""

    rows: Numbers  # (n_rows,), 0 or more and less than the width
    width: int  # at most MOST
    ids: Callable[[Numbers], Ids]


def in_order(ids: pa.ChunkedArray) -> Numbered:
    """Whole numbers that lie close enough are taken as they are, anything else by its rank among the distinct."""
    low, width = span(ids)
    if 0 < width <= MOST:
        return Numbered(np.asarray(ids) - low, width, lambda rows: pa.array(rows + low))
    words = _words(ids) if pa.types.is_string(ids.type) else None
    return _by_dictionary(ids) if words is None else _by_words(ids, words)


def span(ids: pa.ChunkedArray) -> tuple[int, int]:
    """The least of the ids and how many numbers there are from it to the greatest; no width where there is none."""
    if len(ids) == 0 or not pa.types.is_integer(ids.type):
        return 0, 0
    low, high = (bound.as_py() for bound in pc.min_max(ids).values())
    return low, high - low + 1


def new(ordered: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before it."""
    differs: npt.NDArray[Any] = np.ones(len(ordered), dtype=bool)
    differs[1:] = ordered[1:] != ordered[:-1]
    return differs


def _by_dictionary(ids: pa.ChunkedArray) -> Numbered:
    encoded = ids.dictionary_encode().combine_chunks()
    order = pc.array_sort_indices(encoded.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[np.asarray(order)] = np.arange(len(order))
    distinct = encoded.dictionary.take(order)
    return Numbered(ranks[np.asarray(encoded.indices)], len(order) or 1, lambda rows: distinct.take(pa.array(rows)))


def _by_words(ids: pa.ChunkedArray, words: Sequence[Words]) -> Numbered:
    order, first = _ordered(words, len(ids))
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[order] = np.cumsum(first, dtype=np.int64) - 1
    distinct = ids.take(pa.array(order[first])).combine_chunks()
    return Numbered(ranks, len(distinct) or 1, lambda rows: distinct.take(pa.array(rows)))


def _ordered(words: Sequence[Words], n_rows: int) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Numbers of the rows in the order of their words, the first weighing most; and where other words begin in it."""
    order, differs = np.arange(n_rows), np.arange(n_rows) == 0
    telling = [word for word in words if n_rows and word.min() != word.max()]
    for sorted_before, word in enumerate(reversed(telling)):
        order = order[_order(word[order])] if sorted_before else _order(word)
    for word in telling:
        differs |= new(word[order])
    return order, differs


def _order(word: npt.NDArray[np.uint64]) -> Numbers:
    """``np.argsort(word, kind="stable")`` of a word that is not the same in all rows."""
    low, bits = word.min(), len(word).bit_length()
    cut = max(0, int(word.max() - low).bit_length() + bits - 64)
    packed = (word - low) >> np.uint64(cut) << np.uint64(bits) | np.arange(len(word), dtype=np.uint64)
    packed.sort()
    order: Numbers = (packed & np.uint64((1 << bits) - 1)).view(np.int64)
    # without the bits that were cut off it is nearly in order, and little is left to do
    if cut:
        order = order[np.argsort(word[order], kind="stable")]
    return order


def _words(texts: pa.ChunkedArray) -> list[Words] | None:
    """Texts as words of eight bytes, that compare as the texts do; None where one is too long, or holds a zero byte."""
    chunks = [chunk for chunk in texts.chunks if len(chunk)]  # an empty one may lack its buffers
    longest = max((pc.max(pc.binary_length(chunk)).as_py() for chunk in chunks), default=0)
    contents = [_content(chunk) for chunk in chunks]
    if longest > LONGEST or not all(content.all() for _, content in contents):
        return None
    words = [list(_words_of(*content, longest)) for content in contents]
    return [np.concatenate(parts) for parts in zip(*words, strict=True)]


def _content(texts: pa.Array) -> tuple[Numbers, npt.NDArray[np.uint8]]:
    """Where each text begins, and at last ends, (n + 1,), in the bytes of them all."""
    _, offsets, content = texts.buffers()
    edges = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return edges - edges[0], np.frombuffer(content or b"", np.uint8)[edges[0] : edges[-1]]


def _words_of(edges: Numbers, content: npt.NDArray[np.uint8], longest: int) -> Iterator[Words]:
    """The first eight bytes of each text, the next eight, and so on; zero where there are no more."""
    padded = np.concatenate([content, np.zeros(_WORD, np.uint8)])
    read_at = np.ndarray(len(content) + 1, ">u8", padded, strides=(1,))
    for begun in range(0, longest, _WORD):
        starts = np.minimum(edges[:-1] + begun, edges[1:])
        left = np.minimum(edges[1:] - starts, _WORD)
        yield read_at[starts].astype(np.uint64) & _KEPT[left]
