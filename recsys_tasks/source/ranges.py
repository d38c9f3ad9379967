"""The streams of a day over several connections that all see one exported snapshot, an hour at a time.

A client's memory then holds the rows as numbers or texts, and of the form in which they travel one hour a connection.
Which connection reads which hour is left to chance; the rows of an hour are the same whoever reads them, and their
tables are joined in the order of the hours.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue

import psycopg2
import pyarrow as pa

from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.source.connection import Address, Cursor
from recsys_tasks.source.queries import Window
from recsys_tasks.source.refusals import condition

RANGE = timedelta(hours=1)
"""What is read by one COPY: of the busiest hour a few per cent of a day."""


def ranges_of(window: Window) -> list[Window]:
    """A window cut into hours, the last of which may be shorter."""
    start, end = window
    starts = [start + n * RANGE for n in range(-(-(end - start) // RANGE))]
    return [(each, min(each + RANGE, end)) for each in starts]


def exported_snapshot(cursor: Cursor, address: Address) -> str:
    """Export the snapshot of a transaction for as long as it is open; its name on the server.

    A hot standby exports its own from PostgreSQL 10 on.

    Raises:
        SourceMismatch: the server, or the role's rights, do not allow it.
    """
    try:
        cursor.execute("SELECT pg_catalog.pg_export_snapshot()")
    except psycopg2.OperationalError:
        raise  # it broke off
    except psycopg2.Error as error:
        raise SourceMismatch(
            f"The source ({address.place}) does not let this role export a snapshot: {condition(error)}. Without one, "
            "several connections would see several states of the day. GRANT EXECUTE ON FUNCTION pg_export_snapshot() "
            "to the role, or set source.connections = 1."
        ) from None
    ((name,),) = cursor.fetchall()
    return str(name)


def read_ranges(
    cursors: Sequence[Cursor], windows: Sequence[Window], read: Callable[[Cursor, Window], pa.Table]
) -> pa.Table:
    """Read each window once, each cursor in a thread of its own; what fails in one ends the others.

    Args:
        cursors: of transactions that see one snapshot, each of a connection of its own.
        windows: what to read, at least one.
        read: reads the rows of a window.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for number in range(len(windows)):
        waiting.put(number)
    tables: dict[int, pa.Table] = {}

    def work(cursor: Cursor) -> None:
        with suppress(Empty):
            while True:
                number = waiting.get_nowait()
                tables[number] = read(cursor, windows[number])

    with ThreadPoolExecutor(len(cursors)) as pool:
        working = [pool.submit(work, cursor) for cursor in cursors]
        try:
            for done in as_completed(working):
                done.result()
        except BaseException:
            with suppress(Empty):
                while True:
                    waiting.get_nowait()
            for cursor in cursors:
                with suppress(psycopg2.Error):
                    cursor.connection.cancel()
            raise
    return pa.concat_tables([tables[number] for number in range(len(windows))])
