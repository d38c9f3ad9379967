"""A day over several connections that see one exported snapshot, beside the day over one.

    python -m benchmarks.connections --size small|full

The sides take turns in one process; the server is on the same machine, so that on two cores it and the client are in
each other's way. ``CPU`` is that of client and server together: what more connections cost, whatever the clock says.
"""

import argparse
import statistics
from functools import partial

import psycopg2

from benchmarks.extraction import DAY, ROUNDS, ROWS, cpu_seconds, fill
from benchmarks.harness import FULL, SMALL, Side, Table, compare, keep
from benchmarks.source_day import embedded_server
from recsys_tasks.core.source import SourceConfig
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day
from recsys_tasks.storage.stored_forms import counts_digest

CONNECTIONS = (1, 2, 4)


def main() -> None:
    """One day of whole numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    with embedded_server() as dsn:
        fill(dsn, ROWS[size], "bigint")
        keep(table(dsn, size))


def table(dsn: str, size: str) -> Table:
    """Let the numbers of connections take turns, after a look that they agree."""

    def extracted(connections: int) -> str:
        with Source(dsn, SourceConfig(history_start=DAY, connections=connections)) as source:
            return counts_digest(extract_day(source, DAY).counts)

    assert len({extracted(n) for n in CONNECTIONS}) == 1, "the sides differ"  # noqa: S101
    asking = psycopg2.connect(dsn)
    cpu = [statistics.median(cpu_seconds(asking, partial(extracted, n)) for _ in range(3)) for n in CONNECTIONS]
    asking.close()
    sides = [
        Side(f"{n} connection{'s' if n > 1 else ''}", partial(extracted, n), f"{spent:.2f} s of CPU")
        for n, spent in zip(CONNECTIONS, cpu, strict=True)
    ]
    about = f"{ROWS[size]:,} rows of a day and their repetitions, with the tally of the same snapshot."
    return Table("connections", "Extraction over several connections", size, about, compare(sides, ROUNDS))


if __name__ == "__main__":
    main()
