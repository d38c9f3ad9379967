"""The questions that are put to the source, as SQL: names quoted as identifiers, values as literals."""

from datetime import date, timedelta

import pyarrow as pa
from psycopg2 import sql

from recsys_tasks.config import CatalogueConfig, IdType, SourceConfig
from recsys_tasks.domain import Day, Ids
from recsys_tasks.errors import ConfigError

INTEGERS = ("smallint", "integer", "bigint")
ID_ARROW: dict[IdType, pa.DataType] = {"bigint": pa.int64(), "text": pa.string(), "uuid": pa.string()}
FIRST_INSTANT, AFTER_LAST_INSTANT = "0001-01-01 00:00:00+00", "10000-01-01 00:00:00+00"
CATALOGUE_NAMES = {"title": pa.string(), "artist": pa.string(), "released_on": pa.date32()}
_ARRAYS: dict[IdType, str] = {"bigint": "bigint[]", "text": "text[]", "uuid": "uuid[]"}


def table_name(name: str) -> sql.Identifier:
    """``name`` or ``schema.name``, quoted.

    Raises:
        ConfigError: it has another number of parts, or an empty one.
    """
    parts = name.split(".")
    if len(parts) > 2 or not all(parts):
        raise ConfigError(f"The configuration names a table {name!r}. Write it as name or schema.name.")
    return sql.Identifier(*parts)


def midnight(day: Day, days_later: int = 0) -> str:
    """The instant at which a date begins in UTC, or that of a date so many days later."""
    if (date.max - day).days < days_later:
        return AFTER_LAST_INSTANT
    return f"{(day + timedelta(days=days_later)).isoformat()} 00:00:00+00"


def instants_query(question: str, config: SourceConfig, start: str, end: str) -> sql.Composed:
    """A question about the instants of all rows; its ``{within}`` stands for start <= instant < end."""
    instant = sql.Identifier(config.streamed_at)
    return sql.SQL(question).format(
        table=table_name(config.streams_table), instant=instant, within=_within(instant, start, end)
    )


def tally_query(config: SourceConfig, day: Day) -> sql.Composed:
    """Rows of a day: all, private, null_id, short; each row under the first reason that holds."""
    question = (
        "SELECT count(*), count(*) FILTER (WHERE {private}), count(*) FILTER (WHERE NOT {private} AND {null_id}), "
        "count(*) FILTER (WHERE NOT {private} AND NOT {null_id} AND {short}) FROM {table} WHERE {day}"
    )
    return sql.SQL(question).format(**_conditions(config), **_rows_of(config, day))


def streams_query(config: SourceConfig, types: dict[str, str], day: Day) -> sql.Composed:
    """Qualified streams of a day: user_id, track_id, event_id, and the instant where there is no event_id."""
    event: sql.Composable = sql.SQL("NULL")
    if config.event_id is not None:  # an empty text is nobody's id: an exporter that writes '' would leave one stream
        form = "{}::bigint" if has_number_events(config, types) else "nullif({}::text, '')"
        event = sql.SQL(form).format(sql.Identifier(config.event_id))
    question = (
        "SELECT {user} AS user_id, {track} AS track_id, {event} AS event_id, "
        "CASE WHEN {event} IS NULL THEN {instant} END AS instant "
        "FROM {table} WHERE {day} AND NOT {private} AND NOT {null_id} AND NOT {short}"
    )
    return sql.SQL(question).format(
        user=_id(config.user_id, config.user_id_type),
        track=_id(config.track_id, config.track_id_type),
        event=event,
        instant=sql.Identifier(config.streamed_at),
        **_conditions(config),
        **_rows_of(config, day),
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


def catalogue_query(config: CatalogueConfig, id_type: IdType, track_ids: Ids) -> sql.Composed:
    """track_id, title, artist and released_on of the tracks asked for."""
    released: sql.Composable = sql.SQL("NULL")
    if config.released_on is not None:  # infinity and years before Christ are no dates of ours
        form = "CASE WHEN {0} BETWEEN '0001-01-01' AND '9999-12-31' THEN {0} END"
        released = sql.SQL(form).format(sql.Identifier(config.released_on))
    question = (
        "SELECT {track} AS track_id, {title}::text AS title, {artist}::text AS artist, {released} AS released_on "
        "FROM {table} WHERE {id}{cast} IN (SELECT unnest({wanted}::{array}))"
    )
    return sql.SQL(question).format(
        id=sql.Identifier(config.track_id),
        cast=sql.SQL("::text" if id_type == "text" else ""),
        track=_id(config.track_id, id_type),
        title=sql.Identifier(config.title),
        artist=sql.Identifier(config.artist),
        released=released,
        table=table_name(config.table),
        wanted=sql.Literal(_array_text(track_ids)),
        array=sql.SQL(_ARRAYS[id_type]),
    )


def _array_text(ids: Ids) -> str:
    """PostgreSQL's own spelling of an array: one literal, where a list of 500,000 would be as many to parse."""
    escaped = (str(each).replace("\\", "\\\\").replace('"', '\\"') for each in ids.to_pylist())
    return "{" + ",".join(f'"{each}"' for each in escaped) + "}"


def _within(instant: sql.Identifier, start: str, end: str) -> sql.Composed:
    return sql.SQL("({0} >= {1}::timestamptz AND {0} < {2}::timestamptz)").format(
        instant, sql.Literal(start), sql.Literal(end)
    )


def _rows_of(config: SourceConfig, day: Day) -> dict[str, sql.Composable]:
    within = _within(sql.Identifier(config.streamed_at), midnight(day), midnight(day, 1))
    return {"table": table_name(config.streams_table), "day": within}


def _id(column: str, kind: IdType) -> sql.Composed:
    return sql.SQL("{}::bigint" if kind == "bigint" else "{}::text").format(sql.Identifier(column))


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
    users = _no_id(config.user_id, config.user_id_type)
    tracks = _no_id(config.track_id, config.track_id_type)
    return {"private": private, "null_id": sql.SQL("({} OR {})").format(users, tracks), "short": short}


def _no_id(column: str, kind: IdType) -> sql.Composed:
    form = "({0} IS NULL OR {0} = '')" if kind == "text" else "({0} IS NULL)"
    return sql.SQL(form).format(sql.Identifier(column))
