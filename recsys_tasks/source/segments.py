"""Which segment each listener belongs to, such as a country: a table of the source, a row for each listener."""

import pyarrow as pa
from psycopg2 import sql

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.source import IdType
from recsys_tasks.source.connection import Snapshot
from recsys_tasks.source.queries import ID_ARROW, INTEGERS, id_value, no_id, table_name
from recsys_tasks.source.rows import copy_out
from recsys_tasks.source.schema import ID_KINDS, TEXTS, RequiredColumn, check_table


def read_segments(at: Snapshot, config: ProductsConfig, user: IdType, block_bytes: int) -> pa.Table:
    """Read the listeners that have a segment.

    Args:
        at: the source.
        config: which table, and its columns.
        user: type of the listeners' ids.
        block_bytes: largest row.

    Returns:
        user_id, as the source has it, and segment, a text.

    Raises:
        SourceMismatch: the table is not what the configuration says, or a row cannot be read.
    """
    field = "products.segments"
    required = [
        RequiredColumn(f"{field}_user_id", config.segments_user_id, ID_KINDS[user]),
        RequiredColumn(f"{field}_column", config.segments_column, (*TEXTS, *INTEGERS)),
    ]
    found = check_table(at, f"{field}_table", config.segments_table, required)
    types = {"user_id": ID_ARROW[user], "segment": pa.string()}
    return copy_out(at.cursor, _query(config, user, found.name), types, config.segments_table, block_bytes)


def _query(config: ProductsConfig, user: IdType, table: str) -> sql.Composed:
    question = (
        "SELECT {user} AS user_id, {segment}::text AS segment FROM {table} WHERE NOT {nobody} AND {segment} IS NOT NULL"
    )
    return sql.SQL(question).format(
        user=id_value(config.segments_user_id, user),
        segment=sql.Identifier(config.segments_column),
        table=table_name(table),
        nobody=no_id(config.segments_user_id, user),
    )
