"""How the server would find one day's streams: by an index on the instant, by partitions, or by reading everything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from recsys_tasks.core.source import SourceConfig
from recsys_tasks.source.connection import Snapshot
from recsys_tasks.source.queries import Window, instants_query, table_name

_CONDITIONS = ("Index Cond", "Recheck Cond")
_COLUMN = r'(?:(?:"[^"]+"|\w+)\.)?("[^"]+"|\w+)'
_IN_A_ZONE = rf"\({_COLUMN} AT TIME ZONE ('[^']+')::text\)"
"""A timestamp without time zone as a view names its instant: the view that ``init`` prints, for one."""
_PARTITIONED_BY = """
    SELECT 1 FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
    WHERE p.partrelid = to_regclass(%s) AND a.attname = %s
"""
_ROOT = "SELECT pg_partition_root(to_regclass(%s))::text"


@dataclass(frozen=True)
class WayToADay:
    """How a day is found, and the statement that would make it better; empty where nothing has to be made."""

    found_by: str
    create_index: str = ""


def way_to_a_day(at: Snapshot, config: SourceConfig, window: Window) -> WayToADay:
    """How the server finds the streams of a day. Small tables are asked as if they were large.

    Raises:
        psycopg2.Error: the table is not what the configuration says; ``snapshot`` turns it into a refusal.
    """
    question = instants_query("SELECT count(*) FROM {table} WHERE {within}", config, window)
    at.cursor.execute("SET LOCAL enable_seqscan = off")  # otherwise a table of a few pages never shows its index
    at.cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON, VERBOSE) {}").format(question))
    begins = window[0].date().isoformat()  # as the plan shows the instant: in UTC, like the session
    nodes = list(_nodes(at.cursor.fetchone()[0][0]["Plan"]))  # type: ignore[index]  # EXPLAIN answers with one row
    at.cursor.execute("SET LOCAL enable_seqscan = on")
    by_index = [node for node in nodes if any(begins in str(node.get(name)) for name in _CONDITIONS)]
    if by_index:
        names = [str(node["Index Name"]) for node in by_index if node.get("Index Name")]
        return WayToADay(f"index {names[0]}" if len(names) == 1 else f"{len(names)} indexes")
    at.cursor.execute(_PARTITIONED_BY, (table_name(config.streams_table).as_string(at.cursor), config.streamed_at))
    if at.cursor.fetchone():
        return WayToADay("partitions by the instant, and no index in them")
    return WayToADay("nothing: every day reads the whole table", _create_index(at, config, nodes, begins))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _create_index(at: Snapshot, config: SourceConfig, nodes: list[dict[str, Any]], begins: str) -> str:
    """The index that is missing, on the table that the plan reads: below a view its name and column may be others."""
    for node in nodes:
        condition = str(node.get("Filter", ""))
        found = re.search(f"(?:{_IN_A_ZONE}|{_COLUMN}) >= '{begins}", condition)
        if found and "Relation Name" in node:
            zoned, zone, column = found.groups()
            indexed = f"({zoned} AT TIME ZONE {zone})" if zoned else column
            table = sql.Identifier(str(node["Schema"]), str(node["Relation Name"])).as_string(at.cursor)
            at.cursor.execute(_ROOT, (table,))
            (root,) = at.cursor.fetchone()  # type: ignore[misc]  # the plan has just named it
            concurrently = "" if root else "CONCURRENTLY "  # which no partitioned table can do
            return f"CREATE INDEX {concurrently}ON {root or table} ({indexed});"
    instant = sql.Identifier(config.streamed_at).as_string(at.cursor)
    return f"CREATE INDEX ON {table_name(config.streams_table).as_string(at.cursor)} ({instant});"
