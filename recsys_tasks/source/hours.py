"""When each track is played: a table of the source, plays by track and hour of the listeners' clocks."""

import pyarrow as pa
from psycopg2 import sql

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.source import IdType
from recsys_tasks.source.connection import Snapshot
from recsys_tasks.source.queries import ID_ARROW, INTEGERS, id_value, table_name
from recsys_tasks.source.rows import copy_out
from recsys_tasks.source.schema import FRACTIONS, ID_KINDS, RequiredColumn, check_table


def read_hours(at: Snapshot, config: ProductsConfig, track: IdType, block_bytes: int) -> pa.Table:
    """Read the plays, those of several rows of a track and an hour added up.

    Args:
        at: the source.
        config: which table, and its columns.
        track: type of the tracks' ids.
        block_bytes: largest row.

    Returns:
        track_id, as the source has it, hour and plays, whole numbers.

    Raises:
        SourceMismatch: the table is not what the configuration says, or a row cannot be read.
    """
    field, numbers = "products.hours", (*INTEGERS, *FRACTIONS)
    required = [
        RequiredColumn(f"{field}_track_id", config.hours_track_id, ID_KINDS[track]),
        RequiredColumn(f"{field}_hour", config.hours_hour, numbers),  # extract() gives numeric
        RequiredColumn(f"{field}_plays", config.hours_plays, numbers),
    ]
    found = check_table(at, f"{field}_table", config.hours_table, required)
    types = {"track_id": ID_ARROW[track], "hour": pa.int64(), "plays": pa.int64()}
    return copy_out(at.cursor, _query(config, track, found.name), types, config.hours_table, block_bytes)


def _query(config: ProductsConfig, track: IdType, table: str) -> sql.Composed:
    question = (
        "SELECT {track} AS track_id, {hour}::bigint AS hour, sum({plays})::bigint AS plays FROM {table} "
        "WHERE {hour} IS NOT NULL AND {plays} IS NOT NULL GROUP BY 1, 2"
    )
    return sql.SQL(question).format(
        track=id_value(config.hours_track_id, track),
        hour=sql.Identifier(config.hours_hour),
        plays=sql.Identifier(config.hours_plays),
        table=table_name(table),
    )
