"""The demonstration tables in a test's own database."""

from recsys_tasks.demo.tables import create_tables, transaction


def make_tables(dsn: str, *types: str) -> None:
    """Create them with ids of these types."""
    with transaction(dsn) as connection:
        create_tables(connection, *types)
