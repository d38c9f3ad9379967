"""Owner and grants of a table carried over to the one that takes its place."""

from collections.abc import Iterator

from sqlalchemy import Connection, Table, text

_TABLE_GRANTS = text("""
SELECT a.privilege_type AS privilege, NULL AS column_name, a.is_grantable,
       CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END AS role
FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = :oid AND a.grantee <> c.relowner
UNION ALL
SELECT a.privilege_type, t.attname, a.is_grantable, CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped, aclexplode(t.attacl) a
WHERE c.oid = :oid AND a.grantee <> c.relowner
""")
"""Role (null: everybody), privilege and, of a grant on a column alone, its name."""
_OID = text("SELECT to_regclass(:name)::oid")


def carry_over(connection: Connection, old: int, new: Table) -> None:
    """Give a new table the owner's grants of an old one, and no others: what default privileges gave it is taken back.

    Args:
        connection: of the sink, in a transaction.
        old: oid of the old table.
        new: the new one.
    """
    shown = connection.dialect.identifier_preparer.format_table(new)
    oid = connection.execute(_OID, {"name": shown}).scalar_one()
    for role in {row.role for row in connection.execute(_TABLE_GRANTS, {"oid": oid})}:
        connection.exec_driver_sql(f"REVOKE ALL ON {shown} FROM {_role(connection, role)}")
    columns = {column.name for column in new.columns}
    for statement in _grants(connection, old, shown, columns):
        connection.exec_driver_sql(statement)


def _grants(connection: Connection, old: int, new: str, columns: set[str]) -> Iterator[str]:
    quote = connection.dialect.identifier_preparer.quote
    for row in connection.execute(_TABLE_GRANTS, {"oid": old}).all():
        if row.column_name and row.column_name not in columns:
            continue
        of = f" ({quote(row.column_name)})" if row.column_name else ""
        option = " WITH GRANT OPTION" if row.is_grantable else ""
        yield f"GRANT {row.privilege}{of} ON {new} TO {_role(connection, row.role)}{option}"


def _role(connection: Connection, name: str | None) -> str:
    return connection.dialect.identifier_preparer.quote(name) if name else "PUBLIC"


def set_owner(connection: Connection, table: Table, owner: str) -> None:
    """Make a table belong to the owner of the one whose place it takes."""
    prepare = connection.dialect.identifier_preparer
    if owner != connection.exec_driver_sql("SELECT current_user").scalar():
        connection.exec_driver_sql(f"ALTER TABLE {prepare.format_table(table)} OWNER TO {prepare.quote(owner)}")
