"""The whole catalogue as the source shows it: one row a track, in an order and a form of our own, with its digest.

What the source does not know, or does not say as a value of ours (an infinite date, a number that is not finite), is
null.
"""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json
from psycopg2 import sql

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.source import CatalogueConfig, IdType
from recsys_tasks.source.connection import Snapshot
from recsys_tasks.source.queries import ID_ARROW, INTEGERS, id_value, no_id, table_name
from recsys_tasks.source.rows import copy_out
from recsys_tasks.source.schema import FRACTIONS, TEXT_ARRAYS, check_catalogue

LONGEST_NAME = 500
"""Characters of a title or an artist's name; what stands behind them is left out where it is read. Pages show 200."""
TAGS = pa.list_(pa.string())
_DATE = "CASE WHEN {0} BETWEEN '0001-01-01' AND '9999-12-31' THEN {0} END"  # no infinity, no year before Christ
_NAME = f"left({{0}}::text, {LONGEST_NAME})"
_TAGS = "array_to_json(array_remove({0}, NULL))::text"  # a tag may hold any character
_FIRST = ("track_id", "title", "artist", "released_on")
"""Of several rows of a track the first by these columns stays; where they are equal, the others decide in order."""
_STORED = {"integers": "<i8", "numbers": "<f8", "booleans": "u1", "dates": "<i4"}
"""Kind of a column -> the form of its values that is digested."""


def empty_catalogue(id_type: IdType) -> pa.Table:
    """A catalogue without tracks and features."""
    return pa.schema(list(_column_types(None, id_type, {}).items())).empty_table()


def catalogue_rule(config: CatalogueConfig) -> str:
    """Digest of what decides which tracks and columns a catalogue has."""
    return digest_of("catalogue rule", config.model_dump())


def read_catalogue(at: Snapshot, config: CatalogueConfig, id_type: IdType, block_bytes: int) -> pa.Table:
    """Read every track that has an id.

    Returns:
        track_id, title, artist, artist_id (int64 or string, as the source has it), released_on (date32), kind,
        available (bool), and each feature under its name (int64, double, bool, string, or list of string), ordered by
        track_id. Of several rows of a track the first by title, artist, date and the other columns stays.

    Raises:
        SourceMismatch: the table is not what the configuration says, or a row cannot be read.
    """
    found = check_catalogue(at, config, id_type)
    types = _column_types(config, id_type, found.types)
    query = _catalogue_query(config, id_type, types, found.name)
    sent = {name: pa.string() if kind == TAGS else kind for name, kind in types.items()}
    rows = _first_of_each_track(copy_out(at.cursor, query, sent, config.table, block_bytes))
    return _read_values(rows, types, block_bytes)


def catalogue_digest(catalogue: pa.Table) -> str:
    """Digest of the values themselves, whatever the file format or library version that stores them.

    Names, kinds and order of the columns count; how Arrow cuts them into chunks does not. A null is no empty text.
    """
    columns = [(name, *_column_digest(catalogue[name].combine_chunks())) for name in catalogue.column_names]
    return digest_of("catalogue", catalogue.num_rows, columns)


def _column_types(config: CatalogueConfig | None, id_type: IdType, found: dict[str, str]) -> dict[str, pa.DataType]:
    """Arrow types of the columns. found: types of the source's columns, of each that the configuration names."""
    types = {
        "track_id": ID_ARROW[id_type],
        "title": pa.string(),
        "artist": pa.string(),
        "artist_id": pa.string(),
        "released_on": pa.date32(),
        "kind": pa.string(),
        "available": pa.bool_(),
    }
    if config is None:
        return types
    if config.artist_id is not None:
        types["artist_id"] = _arrow_type(found[config.artist_id])
    return types | {name: _arrow_type(found[column]) for name, column in config.features.items()}


def _arrow_type(kind: str) -> pa.DataType:
    if kind in INTEGERS:
        return pa.int64()
    if kind in FRACTIONS:
        return pa.float64()
    if kind in TEXT_ARRAYS:
        return TAGS
    return pa.bool_() if kind == "boolean" else pa.string()


def _catalogue_query(
    config: CatalogueConfig, id_type: IdType, types: dict[str, pa.DataType], table: str
) -> sql.Composed:
    columns = {
        **{name: getattr(config, name) for name in types if name not in config.features},
        **config.features,
    }
    values = [_value(name, columns[name], kind) for name, kind in types.items() if name != "track_id"]
    named = [sql.SQL("{} AS {}").format(value, sql.Identifier(name))
             for name, value in zip(types, [id_value(config.track_id, id_type), *values], strict=True)]  # fmt: skip
    question = sql.SQL("SELECT {} FROM {} WHERE NOT {}")
    return question.format(sql.SQL(", ").join(named), table_name(table), no_id(config.track_id, id_type))


def _value(name: str, column: str | None, kind: pa.DataType) -> sql.Composable:
    """A column in the form in which it travels; null where the source has no such column.

    Args:
        name: ours.
        column: the source's.
        kind: what its values become.
    """
    if column is None:
        return sql.SQL("NULL")
    if name in ("title", "artist"):
        return sql.SQL(_NAME).format(sql.Identifier(column))
    forms = {pa.date32(): _DATE, TAGS: _TAGS, pa.string(): "{0}::text", pa.float64(): "{0}::double precision"}
    return sql.SQL(forms.get(kind, "{0}")).format(sql.Identifier(column))


def _first_of_each_track(rows: pa.Table) -> pa.Table:
    """The rows in the order of their ids, one each. Texts are only compared where an id stands twice, which is rare."""
    ordered = rows.sort_by("track_id")
    if _is_first(ordered["track_id"]).all():
        return ordered
    keys = [*_FIRST, *(name for name in rows.column_names if name not in _FIRST)]
    ordered = rows.sort_by([(name, "ascending") for name in keys])
    return ordered.filter(pa.array(_is_first(ordered["track_id"])))


def _is_first(ids: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Whether an id differs from the one before it. (n_rows,)."""
    ids = ids.combine_chunks()
    first = np.ones(len(ids), dtype=bool)
    first[1:] = np.asarray(pc.not_equal(ids[1:], ids[:-1]))
    return first


def _read_values(rows: pa.Table, types: dict[str, pa.DataType], block_bytes: int) -> pa.Table:
    """The columns as what they are: lists of tags out of their JSON, and null for a number that is not finite."""
    for number, (name, kind) in enumerate(types.items()):
        if kind == TAGS:
            rows = rows.set_column(number, name, _tags(rows[name], block_bytes))
        elif kind == pa.float64():
            rows = rows.set_column(number, name, pc.if_else(pc.is_finite(rows[name]), rows[name], None))
    return rows


def _tags(texts: pa.ChunkedArray, block_bytes: int) -> pa.Array:
    """Lists of tags out of JSON arrays, which Arrow parses line by line in a quarter of the time that Python takes."""
    if len(texts) == 0:
        return pa.array([], TAGS)
    lines = pc.binary_join_element_wise('{"tags":', pc.fill_null(texts, "null"), "}\n", "").combine_chunks()
    schema = pa.schema({"tags": TAGS})
    found = pa_json.read_json(
        pa.py_buffer(_bytes_of(lines)),
        pa_json.ReadOptions(block_size=block_bytes),  # a line is shorter than the row of CSV that brought it
        pa_json.ParseOptions(explicit_schema=schema, newlines_in_values=False),
    )
    return found["tags"].combine_chunks()


def _column_digest(column: pa.Array) -> tuple[str, str]:
    """Kind and digest of the values of one column; what lies in memory under a null does not count."""
    kind = _kind(column.type)
    if kind == "tags":
        lengths, values = pc.list_value_length(column), _column_digest(column.flatten())[1].encode()
    elif kind == "texts":
        lengths, values = pc.binary_length(column), _bytes_of(pc.fill_null(column, ""))
    else:
        plain = column.cast(pa.int32()) if kind == "dates" else column
        known = np.asarray(pc.fill_null(plain, pa.scalar(0).cast(plain.type)))
        lengths, values = pc.if_else(column.is_valid(), 0, -1), known.astype(_STORED[kind]).tobytes()
    digest = hashlib.sha256(np.asarray(pc.fill_null(lengths, -1)).astype("<i4").tobytes())  # -1: null
    digest.update(values)
    return kind, digest.hexdigest()


def _bytes_of(texts: pa.Array) -> bytes:
    """UTF-8 of texts without a null, one after the other."""
    if len(texts) == 0:
        return b""
    _, offsets, data = texts.buffers()
    begin, end = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]]
    return bytes(memoryview(data or b"")[begin:end])


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return "tags"
    if pa.types.is_string(kind):
        return "texts"
    if pa.types.is_date32(kind):
        return "dates"
    if pa.types.is_boolean(kind):
        return "booleans"
    return "integers" if pa.types.is_integer(kind) else "numbers"
