"""The questions about streams that are put to the source, as SQL: names quoted as identifiers, values as literals."""

from datetime import datetime

import pyarrow as pa
from psycopg2 import sql

from recsys_tasks.core.business_days import LATEST
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.source import IdType, SourceConfig

INTEGERS = ("smallint", "integer", "bigint")
ID_ARROW: dict[IdType, pa.DataType] = {"bigint": pa.int64(), "text": pa.string(), "uuid": pa.string()}
AFTER_LAST_INSTANT = "10000-01-01 00:00:00+00"
QUARTER_S = 900
"""Seconds of a quarter of an hour: the clocks of all zones differ by whole ones."""
Window = tuple[datetime, datetime]
"""Instants: from the first on, up to and without the second."""


def table_parts(table: str) -> tuple[str | None, str]:
    """Schema, where one is named, and name of ``name`` or ``schema.name``.

    Raises:
        ConfigError: it has another number of parts, or an empty one.
    """
    *schemas, name = parts = table.split(".")
    if len(parts) > 2 or not all(parts) or not table.isprintable():
        raise ConfigError(f"The configuration names a table {table!r}. Write it as name or schema.name.")
    return (schemas[0] if schemas else None), name


def table_name(table: str) -> sql.Identifier:
    """``name`` or ``schema.name``, quoted. Raises as ``table_parts``."""
    schema, name = table_parts(table)
    return sql.Identifier(*([schema] if schema else []), name)


def instants_query(question: str, config: SourceConfig, window: Window) -> sql.Composed:
    """Fill in a question about the instants of all rows; its ``{within}`` stands for those of the window."""
    instant, user = sql.Identifier(config.streamed_at), sql.Identifier(config.user_id)
    return sql.SQL(question).format(instant=instant, user=user, **_rows_of(config, window))


def tally_query(config: SourceConfig, types: dict[str, str], window: Window, summed: bool) -> sql.Composed:
    """Count the rows of each quarter of an hour: all, private, null_id, short, each under the first reason that holds.

    Quarters are numbered from 1970 on, so that no time zone of the server has a say in them; one without rows is left
    out. Beside the counts stands a checksum.

    The checksum is the sum of a hash of each row that ``streams_query`` would send, whatever their order: null where
    there is no such row, or where it is not asked for.
    """
    question = (
        "SELECT floor(date_part('epoch', {instant}) / {quarter}), count(*), "
        "count(*) FILTER (WHERE {private}), count(*) FILTER (WHERE NOT {private} AND {null_id}), "
        "count(*) FILTER (WHERE NOT {private} AND NOT {null_id} AND {short}), {checksum} FROM {table} "
        "WHERE {within} GROUP BY 1"
    )
    conditions = _conditions(config)
    form = "sum({hash}) FILTER (WHERE NOT {private} AND NOT {null_id} AND NOT {short})" if summed else "NULL"
    checksum = sql.SQL(form).format(hash=_hash_of_row(config, types), **conditions)
    instant = sql.Identifier(config.streamed_at)
    quarter, rows = sql.Literal(QUARTER_S), _rows_of(config, window)
    return sql.SQL(question).format(checksum=checksum, instant=instant, quarter=quarter, **conditions, **rows)


def streams_query(config: SourceConfig, types: dict[str, str], window: Window) -> sql.Composed:
    """Select the qualified streams of a window: user_id, track_id, event_id, and the instant where no event_id is."""
    question = (
        "SELECT {user} AS user_id, {track} AS track_id, {event} AS event_id, "
        "CASE WHEN {event} IS NULL THEN {instant} END AS instant "
        "FROM {table} WHERE {within} AND NOT {private} AND NOT {null_id} AND NOT {short}"
    )
    return sql.SQL(question).format(
        user=id_value(config.user_id, config.user_id_type),
        track=id_value(config.track_id, config.track_id_type),
        event=_event(config, types),
        instant=sql.Identifier(config.streamed_at),
        **_conditions(config),
        **_rows_of(config, window),
    )


def stream_types(config: SourceConfig, types: dict[str, str]) -> dict[str, pa.DataType]:
    """Arrow types of the columns of ``streams_query``."""
    return {
        "user_id": ID_ARROW[config.user_id_type],
        "track_id": ID_ARROW[config.track_id_type],
        "event_id": pa.int64() if has_number_events(config, types) else pa.string(),
        "instant": pa.timestamp("us", tz="UTC"),
    }


def has_number_events(config: SourceConfig, types: dict[str, str]) -> bool:
    """Whether the event id, if there is one, travels as a number; any other type travels as its text."""
    return config.event_id is None or types[config.event_id] in INTEGERS


def _within(instant: sql.Identifier, window: Window) -> sql.Composed:
    start, end = (sql.Literal(AFTER_LAST_INSTANT if each == LATEST else each.isoformat(" ")) for each in window)
    return sql.SQL("({0} >= {1}::timestamptz AND {0} < {2}::timestamptz)").format(instant, start, end)


def _rows_of(config: SourceConfig, window: Window) -> dict[str, sql.Composable]:
    within = _within(sql.Identifier(config.streamed_at), window)
    return {"table": table_name(config.streams_table), "within": within}


def id_value(column: str, kind: IdType) -> sql.Composed:
    """An id in the form in which it travels."""
    return sql.SQL("{}::bigint" if kind == "bigint" else "{}::text").format(sql.Identifier(column))


def erased_users_query(table: str, column: str, kind: IdType) -> sql.Composed:
    """Select everybody whom a column of the table of erasure requests names, each once."""
    user = id_value(column, kind)
    return sql.SQL("SELECT DISTINCT {user} FROM {table} WHERE {user} IS NOT NULL ORDER BY 1").format(
        user=user, table=table_name(table)
    )


def _event(config: SourceConfig, types: dict[str, str]) -> sql.Composable:
    if config.event_id is None:
        return sql.SQL("NULL")
    # an empty text is nobody's id: an exporter that writes '' would leave one stream
    form = "{}::bigint" if has_number_events(config, types) else "nullif({}::text, '')"
    return sql.SQL(form).format(sql.Identifier(config.event_id))


def _hash_of_row(config: SourceConfig, types: dict[str, str]) -> sql.Composable:
    """Hash user, track and event, or user, track and instant, to 64 bits; the hash of each value seeds the next.

    Not ``hash_record_extended``: it adds up hashes of the columns, so that a sum of it stays the same when two rows
    exchange their tracks.
    """
    user = _hashed(id_value(config.user_id, config.user_id_type), config.user_id_type == "bigint", sql.SQL("0"))
    pair = _hashed(id_value(config.track_id, config.track_id_type), config.track_id_type == "bigint", user)
    nameless = _hashed(sql.SQL("{}::text").format(sql.Identifier(config.streamed_at)), False, pair)
    if config.event_id is None:
        return nameless
    named = _hashed(_event(config, types), has_number_events(config, types), pair)
    return sql.SQL("coalesce({}, {})").format(named, nameless)


def _hashed(value: sql.Composable, is_number: bool, seed: sql.Composable) -> sql.Composed:
    """The server's hash of a value; null for null."""
    # hashint8extended folds a number into 32 bits, so that 1 and 2 in its halves are as 2 and 1: the seed tells them
    # apart. A text is hashed byte for byte, which under a collation of its own it would not be.
    form = "hashint8extended({0}, {0} # {1})" if is_number else 'hashtextextended({0} COLLATE "C", {1})'
    return sql.SQL(form).format(value, seed)


def _conditions(config: SourceConfig) -> dict[str, sql.Composable]:
    """Why a row is dropped, each condition true or false and never null: what is not known counts against the row."""
    never = sql.SQL("false")
    private: sql.Composable = never
    short: sql.Composable = never
    if config.private_session is not None:
        private = sql.SQL("({} IS NOT FALSE)").format(sql.Identifier(config.private_session))
    if config.ms_played is not None:
        least = sql.Literal(config.min_ms_played)
        short = sql.SQL("(({} >= {}) IS NOT TRUE)").format(sql.Identifier(config.ms_played), least)
    users = no_id(config.user_id, config.user_id_type)
    tracks = no_id(config.track_id, config.track_id_type)
    return {"private": private, "null_id": sql.SQL("({} OR {})").format(users, tracks), "short": short}


def no_id(column: str, kind: IdType) -> sql.Composed:
    """Whether an id is missing: null, or an empty text."""
    form = "({0} IS NULL OR {0} = '')" if kind == "text" else "({0} IS NULL)"
    return sql.SQL(form).format(sql.Identifier(column))
