"""Fold of one day into a play matrix, with loading, checking, saving and syncing, against counting everything anew.

    python -m benchmarks.fold [--size small|full]

Ours is the step ``increment_matrix`` as the pipeline runs it, yesterday's matrix lying in the store; it also divides
the day's listeners and stores the split, which no other side does. The rebuild reads all partitions and counts them in
one go (scipy's COO to CSR); a rebuild from streams has to read each day from the server first, which is measured on one
day and multiplied.

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
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.partitions.repository import partition_name
from recsys_tasks.repositories.matrices import FOLDER as MATRICES
from recsys_tasks.repositories.matrices import Matrices, matrix_name
from recsys_tasks.repositories.splits import FOLDER as SPLITS
from recsys_tasks.repositories.splits import split_name
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps import Workplace, increment_matrix
from recsys_tasks.steps.extract import extract_day
from recsys_tasks.storage.posix import PosixStore

SIZES = {SMALL: Service(100_000, 62_000, 230_000, 31), FULL: Service(1_000_000, 620_000, 2_060_000, 31)}
ROUNDS = {SMALL: 7, FULL: 9}


def main() -> None:
    """Fill a store, let the sides take turns, keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    root = Path(tempfile.mkdtemp(prefix="recsys-fold-"))
    try:
        keep(table(size, SIZES[size], PosixStore(root)))
    finally:
        shutil.rmtree(root)


def table(size: str, service: Service, store: PosixStore) -> Table:
    """The answer at one size."""
    history = service.days - 1
    yesterday = store.root / matrix_name(service.day(history - 1), save_history(store, service, history))
    save_days(store, service, [history])
    at, days = Workplace(store, service.config()), [service.day(number) for number in range(service.days)]
    forget = _forgetting(store.root, yesterday)
    folded = increment_matrix(at, days[-1])
    figures = folded.figures
    matrix = list((store.root / matrix_name(days[-1], folded.matrix)).iterdir())
    written = [*matrix, *(store.root / split_name(days[-1], folded.split)).iterdir()]
    read = [*yesterday.iterdir(), *(store.root / partition_name(days[-1])).iterdir()]
    sizes = [path.stat().st_size for path in written]
    matrix_mb, read_mb = (sum(path.stat().st_size for path in paths) / 2**20 for paths in (matrix, read))
    forget()

    def rebuild() -> None:
        matrix = rebuilt(store, days)
        Matrices(store).save(matrix, chain_digests(matrix.chain)[-1])

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
        f"{figures.pairs:,} pairs of {figures.users:,} listeners and {figures.tracks:,} tracks ({matrix_mb:,.0f} MB; "
        f"{read_mb:,.0f} MB are read)."
    )
    return Table("fold", "Fold of a day", size, about, lines, met)


def from_streams(service: Service, lines: list[Line]) -> Line:
    """The rebuild from streams: one day's extraction measured, times the days, and the rebuild from partitions."""
    with server_with(service, [service.days - 1]) as dsn, Source(dsn, service.config().source) as source:
        source.check()
        days = [measured(lambda: extract_day(source, service.day(service.days - 1)))[0] for _ in range(5)]
        a_day = statistics.median(days)
    rebuild = lines[1]
    total = rebuild.seconds + a_day * service.days
    note = f"reckoned: {a_day:.2f} s for one day's extraction, times {service.days}, and the rebuild"
    spread = (rebuild.spread[0] + a_day * service.days, rebuild.spread[1] + a_day * service.days)
    return replace(
        rebuild, name="rebuild from streams", seconds=total, spread=spread, ratio=total / lines[0].seconds, note=note
    )


def _forgetting(root: Path, kept: Path) -> Callable[[], None]:
    """Remove every split and every matrix but one, and have memory at hand, which no side shall pay for."""

    def forget() -> None:
        for path in (path for folder in (MATRICES, SPLITS) for path in (root / folder).glob("*")):
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
