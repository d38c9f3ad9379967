"""Are the source's tables what the configuration says? Asked before a row is read, answered in one clear line."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from recsys_tasks.core.config import CatalogueConfig, IdType, SourceConfig
from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.source.connection import Cursor
from recsys_tasks.source.queries import INTEGERS, table_name

TEXTS = ("text", "character varying", "character")
ID_KINDS: dict[IdType, tuple[str, ...]] = {"bigint": INTEGERS, "text": TEXTS, "uuid": ("uuid",)}

_TABLE = """
    SELECT c.oid, c.relkind IN ('r', 'p', 'v', 'm', 'f'), current_user, quote_ident(current_user)
    FROM pg_class c WHERE c.oid = to_regclass(%s)
"""
_COLUMNS = """
    SELECT a.attname, format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), NULL),
           has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_VISIBLE_TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    ORDER BY 1, 2 LIMIT 2000
"""


@dataclass(frozen=True)
class Wanted:
    """A column that the configuration names."""

    field: str  # where in the configuration
    column: str
    kinds: tuple[str, ...]  # types that will do; none: any
    advice: str = "Cast it in a view, and name the view in the configuration."


def check_streams(cursor: Cursor, config: SourceConfig) -> dict[str, str]:
    """Compare the table of the streams with the configuration.

    Returns:
        Column name -> type, as PostgreSQL calls it.

    Raises:
        SourceMismatch: the table or a column is missing, is of another type, or may not be read.
    """
    zone = "It names no instant: make a view with streamed_at AT TIME ZONE 'UTC' (or the zone it was written in)."
    wanted = [
        _wanted_id("source.user_id", config.user_id, config.user_id_type),
        _wanted_id("source.track_id", config.track_id, config.track_id_type),
        Wanted("source.streamed_at", config.streamed_at, ("timestamp with time zone",), zone),
    ]
    if config.event_id is not None:
        wanted.append(Wanted("source.event_id", config.event_id, ()))
    if config.ms_played is not None:
        wanted.append(Wanted("source.ms_played", config.ms_played, INTEGERS))
    if config.private_session is not None:
        wanted.append(Wanted("source.private_session", config.private_session, ("boolean",)))
    return _check(cursor, "source.streams_table", config.streams_table, wanted)


def check_catalogue(cursor: Cursor, config: CatalogueConfig, track_id_type: IdType) -> None:
    """Compare the table of the tracks with the configuration.

    Raises:
        SourceMismatch: the table or a column is missing, is of another type, or may not be read.
    """
    wanted = [
        _wanted_id("catalogue.track_id", config.track_id, track_id_type),
        Wanted("catalogue.title", config.title, TEXTS),
        Wanted("catalogue.artist", config.artist, TEXTS),
    ]
    if config.released_on is not None:
        wanted.append(Wanted("catalogue.released_on", config.released_on, ("date",)))
    _check(cursor, "catalogue.table", config.table, wanted)


def _wanted_id(field: str, column: str, id_type: IdType) -> Wanted:
    return Wanted(field, column, ID_KINDS[id_type])


def _check(cursor: Cursor, field: str, table: str, wanted: Sequence[Wanted]) -> dict[str, str]:
    quoted = table_name(table).as_string(cursor)
    cursor.execute(_TABLE, (quoted,))
    found = cursor.fetchone()
    if found is None or not found[1]:
        raise _no_table(cursor, field, table)
    cursor.execute(_COLUMNS, (found[0],))
    columns = cursor.fetchall()
    types = {name: kind for name, kind, _ in columns}
    for each in wanted:
        _check_column(each, table, types)
    unreadable = {name for name, _, readable in columns if not readable} & {each.column for each in wanted}
    if unreadable:
        raise SourceMismatch(
            f"Role {found[2]} may not read {', '.join(sorted(unreadable))} of {table}. "
            f"As its owner: GRANT SELECT ON {quoted} TO {found[3]};"
        )
    return types


def _no_table(cursor: Cursor, field: str, table: str) -> SourceMismatch:
    cursor.execute(_VISIBLE_TABLES)
    names = {spelling: f"{schema}.{name}" for schema, name in cursor.fetchall()
             for spelling in (name.lower(), f"{schema}.{name}".lower())}  # fmt: skip
    near = [names[spelling] for spelling in difflib.get_close_matches(table.lower(), names, n=3)]
    like = f"(names like it: {', '.join(dict.fromkeys(near))})" if near else "(and none of a like name)"
    return SourceMismatch(f"The source has no table or view {table} {like}. Correct {field}, or create it.")


def _check_column(wanted: Wanted, table: str, types: dict[str, str]) -> None:
    kind = types.get(wanted.column)
    if kind is None:
        raise SourceMismatch(
            f"{table} has no column {wanted.column}; it has {', '.join(types) or 'none'}. Correct {wanted.field}, or "
            "add the column in a view."
        )
    if wanted.kinds and kind not in wanted.kinds:
        fitting = next((name for name, kinds in ID_KINDS.items() if kind in kinds), None)
        is_id = wanted.field.endswith((".user_id", ".track_id"))
        side = "track" if "track" in wanted.field else "user"
        advice = f'Set source.{side}_id_type = "{fitting}".' if is_id and fitting else wanted.advice
        raise SourceMismatch(
            f"Column {wanted.column} of {table} is {kind}, and {wanted.field} needs {' or '.join(wanted.kinds)}. "
            f"{advice}"
        )
