"""The tables of the sink: made, filled by COPY, and put in the place of those before."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Column as SqlColumn
from sqlalchemy import Connection, MetaData, PrimaryKeyConstraint, Table, Uuid
from sqlalchemy.dialects.postgresql import BIGINT, INTEGER, REAL, TEXT
from sqlalchemy.schema import AddConstraint, CreateTable, SetTableComment

from recsys_tasks.delivery.copying import RowsAsCsv
from recsys_tasks.delivery.marker import Marker
from recsys_tasks.delivery.products import PRODUCTS
from recsys_tasks.delivery.relations import NEXT, PREVIOUS, Relation
from recsys_tasks.delivery.rights import carry_over, set_owner

BLOCK = 1 << 20
"""Bytes that are handed to the server at a time."""
_TYPES: tuple[tuple[pa.DataType, type[Any]], ...] = (
    (pa.int64(), BIGINT),
    (pa.int32(), INTEGER),
    (pa.float32(), REAL),
    (pa.string(), TEXT),
)


@dataclass(frozen=True)
class Rows:
    """What a product's table is filled with."""

    schema: pa.Schema
    batches: Callable[[], Iterable[pa.RecordBatch]]  # in the order of the key
    total: int
    uuids: frozenset[str] = frozenset()  # columns of text that are uuids in the sink


def fill_next(
    connection: Connection, schema: str, product: str, rows: Rows, marker: Marker, told: Callable[[int], None]
) -> Table:
    """Make a table under the name of the next one, with its rows, its key and its statistics.

    The key comes after the rows: to sort them once takes half of the time of keeping an index while they arrive.
    """
    columns = [_column(field, rows.uuids, field.name in PRODUCTS[product].key) for field in rows.schema]
    table = Table(product + NEXT, MetaData(), *columns, schema=schema, comment=marker.to_comment())
    connection.execute(CreateTable(table))
    shown = connection.dialect.identifier_preparer.format_table(table)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:  # frozen: the table is of this transaction, and nobody need visit its rows again
        source = RowsAsCsv(rows.batches(), told)
        cursor.copy_expert(f"COPY {shown} FROM STDIN (FORMAT csv, FREEZE)", source, BLOCK)
    connection.execute(AddConstraint(PrimaryKeyConstraint(*(table.c[name] for name in PRODUCTS[product].key))))
    connection.execute(SetTableComment(table))
    connection.exec_driver_sql(f"ANALYZE {shown}")
    return table


def swap(
    connection: Connection, schema: str, tables: Mapping[str, Table], found: Mapping[str, Relation], marker: Marker
) -> None:
    """Put the next tables in the place of those that are there, which become the previous ones.

    A table from which somebody has to be forgotten since is not kept.

    Args:
        connection: of the sink, in the transaction that made the tables.
        schema: where they stand.
        tables: by product.
        found: what stands under their names.
        marker: of the delivery.
    """
    for product in sorted(tables):
        _drop(connection, schema, found.get(product + PREVIOUS))
        if current := found.get(product):
            if current.marker.forgotten == marker.forgotten:
                _rename(connection, schema, product, product + PREVIOUS)
            else:
                _drop(connection, schema, current)
        _rename(connection, schema, product + NEXT, product)


def take_over(connection: Connection, tables: Mapping[str, Table], found: Mapping[str, Relation]) -> None:
    """Give the next tables the owners and the grants of those whose place they take."""
    for product, table in tables.items():
        if current := found.get(product):
            carry_over(connection, current.oid, table)
            set_owner(connection, table, current.owner)


def _column(field: pa.Field, uuids: frozenset[str], is_key: bool) -> SqlColumn[Any]:
    kind = Uuid if field.name in uuids else next(sql for arrow, sql in _TYPES if arrow == field.type)
    return SqlColumn(field.name, kind, nullable=not is_key, autoincrement=False)


def _drop(connection: Connection, schema: str, relation: Relation | None) -> None:
    if relation:
        connection.exec_driver_sql(f"DROP TABLE {_shown(connection, schema, relation.name)}")


def _rename(connection: Connection, schema: str, name: str, new: str) -> None:
    quote = connection.dialect.identifier_preparer.quote
    connection.exec_driver_sql(f"ALTER TABLE {_shown(connection, schema, name)} RENAME TO {quote(new)}")


def _shown(connection: Connection, schema: str, name: str) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return f"{quote(schema)}.{quote(name)}"
