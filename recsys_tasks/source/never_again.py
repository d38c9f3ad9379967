"""What listeners do not want to hear again: a table of the source, a row for each track or artist."""

from datetime import date

import pyarrow as pa
from psycopg2 import sql

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.source import IdType
from recsys_tasks.source.connection import Snapshot
from recsys_tasks.source.queries import ID_ARROW, INTEGERS, id_value, no_id, table_name
from recsys_tasks.source.rows import copy_out
from recsys_tasks.source.schema import ID_KINDS, TEXTS, RequiredColumn, check_table

INSTANTS = ("date", "timestamp with time zone", "timestamp without time zone")


def read_never_again(
    at: Snapshot, config: ProductsConfig, user: IdType, track: IdType, on: date, block_bytes: int
) -> pa.Table:
    """Read the marks that hold on a day.

    Args:
        at: the source.
        config: which table, and its columns.
        user: type of the listeners' ids.
        track: type of the tracks' ids.
        on: a mark until this day, or an earlier one, holds no more.
        block_bytes: largest row.

    Returns:
        user_id, track_id (null: an artist is meant) and artist_id (null: a track is meant), as the source has them.

    Raises:
        SourceMismatch: the table is not what the configuration says, or a row cannot be read.
    """
    field = "products.never_again"
    required = [
        RequiredColumn(f"{field}_user_id", config.never_again_user_id, ID_KINDS[user]),
        RequiredColumn(f"{field}_track_id", config.never_again_track_id, ID_KINDS[track]),
    ]
    if config.never_again_artist_id:
        kinds = (*INTEGERS, *TEXTS, "uuid")
        required.append(RequiredColumn(f"{field}_artist_id", config.never_again_artist_id, kinds))
    if config.never_again_until:
        required.append(RequiredColumn(f"{field}_until", config.never_again_until, INSTANTS))
    found = check_table(at, f"{field}_table", config.never_again_table, required)
    numbers = found.types.get(config.never_again_artist_id) in INTEGERS
    types = {
        "user_id": ID_ARROW[user],
        "track_id": ID_ARROW[track],
        "artist_id": pa.int64() if numbers else pa.string(),
    }
    return copy_out(
        at.cursor, _query(config, user, track, found.name, on), types, config.never_again_table, block_bytes
    )


def _query(config: ProductsConfig, user: IdType, track: IdType, table: str, on: date) -> sql.Composed:
    artist = sql.Identifier(config.never_again_artist_id) if config.never_again_artist_id else sql.SQL("NULL")
    until: sql.Composable = sql.SQL("true")
    if config.never_again_until:
        until = sql.SQL("({0} IS NULL OR {0} > {1})").format(sql.Identifier(config.never_again_until), sql.Literal(on))
    question = (
        "SELECT {user} AS user_id, {track} AS track_id, {artist} AS artist_id FROM {table} "
        "WHERE NOT {nobody} AND {until}"
    )
    return sql.SQL(question).format(
        user=id_value(config.never_again_user_id, user),
        track=id_value(config.never_again_track_id, track),
        artist=artist,
        table=table_name(table),
        nobody=no_id(config.never_again_user_id, user),
        until=until,
    )
