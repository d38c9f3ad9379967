"""Numbers that stand for ids keep their order, whichever way they were found."""

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_tasks import id_ranks
from recsys_tasks.id_ranks import in_order

LETTERS = "a\u00e9\uffff\U0001f3b5zA1 "
TEXTS = st.lists(st.text(LETTERS, max_size=30) | st.text("ab", max_size=3) | st.sampled_from(["", "a\0", "a", "a\0b"]))


def check(ids: pa.ChunkedArray, sort_key: Any) -> None:
    """Ranks and the way back, beside those of plain Python."""
    found = in_order(ids)
    distinct = sorted(set(ids.to_pylist()), key=sort_key)
    ranks = {each: rank for rank, each in enumerate(distinct)}
    assert found.ids(found.rows).to_pylist() == ids.to_pylist()
    np.testing.assert_array_equal(
        np.unique(found.rows, return_inverse=True)[1], [ranks[each] for each in ids.to_pylist()]
    )
    assert found.rows.max(initial=0) < found.width


@settings(max_examples=200)
@given(TEXTS, st.integers(0, 40), st.sampled_from(["", "spotify:", "spotify:track:"]))
def test_texts(texts: list[str], cut: int, prefix: str) -> None:
    """Short or long, with a common beginning, with a zero byte, in pieces and slices: by their UTF-8 bytes."""
    array = pa.array(["none of them", *(prefix + each for each in texts)], pa.string())[1:]
    check(pa.chunked_array([array[:cut], array[cut:]], pa.string()), str.encode)


@pytest.mark.parametrize("kind", [pa.string(), pa.int64()])
def test_none(kind: pa.DataType) -> None:
    """No ids, in one empty piece or in none, have no numbers."""
    check(pa.chunked_array([pa.array([], kind)]), None)
    check(pa.chunked_array([], kind), None)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)))
def test_whole_numbers(numbers: list[int]) -> None:
    """Near to each other or from one end of bigint to the other."""
    check(pa.chunked_array([pa.array(numbers, pa.int64())]), int)


@pytest.mark.parametrize("length", [8, 16, 22])
def test_many_texts_that_differ_in_their_last_bits(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    """So many rows that their numbers push the lower bits out of a word: they are put in order all the same."""
    monkeypatch.setattr(id_ranks, "_by_dictionary", None)  # it is not asked
    draw = random.Random(length)
    texts = ["".join(draw.choices("\x01\x02\x7f", k=length)) for _ in range(5_000)]
    check(pa.chunked_array([pa.array(texts + texts[:100])]), str.encode)
