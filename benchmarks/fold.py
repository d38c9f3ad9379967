"""Fold of one day into a play matrix, with loading, checking, saving and syncing, against counting everything anew.

    python -m benchmarks.fold [--size small|full]

Ours is the step ``increment_matrix`` as the pipeline runs it, yesterday's matrix lying in the store. The rebuild reads
all partitions and counts them in one go (scipy's COO to CSR); a rebuild from streams has to read each day from the
server first, which is measured on one day and multiplied.

The physical limit is the bytes themselves: yesterday's files and the day's partition read once, today's written and
synced once. What checksums add to it (each of these bytes through SHA-256 once, on one core) is a side of its own.
"""

import argparse
import hashlib
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness import FULL, SMALL, Line, Side, Table, compare, keep, measured, touch_memory
from benchmarks.source_day import server_with
from benchmarks.synthetic import Service, rebuilt, save_days, save_history
from recsys_tasks.matrix.play_matrix import chain_digests
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps import Workplace, increment_matrix
from recsys_tasks.storage.store import Store

SIZES = {SMALL: Service(100_000, 62_000, 230_000, 31), FULL: Service(1_000_000, 620_000, 2_060_000, 31)}
ROUNDS = {SMALL: 7, FULL: 9}


def main() -> None:
    """Fill a store, let the sides take turns, keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    root = Path(tempfile.mkdtemp(prefix="recsys-fold-"))
    try:
        keep(table(size, SIZES[size], Store(root)))
    finally:
        shutil.rmtree(root)


def table(size: str, service: Service, store: Store) -> Table:
    """The answer at one size."""
    history = service.days - 1
    yesterday = store.matrix_path(service.day(history - 1), save_history(store, service, history))
    save_days(store, service, [history])
    at, days = Workplace(store, service.config()), [service.day(number) for number in range(service.days)]
    today = store.root / "matrices"
    forget = _forgetting(today, yesterday)
    increment_matrix(at, days[-1])
    figures = store.matrix_figures(days[-1], increment_matrix(at, days[-1])["matrix"])
    made = next(path for path in today.iterdir() if path != yesterday)
    read, written = [*yesterday.iterdir(), *store.partition_path(days[-1]).iterdir()], list(made.iterdir())
    bytes_read, bytes_written = (sum(path.stat().st_size for path in paths) for paths in (read, written))
    sizes = [path.stat().st_size for path in written]
    forget()

    def rebuild() -> None:
        matrix = rebuilt(store, days)
        store.save_matrix(matrix, chain_digests(matrix.chain)[-1])

    lines = compare(
        [
            Side("increment_matrix", lambda: increment_matrix(at, days[-1]), before=forget),
            Side("rebuild from partitions", rebuild, f"{len(days)} partitions", before=forget),
            Side("bytes read and written", lambda: move(read, sizes, store.root / "bytes"), limit=True, before=forget),
            Side("SHA-256 of the same bytes", lambda: digest_all(read, sizes), "one core, nothing read", limit=True),
        ],
        ROUNDS[size],
    )
    lines.insert(2, from_streams(service, lines))
    before = int(figures["pairs"])
    matrix_mb = bytes_written / 2**20
    ours, _, _, limit, digests = lines
    cores = os.cpu_count() or 1
    rebuilding, checked = lines[1].ratio, limit.ratio + digests.ratio / cores
    met = (
        f"asked for: 10x faster than a rebuild ({rebuilding:.1f}x from partitions, where the bytes alone would be "
        f"{rebuilding / limit.ratio:.1f}x, and with their checksums on {cores} cores {rebuilding / checked:.1f}x; "
        f"{lines[2].ratio:.1f}x from streams), at most 3x of the limit "
        f"({1 / limit.ratio:.1f}x), peak at most 2.5x the matrix ({ours.megabytes / matrix_mb:.2f}x)."
    )
    about = (
        f"{service.streams_a_day:,} streams of a day folded into the matrix of {history} days; with them it has "
        f"{before:,} pairs of {figures['users']:,} listeners and {figures['tracks']:,} tracks ({matrix_mb:,.0f} MB; "
        f"{bytes_read / 2**20:,.0f} MB are read)."
    )
    return Table("fold", "Fold of a day", size, about, lines, met)


def from_streams(service: Service, lines: list[Line]) -> Line:
    """The rebuild from streams: one day's extraction measured, times the days, and the rebuild from partitions."""
    with server_with(service, [service.days - 1]) as dsn, Source(dsn, service.config().source) as source:
        source.check()
        days = [measured(lambda: source.extract_day(service.day(service.days - 1)))[0] for _ in range(5)]
        a_day = statistics.median(days)
    rebuild = lines[1]
    total = rebuild.seconds + a_day * service.days
    note = f"reckoned: {a_day:.2f} s for one day's extraction, times {service.days}, and the rebuild"
    spread = (rebuild.spread[0] + a_day * service.days, rebuild.spread[1] + a_day * service.days)
    return replace(
        rebuild, name="rebuild from streams", seconds=total, spread=spread, ratio=total / lines[0].seconds, note=note
    )


def _forgetting(folder: Path, kept: Path) -> Callable[[], None]:
    """Remove every matrix but one, and have memory at hand, which no side shall pay a virtual machine for."""

    def forget() -> None:
        for path in folder.iterdir():
            if path != kept:
                shutil.rmtree(path)
        os.sync()
        touch_memory()

    return forget


def move(read: list[Path], sizes: list[int], folder: Path) -> None:
    """Read files, and write and sync files of such sizes."""
    largest = max(sizes)
    kept = np.zeros(largest, np.uint8)
    for path in read:
        with path.open("rb", buffering=0) as file:
            file.readinto(memoryview(kept)[: path.stat().st_size])
    folder.mkdir()
    for number, size in enumerate(sizes):
        with (folder / str(number)).open("wb", buffering=0) as file:
            file.write(memoryview(kept)[:size])
            os.fsync(file.fileno())
    shutil.rmtree(folder)


def digest_all(read: list[Path], sizes: list[int]) -> None:
    """SHA-256 of as many bytes, from a buffer that is in memory already."""
    buffer = memoryview(bytes(1 << 24))
    left = sum(path.stat().st_size for path in read) + sum(sizes)
    digest = hashlib.sha256()
    for _ in range(left >> 24):
        digest.update(buffer)


if __name__ == "__main__":
    main()
