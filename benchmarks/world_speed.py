"""How fast the synthetic music service goes into PostgreSQL: rows a second, and where the time goes.

    RECSYS_SOURCE_DSN=postgresql://... python -m benchmarks.world_speed [--preset demo] [--users 20000] [--days 35]

The database must hold no streams; the tables are left there. ``build`` computes listeners, catalogue and libraries,
``generate`` all rows in memory (not part of the total), ``write`` generates them again, hands them over, builds the
index and commits. The target is 200,000 rows a second over build and write together.

The bound is PostgreSQL's own COPY: the same rows, generated before, over COPY without index, are the last line.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from recsys_tasks.core.domain import Day
from recsys_tasks.demo.tables import create_tables, cursor_of, transaction
from recsys_tasks.demo.world import PRESETS, World, WorldParams, build_world, day_streams, write_world
from recsys_tasks.demo.world.write import copy_streams


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="demo")
    parser.add_argument("--users", type=int)
    parser.add_argument("--days", type=int)
    args = parser.parse_args()
    given = {name: value for name in ("users", "days") if (value := getattr(args, name)) is not None}
    measure(os.environ.get("RECSYS_SOURCE_DSN"), replace(PRESETS[args.preset], **given))


def measure(dsn: str | None, params: WorldParams) -> None:
    """Build, generate and write one world, and copy its rows once more without anything else."""
    build, world = timed(lambda: build_world(params))
    generate, rows = timed(lambda: sum(len(day_streams(world, day)) for day in days(params)))
    write, _ = timed(lambda: write_world(dsn, world))
    for name, seconds in (("build", build), ("generate", generate), ("write", write), ("build + write", build + write)):
        print(f"{name:16} {seconds:7.2f} s  {rows / seconds:12,.0f} rows/s")
    count, seconds = bare_copy(dsn, world)
    print(f"{'bare COPY':16} {seconds:7.2f} s  {count / seconds:12,.0f} rows/s (the first {count:,} rows)")


def bare_copy(dsn: str | None, world: World) -> tuple[int, float]:
    """Seconds of COPY alone for the rows of the first days, into a table that goes away again."""
    ready = [day_streams(world, day) for day in days(world.params)[:7]]
    with transaction(dsn) as connection, cursor_of(connection) as cursor:
        cursor.execute("CREATE SCHEMA bare; SET LOCAL search_path TO bare")
        create_tables(connection)
        seconds, _ = timed(lambda: [copy_streams(cursor, streams) for streams in ready])
        cursor.execute("DROP SCHEMA bare CASCADE")
    return sum(map(len, ready)), seconds


def days(params: WorldParams) -> list[Day]:
    """The dates of a world."""
    return [params.start + timedelta(days=index) for index in range(params.days)]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of some work, and its result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


if __name__ == "__main__":
    main()
