"""What a role may read: tables, partitioned tables, views and materialized views, with columns and types, as values."""

from dataclasses import dataclass

from recsys_tasks.source.connection import Snapshot

# The type below a domain, however deep; a partition is shown by its parent. to_regclass finds nothing in a schema that
# the role may not use, and so would has_column_privilege.
_RELATIONS = """
    SELECT n.nspname, c.relname, c.relkind::text, a.attname,
        (WITH RECURSIVE below AS (
            SELECT a.atttypid AS id
            UNION ALL SELECT t.typbasetype FROM below JOIN pg_type t ON t.oid = below.id WHERE t.typtype = 'd')
         SELECT format_type(below.id, NULL) FROM below JOIN pg_type t ON t.oid = below.id WHERE t.typtype <> 'd')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%%'
      AND position('.' in n.nspname) = 0 AND position('.' in c.relname) = 0
      AND a.attnum > 0 AND NOT a.attisdropped
      AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
    ORDER BY n.nspname, c.relname, a.attnum
"""
_KINDS = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table"}
_SHORT = {"character varying": "varchar", "character": "char"}


@dataclass(frozen=True)
class Relation:
    """Something that can be read like a table, with the columns that the role may read."""

    schema: str
    table: str
    kind: str
    columns: dict[str, str]  # name -> type, as ``check_streams`` gives them

    @property
    def name(self) -> str:
        """As the configuration names it."""
        return f"{self.schema}.{self.table}"


def readable_relations(at: Snapshot) -> list[Relation]:
    """Everything of the database that the role may read, without the system's own, by schema and name."""
    at.cursor.execute(_RELATIONS, ())
    found: dict[tuple[str, str], Relation] = {}
    for schema, table, kind, column, type_name in at.cursor.fetchall():
        relation = found.setdefault((schema, table), Relation(schema, table, _KINDS[kind], {}))
        relation.columns[column] = _SHORT.get(type_name, type_name)
    return list(found.values())
