"""What stands in the sink under the names of our tables, and whether it may be replaced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from recsys_tasks.core.errors import SinkRefused
from recsys_tasks.delivery.marker import Marker, marker_in

NEXT, PREVIOUS = "_next", "_previous"
"""Ends of the names of the table that is being filled, and of the one that was there before."""
_FOUND = text("""
SELECT c.relname, c.oid, c.relkind, pg_get_userbyid(c.relowner) AS owner, obj_description(c.oid, 'pg_class') AS comment,
       pg_has_role(c.relowner, 'USAGE') AS may, c.relrowsecurity AS secured,
       (SELECT string_agg(DISTINCT v.oid::regclass::text, ', ')
        FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
          AND v.oid <> c.oid) AS views
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relname = ANY(:names)
""")
_SCHEMA = text("""
SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')
FROM pg_namespace WHERE nspname = :schema
""")


@dataclass(frozen=True)
class Relation:
    """A relation of the sink."""

    name: str
    oid: int
    owner: str
    marker: Marker


def require_schema(connection: Connection, schema: str, place: str) -> None:
    """Pass where this role may make tables in a schema.

    Raises:
        SinkRefused: there is none, or it may not.
    """
    may = connection.execute(_SCHEMA, {"schema": schema}).scalar()
    if may is None:
        raise SinkRefused(
            f"The sink ({place}) has no schema {schema}. CREATE SCHEMA {schema} AUTHORIZATION the role of the "
            "connection; or name another one in [deliver] sink_schema."
        )
    if not may:
        raise SinkRefused(
            f"The sink ({place}) lets this role make no table in schema {schema}. As its owner: GRANT USAGE, CREATE ON "
            f"SCHEMA {schema} TO the role of the connection; or name another one in [deliver] sink_schema."
        )


def relations(
    connection: Connection, schema: str, products: Iterable[str], store: str, place: str
) -> Mapping[str, Relation]:
    """What stands under the names of our tables, by name.

    Args:
        connection: of the sink, in a transaction.
        schema: where they stand.
        products: names of the products.
        store: id of the store whose deliveries these are.
        place: of the sink, for the messages.

    Raises:
        SinkRefused: one of them is not ours to replace.
    """
    names = [product + end for product in products for end in ("", NEXT, PREVIOUS)]
    found = {}
    for row in connection.execute(_FOUND, {"schema": schema, "names": names}):
        called, marker = f"{schema}.{row.relname} of the sink ({place})", marker_in(row.comment)
        if marker is None or row.relkind != "r":
            raise SinkRefused(
                f"{called} was not made by a delivery, and is not touched. Rename it, or name another schema in "
                "[deliver] sink_schema."
            )
        if marker.store != store:
            raise SinkRefused(
                f"{called} is of another store ({marker.store[:8]}). Name another schema in [deliver] sink_schema; or "
                "drop the table, if that store is no more."
            )
        if not row.may:
            raise SinkRefused(
                f"{called} belongs to {row.owner}, so that this role may not replace it. As its owner: ALTER TABLE ... "
                "OWNER TO the role of the connection."
            )
        if row.secured:
            raise SinkRefused(
                f"{called} has row-level security, which a new table would not have. Disable it, and "
                "let whoever may see some rows alone read them through a function."
            )
        if row.views:
            raise SinkRefused(
                f"{called} is read by the view {row.views}, which would go on reading the old rows after a swap. Drop "
                "the view and read the table, or read it through a function, which looks it up each time."
            )
        found[row.relname] = Relation(row.relname, row.oid, row.owner, marker)
    return found
