"""The digest of a catalogue: equal for equal values, however they lie in memory or in a file, and for no others."""

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.source.catalogue import catalogue_digest

VALUES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "track_id": (pa.int64(), [1, 2, 3]),
    "title": (pa.string(), ["a", None, ""]),
    "released_on": (pa.date32(), [date(2024, 2, 29), None, date(1970, 1, 1)]),
    "available": (pa.bool_(), [True, None, False]),
    "tempo": (pa.float64(), [0.5, None, 0.0]),
    "tags": (pa.list_(pa.string()), [["a", "b"], None, []]),
}


def table(**changed: list[Any]) -> pa.Table:
    """The catalogue with some columns changed."""
    return pa.table({name: pa.array(changed.get(name, of), kind) for name, (kind, of) in VALUES.items()})


def test_how_the_values_lie_does_not_count(tmp_path: Any) -> None:
    """Chunks, offsets, garbage under a null and a way through Parquet leave the digest as it is."""
    whole = table()
    pq.write_table(whole, tmp_path / "stored.parquet", store_schema=False)
    garbage = pa.Array.from_buffers(pa.string(), 3, [pa.py_buffer(b"\5"), *pa.array(["a", "x", ""]).buffers()[1:]])
    others = [
        pa.concat_tables([whole.slice(0, 1), whole.slice(1)]),
        pa.concat_tables([whole, whole]).slice(3),
        pq.read_table(tmp_path / "stored.parquet"),
        whole.set_column(1, "title", garbage),
    ]
    assert {catalogue_digest(other) for other in others} == {catalogue_digest(whole)}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("title", ["a", "", ""]),
        ("title", ["a", None, None]),
        ("title", ["", None, "a"]),
        ("track_id", [1, 3, 2]),
        ("released_on", [date(2024, 2, 29), date(1970, 1, 1), date(1970, 1, 1)]),
        ("available", [True, False, False]),
        ("tempo", [0.5, 0.0, 0.0]),
        ("tempo", [0.5, None, None]),
        ("tags", [["a", "b"], [], []]),
        ("tags", [["a"], ["b"], []]),
        ("tags", [["ab"], None, []]),
        ("tags", [["a", "b"], None, [""]]),
    ],
)
def test_other_values_have_another_digest(column: str, values: list[Any]) -> None:
    """A value that is null, empty, zero or in another row is told from the others in every kind of column."""
    assert catalogue_digest(table(**{column: values})) != catalogue_digest(table())


def test_names_and_kinds_of_the_columns_count() -> None:
    """A feature under another name, of another kind or in another place is another catalogue."""
    whole = table()
    others = [
        whole.rename_columns([*whole.column_names[:-1], "genres"]),
        whole.select(whole.column_names[::-1]),
        whole.set_column(4, "tempo", pa.array([0, None, 0])),
        whole.set_column(4, "tempo", pa.array([0.0, None, 0.0])),
        whole.slice(0, 2),
    ]
    assert len({catalogue_digest(other) for other in [*others, whole]}) == len(others) + 1


def test_empty() -> None:
    """A catalogue without tracks has a digest too."""
    assert catalogue_digest(table().slice(0, 0)) != catalogue_digest(table())
