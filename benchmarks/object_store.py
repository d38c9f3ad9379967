"""An ordinary day on a store in a bucket, against the same day on a disk; and a reader that opens a release from there.

    python -m benchmarks.object_store [--size small|full] [--divisor N]

The server is SeaweedFS on the same machine, so that its own work is in the figures and no line's latency is. Both
stores hold the same history, made by the same steps; the cache before the bucket holds what this machine made. Each
step is a process of its own, and the two stores take turns step by step; in brackets stand the seconds that the process
itself was on the cores. Bytes and requests are those that the steps' own records say.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.day_steps import Steps, Taken, alone, typical
from benchmarks.harness import FULL, SMALL, Table, keep, line
from benchmarks.object_server import shared_server
from benchmarks.our_steps import DAYS, LATE, STEPS
from benchmarks.source_day import server_with
from benchmarks.synthetic import Service, service_of
from benchmarks.two_stores import Run, days_in_turns
from recsys_tasks.core.roots import Bucket, Root
from recsys_tasks.release.releases import Releases
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import Models
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.run_records import RunRecords
from recsys_tasks.storage.store import Moved
from recsys_tasks.storage.stores import store_at

DIVISORS = {SMALL: 400, FULL: 10}
ROUNDS = 2


def main() -> None:
    """Run the days, open the release, keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument(
        "--divisor", type=int, help="the whole service divided by this, where another one than the size's"
    )
    args = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes of the steps, as the pipeline's own doors do
    service = service_of(args.divisor or DIVISORS[args.size], DAYS)
    folder = Path(tempfile.mkdtemp(prefix="recsys-bucket-"))
    try:
        roots = (folder / "disk", shared_server().bucket("bench", folder / "cache"))
        days = days_of(service, roots)
        keep(day_table(args.size, service, roots, days))
        keep(reader_table(args.size, roots[1], folder))
    finally:
        shutil.rmtree(folder)


def days_of(service: Service, roots: tuple[Path, Bucket]) -> list[list[Steps]]:
    """The last days after a finished yesterday, on both stores in turns, step by step: by store, by day."""
    with server_with(service, range(DAYS - 1 - ROUNDS - LATE, DAYS)) as dsn:
        return days_in_turns(service, dsn, [Run(type(root).__name__, root) for root in roots], ROUNDS)


def day_table(size: str, service: Service, roots: tuple[Path, Bucket], days: list[list[Steps]]) -> Table:
    """The days of both stores, and what each step moved."""
    totals = [[sum(step.seconds for step in day) for day in store] for store in days]
    peaks = [max(step.megabytes for day in store for step in day) for store in days]
    moved = {step: moved_by(roots[1], DAYS - 1, step) for step in STEPS}
    whole = Moved(
        *(sum(getattr(each, field) for each in moved.values()) for field in ("requests", "uploaded", "downloaded"))
    )
    lines = [
        line("on a disk, all steps", totals[0], totals[0], peaks[0], "each step a process; memory of the largest"),
        line("in a bucket, all steps", totals[1], totals[0], peaks[1], f"the last day: {whole}"),
    ]
    sizes = Matrices(store_at(roots[0])).figures(
        service.day(DAYS - 1), Models(store_at(roots[0])).of(service.day(DAYS - 1))[0].key.matrix
    )
    rows = [
        {"step": disk.step, "disk": seconds(disk), "bucket": seconds(bucket), "moved": str(moved[disk.step])}
        for disk, bucket in zip(typical(days[0]), typical(days[1]), strict=True)
    ]
    about = (
        f"A day of {service.streams_a_day:,} streams onto {sizes.pairs:,} pairs of {sizes.users:,} listeners and "
        f"{sizes.tracks:,} tracks; SeaweedFS on the same machine, the cache warm."
    )
    cpu = [sum(step.cpu for step in typical(store)) for store in days]
    met = (
        f"asked for: at most 1.5x the day on a disk ({lines[1].ratio:.2f}x; {cpu[1] / cpu[0]:.2f}x of its CPU, "
        "without the server's), and no file downloaded that was made here."
    )
    return Table("object_store-day", "A store in a bucket: an ordinary day", size, about, lines, met, rows)


def moved_by(root: Root, number: int, step: str) -> Moved:
    """What a step of a day moved, as its record says."""
    record = RunRecords(store_at(root)).last(str(number), step) or {}
    return Moved(**record.get("moved", {}))


def seconds(taken: Taken) -> str:
    """The seconds of a step, and those of its process on the cores, for a table."""
    return f"{taken.seconds:.1f} s ({taken.cpu:.1f} s)"


def reader_table(size: str, root: Bucket, folder: Path) -> Table:
    """From an empty cache to a release that answers, beside the download of its files alone."""
    entry = Releases(store_at(root)).log().require_live()
    downloads, opened = [], []
    total = 0
    for number in range(ROUNDS):
        place = shared_server().bucket("bench", folder / f"reader-{number}")
        total, taken = alone(download, place, [f"bundles/{entry.candidate[:16]}/{part}" for part in entry.parts])
        downloads.append(taken)
        opened.append(alone(open_reader, place))
    lines = [
        line("Reader, empty cache", opened, opened, 0.0, "download, verify, open and probe"),
        line("the files downloaded", downloads, opened, 0.0, "one after the other, nothing verified", limit=True),
    ]
    beyond = lines[0].seconds - lines[1].seconds
    met = f"asked for: the time of the download plus 2 s ({beyond:+.2f} s: {'met' if beyond < 2 else 'missed'})."
    about = f"The live release, {total / 2**20:,.0f} MB, opened by a process that never saw it."
    return Table("object_store-reader", "A store in a bucket: opening a release", size, about, lines, met)


def download(root: Bucket, artefacts: list[str]) -> tuple[int, float]:
    """Fetch the files of artefacts and nothing else; bytes, and seconds."""
    import obstore
    from obstore.store import from_url

    options: Any = dict(root.options)
    store = from_url(root.url, config=options, client_options={"allow_http": True})
    names = [
        each["path"] for artefact in artefacts for some in obstore.list(store, f".files/{artefact}/") for each in some
    ]
    begun, size = time.perf_counter(), 0
    with tempfile.TemporaryFile() as file:
        for name in names:
            for piece in obstore.get(store, name):
                size += file.write(piece)
    return size, time.perf_counter() - begun


def open_reader(root: Bucket) -> float:
    """Seconds until the live release answers."""
    begun = time.perf_counter()
    Reader(store_at(root)).recommend(1, 10)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
