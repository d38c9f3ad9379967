"""Compare the source's tables with the configuration before a row is read, and say in one line what differs.

SQLAlchemy's inspector answers which tables, columns and types there are. The one question of our own is which columns
the role may not read: the inspector sees a table's privileges nowhere.
"""

import difflib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from sqlalchemy import Connection, Dialect, inspect
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.dialects.postgresql.base import PGInspector
from sqlalchemy.exc import SAWarning
from sqlalchemy.types import NullType, TypeEngine

from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.core.formatting import in_one_line
from recsys_tasks.core.policy import PrivacyConfig
from recsys_tasks.core.source import CatalogueConfig, IdType, SourceConfig
from recsys_tasks.source.connection import Snapshot
from recsys_tasks.source.queries import INTEGERS, table_name, table_parts

TEXTS = ("text", "varchar", "char")
FRACTIONS = ("real", "double precision", "numeric")
TEXT_ARRAYS = tuple(f"{text}[]" for text in TEXTS)
OF_FEATURES = (*INTEGERS, *FRACTIONS, "boolean", *TEXTS, *TEXT_ARRAYS)
"""Types of the columns of a catalogue that content can read."""
ID_KINDS: dict[IdType, tuple[str, ...]] = {"bigint": INTEGERS, "text": TEXTS, "uuid": ("uuid",)}
UNNAMED = "of no common type"
"""What a message calls a type that SQLAlchemy does not know."""
MOST_NAMES = 2000
"""So many names of tables are compared with one that does not exist."""

# The cast to regclass fails where the role may not use the schema; the server's message then says so.
_UNREADABLE = """
    SELECT attname, current_user, quote_ident(current_user) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
      AND NOT has_column_privilege(attrelid, attnum, 'SELECT')
"""


# What the session's search path finds, as the server would; a schema with a dot in its name cannot be configured.
_ON_THE_PATH = """
    SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (current_schemas(false))
      AND left(n.nspname, 3) <> 'pg_' AND position('.' in n.nspname) = 0
    ORDER BY array_position(current_schemas(false), n.nspname)
"""


@dataclass(frozen=True)
class FoundTable:
    """A table of the configuration as the source has it."""

    name: str  # schema.name, whatever the search path says later
    types: dict[str, str]
    """Column name -> type, as SQL names it, in lower case and without a length or precision."""


@dataclass(frozen=True)
class RequiredColumn:
    """A column that the configuration names."""

    field: str  # where in the configuration
    column: str
    kinds: tuple[str, ...]  # types that will do; none: any
    advice: str = "Cast it in a view, and name the view in the configuration."


def check_streams(at: Snapshot, config: SourceConfig) -> FoundTable:
    """Compare the table of the streams with the configuration.

    Raises:
        SourceMismatch: the table or a column is missing, is of another type, or may not be read; or the table's name
            has no schema, and several schemas of the search path have such a table.
    """
    zone = "It names no instant: make a view with streamed_at AT TIME ZONE 'UTC' (or the zone it was written in)."
    required = [
        RequiredColumn("source.user_id", config.user_id, ID_KINDS[config.user_id_type]),
        RequiredColumn("source.track_id", config.track_id, ID_KINDS[config.track_id_type]),
        RequiredColumn("source.streamed_at", config.streamed_at, ("timestamp with time zone",), zone),
    ]
    if config.event_id is not None:
        required.append(RequiredColumn("source.event_id", config.event_id, ()))
    if config.ms_played is not None:
        required.append(RequiredColumn("source.ms_played", config.ms_played, INTEGERS))
    if config.private_session is not None:
        required.append(RequiredColumn("source.private_session", config.private_session, ("boolean",)))
    return check_table(at, "source.streams_table", config.streams_table, required)


def check_catalogue(at: Snapshot, config: CatalogueConfig, track_id_type: IdType) -> FoundTable:
    """Compare the table of the tracks with the configuration. Raises as ``check_streams``."""
    optional = [
        ("artist", config.artist, TEXTS),
        ("released_on", config.released_on, ("date",)),
        ("artist_id", config.artist_id, (*INTEGERS, *TEXTS, "uuid")),
        ("kind", config.kind, TEXTS),
        ("available", config.available, ("boolean",)),
    ]
    required = [
        RequiredColumn("catalogue.track_id", config.track_id, ID_KINDS[track_id_type]),
        RequiredColumn("catalogue.title", config.title, TEXTS),
        *(RequiredColumn(f"catalogue.{name}", column, kinds) for name, column, kinds in optional if column),
        *(RequiredColumn(f"catalogue.features.{n}", column, OF_FEATURES) for n, column in config.features.items()),
    ]
    return check_table(at, "catalogue.table", config.table, required)


def check_erased_users(at: Snapshot, config: PrivacyConfig, user_id_type: IdType) -> FoundTable:
    """Compare the table of erasure requests with the configuration.

    Raises:
        SourceMismatch: the table or a column is missing, is of another type, or may not be read.
    """
    required = RequiredColumn("privacy.erased_user_id", config.erased_user_id, ID_KINDS[user_id_type])
    return check_table(at, "privacy.erased_users_table", config.erased_users_table, [required])


def check_table(at: Snapshot, field: str, table: str, required: Sequence[RequiredColumn]) -> FoundTable:
    """Compare a table with the columns that the configuration names. Raises as ``check_streams``."""
    inspector: PGInspector = inspect(at.connection)  # type: ignore[assignment] # the dialect's own
    schema, name = table_parts(table)
    schema = schema or _only_schema(at, field, name)
    if schema is None or not inspector.has_table(name, schema):
        raise _no_table(inspector, field, table)
    found = FoundTable(f"{schema}.{name}", column_types(at.connection, name, schema))
    quoted = table_name(found.name).as_string(at.cursor)
    at.cursor.execute(_UNREADABLE, (quoted,))
    unreadable = at.cursor.fetchall()
    for each in required:
        _check_column(each, table, found.types)
    missing = sorted({column for column, _, _ in unreadable} & {each.column for each in required})
    if missing:
        _, role, quoted_role = unreadable[0]
        raise SourceMismatch(
            f"Role {role} may not read {', '.join(missing)} of {table}. "
            f"As its owner: GRANT SELECT ON {quoted} TO {quoted_role};"
        )
    return found


def _only_schema(at: Snapshot, field: str, name: str) -> str | None:
    """The schema of the search path that has a table of this name; None where there is none.

    Raises:
        SourceMismatch: several have one, so that whoever changes the path would choose what is read.
    """
    at.cursor.execute(_ON_THE_PATH, (name,))
    schemas = [schema for (schema,) in at.cursor.fetchall()]
    if len(schemas) > 1:
        names = in_one_line(" or ".join(f"{schema}.{name}" for schema in schemas))
        raise SourceMismatch(
            f"The source has several tables {name} in the schemas that are searched. Write {field} = {names}."
        )
    return schemas[0] if schemas else None


def column_types(connection: Connection, name: str, schema: str | None = None) -> dict[str, str]:
    """The columns of a table or view, and their types as ``check_streams`` gives them."""
    inspector = inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of types that it does not know, in columns that we do not read
        columns = inspector.get_columns(name, schema)
    return {column["name"]: _type_name(inspector.dialect, column["type"]) for column in columns}


def _type_name(dialect: Dialect, kind: TypeEngine[Any]) -> str:
    """A type as SQL names it, in lower case; a domain by the type below it, and any without length or precision."""
    while isinstance(kind, DOMAIN):
        kind = kind.data_type
    if isinstance(kind, NullType):
        return UNNAMED
    return re.sub(r"\(.*?\)", "", kind.compile(dialect)).lower()


def _no_table(inspector: PGInspector, field: str, table: str) -> SourceMismatch:
    names: dict[str, str] = {}
    for schema, name in islice(_tables(inspector), MOST_NAMES):
        names[name.lower()] = names[f"{schema}.{name}".lower()] = f"{schema}.{name}"
    near = [names[spelling] for spelling in difflib.get_close_matches(table.lower(), names, n=3)]
    like = f"(names like it: {in_one_line(', '.join(dict.fromkeys(near)))})" if near else "(and none of a like name)"
    return SourceMismatch(f"The source has no table or view {table} {like}. Correct {field}, or create it.")


def _tables(inspector: PGInspector) -> Iterator[tuple[str, str]]:
    """Schema and name of everything that can be read like a table."""
    for schema in inspector.get_schema_names():
        if schema != "information_schema":
            kinds = (inspector.get_table_names, inspector.get_view_names, inspector.get_materialized_view_names,
                     inspector.get_foreign_table_names)  # fmt: skip
            yield from ((schema, name) for name in chain.from_iterable(names(schema) for names in kinds))


def _check_column(required: RequiredColumn, table: str, types: dict[str, str]) -> None:
    kind = types.get(required.column)
    if kind is None:
        others = in_one_line(", ".join(types)) or "none"
        raise SourceMismatch(
            f"{table} has no column {required.column}; it has {others}. Correct {required.field}, "
            "or add the column in a view."
        )
    if required.kinds and kind not in required.kinds:
        fitting = next((name for name, kinds in ID_KINDS.items() if kind in kinds), None)
        is_id = required.field in ("source.user_id", "source.track_id", "catalogue.track_id")
        side = "track" if "track" in required.field else "user"
        advice = f'Set source.{side}_id_type = "{fitting}".' if is_id and fitting else required.advice
        raise SourceMismatch(
            f"Column {required.column} of {table} is {kind}, and {required.field} needs {' or '.join(required.kinds)}. "
            f"{advice}"
        )
