"""What ``recsys doctor`` asks of an Airflow: a program of its own, because our library imports none.

Reads ``{"pools": [name], "connections": [name], "dags": [id]}`` from its input; the last line that it writes is JSON, in
which nothing of a connection stands but its type. Run it with the Python of the Airflow that is asked.
"""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

PLUGIN = "recsys"
UNREADABLE = "unreadable"


def main() -> None:
    """Ask, and tell; what cannot be asked is told by the name of its error."""
    from airflow import __version__

    asked = json.load(sys.stdin)
    told: dict[str, Any] = {"version": __version__}
    for name, question in (
        ("plugin", plugin),
        ("connections", lambda: {each: has_connection(each) for each in asked["connections"]}),
        ("database", lambda: of_database(asked["pools"], asked["dags"])),
    ):
        try:
            told[name] = question()
        except Exception as error:  # whatever it is, the other answers are told, and its text may hold an address
            told[name] = {"error": type(error).__name__}
    print(json.dumps(told))


def plugin() -> dict[str, Any]:
    """Whether the plugin is loaded, and the files of plugins that could not be."""
    from airflow import plugins_manager

    plugins_manager.ensure_plugins_loaded()
    names = [each["name"] for each in plugins_manager.get_plugin_info()]
    return {"loaded": PLUGIN in names, "broken": sorted(plugins_manager.get_import_errors())}


def has_connection(name: str) -> str:
    """The type of a connection, wherever Airflow keeps it; empty where there is none, UNREADABLE where none is read.

    Of one that another Fernet key encrypted, Airflow says to its tasks that there is none.
    """
    from airflow.exceptions import AirflowNotFoundException
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    try:
        return str(Connection.get_connection_from_secrets(name).conn_type or "untyped")
    except AirflowNotFoundException:
        with create_session() as session:
            return UNREADABLE if session.scalar(select(Connection.conn_id).where(Connection.conn_id == name)) else ""


def of_database(pools: Iterable[str], dags: Iterable[str]) -> dict[str, Any]:
    """Slots of the pools, state of the DAGs (none: unknown), and the DAG files that cannot be imported."""
    from airflow.models.dag import DagModel
    from airflow.models.errors import ParseImportError
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        slots = {pool.pool: pool.slots for pool in session.scalars(select(Pool))}
        known = {dag.dag_id: dag for dag in session.scalars(select(DagModel))}
        broken = sorted(str(each.filename) for each in session.scalars(select(ParseImportError)))
    states = {name: _state(known.get(name)) for name in dags}
    return {"pools": {name: slots.get(name) for name in pools}, "dags": states, "import_errors": broken}


def _state(dag: Any) -> str:
    if dag is None or dag.is_stale:
        return ""
    return "paused" if dag.is_paused else "on"


if __name__ == "__main__":
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    main()
