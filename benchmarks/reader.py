"""What a service pays to answer from a release: opening, memory, answers a second, and a swap under load.

    python -m benchmarks.reader [--size small|full] [--store DIR]

The release is synthetic and written through the pipeline's own functions (``published``); with ``--store`` it is kept
there, and found again. Opening is measured apart from the checksums, which read every byte; both together are what
``Reader(store)`` takes. Answers and memory are measured in a process of their own.

The physical limits of verifying are the same bytes through SHA-256 in memory, and the same files read once, from the
page cache and from the disk. Opening has none but the tables that must be in memory (ids and names), for the arrays
and the index are mapped: their pages are read when somebody asks for them.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.harness import FULL, SMALL, Side, Table, compare, keep
from benchmarks.published import Size, publish, publish_again
from recsys_tasks.release.bundle import Bundle, names_in, open_gated, open_users
from recsys_tasks.release.bundles import GATED, NAMES, USERS, Bundles, part_name
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.artefacts import Artefact, read_manifest
from recsys_tasks.storage.posix import PosixStore

SIZES = {SMALL: Size(60_000, 100_000, 70), FULL: Size(600_000, 1_000_000, 70)}
ROUNDS, ASKED, LOAD_SECONDS, K = 5, 10_000, 3.0, 10
BUFFER = 1 << 24
Row = dict[str, Any]


def main() -> None:
    """Publish, open, ask; keep both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--store", type=Path, help="where the release is kept, and found again; default: nowhere")
    parser.add_argument("--answers", action="store_true", help="only ask the release in the store, and print JSON")
    args = parser.parse_args()
    if args.answers:
        with threadpool_limits(1):
            print(json.dumps(answers(PosixStore(args.store))))
        return
    root = args.store or Path(tempfile.mkdtemp(prefix="recsys-reader-"))
    root.mkdir(exist_ok=True)
    try:
        store = PosixStore(root)
        entry = Releases(store).log().live or publish(store, SIZES[args.size])
        keep(opening(args.size, store, entry))
        keep(answering(args.size, store))
    finally:
        if args.store is None:
            shutil.rmtree(root)


def opening(size: str, store: PosixStore, entry: Entry) -> Table:
    """From a closed release to one that answers."""
    files = files_of(store, entry)
    n_bytes = sum(path.stat().st_size for path in files)
    cold = lambda: forget(files)  # noqa: E731
    lines = compare(
        [
            Side("open", lambda: opened(store, entry), "verified before"),
            Side("open and load the arrays", lambda: loaded(store, entry), "instead of mapping them"),
            Side("verify", lambda: Bundles(store).verify(entry), "every byte against its checksum"),
            Side("Reader", lambda: Reader(store), "verify, open and probe"),
            Side("Reader, nothing cached", lambda: Reader(store), "from the disk", before=cold, rounds=2),
            Side("SHA-256 of the same bytes", lambda: digest(n_bytes), "in memory, one core", limit=True),
            Side("the files read once", lambda: read(files), "from the page cache", limit=True),
            Side("the files read once, nothing cached", lambda: read(files), before=cold, rounds=2, limit=True),
        ],
        ROUNDS,
    )
    by_name, start = {line.name: line for line in lines}, time.process_time()
    bundle = opened(store, entry)
    processor, gated, users = time.process_time() - start, bundle.gated, bundle.users
    ours, checked = lines[0].seconds, by_name["verify"].seconds / by_name["SHA-256 of the same bytes"].seconds
    asked = "asked for: open in under 2 s without the checksums" + ("" if size == FULL else " at ten times this size")
    met = (
        f"{asked} ({ours:.2f} s, {processor:.2f} s of them the processor's: {'met' if ours < 2 else 'missed'}); "
        f"verifying takes {checked:.2f}x of SHA-256 alone."
    )
    about = (
        f"A release of {len(gated.tracks):,} tracks, {len(users.ids):,} users and {len(users.cols):,} played pairs: "
        f"{n_bytes / 2**20:,.0f} MB in {len(files)} files. Memory is of this process alone: mapped pages that were "
        "looked at count, and belong to the page cache."
    )
    return Table("reader-opening", "Reader: opening a release", size, about, lines, met)


def files_of(store: PosixStore, entry: Entry) -> list[Path]:
    """Every file of a release."""
    folders = (store.root / part_name(entry.candidate, part) for part in entry.parts)
    return [path for folder in folders for path in folder.iterdir()]


def opened(store: PosixStore, entry: Entry) -> Bundle:
    """A release, open and not verified again."""
    paths = {part.split("-")[0]: store.root / part_name(entry.candidate, part) for part in entry.parts}
    parts = {name: Artefact(path, read_manifest(path)) for name, path in paths.items()}
    return Bundle(open_gated(parts[GATED]), names_in(parts[NAMES]), open_users(parts[USERS]))


def loaded(store: PosixStore, entry: Entry) -> tuple[Bundle, list[Any]]:
    """The same, with every array and the index read into memory."""
    files = files_of(store, entry)
    kept = [np.load(path) for path in files if path.suffix == ".npy"]
    return opened(store, entry), [*kept, *(path.read_bytes() for path in files if path.suffix == ".ann")]


def forget(files: list[Path]) -> None:
    """Let the page cache drop the files; what is mapped somewhere stays."""
    for path in files:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(files: list[Path]) -> None:
    """Read files once into one buffer."""
    buffer = memoryview(bytearray(BUFFER))
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def digest(n_bytes: int) -> None:
    """SHA-256 of as many bytes."""
    sha256, buffer = hashlib.sha256(), bytes(BUFFER)
    for _ in range(n_bytes // BUFFER + 1):
        sha256.update(buffer)


def answering(size: str, store: PosixStore) -> Table:
    """Memory and answers of a fresh process."""
    command = [sys.executable, "-m", "benchmarks.reader", "--answers", "--store", str(store.root)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    about = (
        f"A fresh process opens the release, answers {ASKED:,} listeners drawn at random (lists of {K}, with titles), "
        f"then for {LOAD_SECONDS:.0f} s each on one and on two threads, then switches to another release of the same "
        f"size while two threads ask. Memory: {said['memory']}."
    )
    return Table("reader-answers", "Reader: answers, memory and a swap under load", size, about, [], extra=said["rows"])


def answers(store: PosixStore) -> Row:
    """What the process measures of itself."""
    before = memory()
    reader = Reader(store)
    after_opening = memory()
    ids = np.random.default_rng(0).permutation(reader.bundle.users.ids.to_numpy())
    tracks = np.random.default_rng(1).permutation(reader.bundle.gated.tracks.ids.to_numpy())
    first = [ask(reader.recommend, listener) for listener in ids[:ASKED].tolist()]
    after_asking = memory()
    rows = [row("recommend, the first 10,000 listeners", first, sum(first))]
    rows += [load(f"recommend, {n} thread{'s' * (n > 1)}", reader.recommend, ids, n) for n in (1, 2)]
    rows.append(load("recommend, listeners nobody knows", lambda n, k: reader.recommend(-n - 1, k), ids, 1))
    rows.append(load("similar, 1 thread", reader.similar, tracks, 1))
    publish_again(store, Releases(store).log().require_live())
    took: list[float] = []
    name = "recommend, 2 threads, while a release is verified, opened and switched to"
    rows.append(load(name, reader.recommend, ids, 2, meanwhile=lambda: took.append(swap(reader))))
    said = ", ".join(
        f"{anonymous:,.0f} MB of its own and {mapped:,.0f} MB mapped {when}"
        for when, (anonymous, mapped) in (
            ("before opening", before),
            ("after opening", after_opening),
            (f"after {ASKED:,} answers", after_asking),
        )
    )
    return {"memory": f"{said}; the swap took {took[0]:.1f} s", "rows": rows}


def swap(reader: Reader) -> float:
    """Seconds until another release answers."""
    release, start = reader.entry.release, time.perf_counter()
    if reader.refresh() is not None or reader.entry.release == release:
        raise RuntimeError("the other release was not switched to")
    return time.perf_counter() - start


def load(
    name: str, question: Callable[..., Any], ids: Any, threads: int, meanwhile: Callable[[], Any] | None = None
) -> Row:
    """Threads that ask without a pause, for some seconds or as long as something else takes."""
    over = threading.Event()
    taken: list[list[float]] = [[] for _ in range(threads)]

    def keep_asking(number: int) -> None:
        for wanted in np.roll(ids, number * ASKED).tolist():
            if over.is_set():
                return
            taken[number].append(ask(question, wanted))

    asking = [threading.Thread(target=keep_asking, args=(number,)) for number in range(threads)]
    start = time.perf_counter()
    for thread in asking:
        thread.start()
    (meanwhile or (lambda: time.sleep(LOAD_SECONDS)))()
    over.set()
    for thread in asking:
        thread.join()
    return row(name, [each for own in taken for each in own], time.perf_counter() - start)


def ask(question: Callable[..., Any], wanted: Any) -> float:
    """Seconds of one answer."""
    start = time.perf_counter()
    question(wanted, K)
    return time.perf_counter() - start


def row(name: str, taken: list[float], seconds: float) -> Row:
    """A line of the table."""
    median, p99, slowest = (1000 * float(np.quantile(taken, q)) for q in (0.5, 0.99, 1))
    rest = {"median": f"{median:.2f} ms", "p99": f"{p99:.2f} ms", "slowest": f"{slowest:.0f} ms"}
    return {"asked": name, "answers": f"{len(taken):,}", "a second": f"{len(taken) / seconds:,.0f}", **rest}


def memory() -> tuple[float, float]:
    """Megabytes of this process: its own, and of mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    values = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}
    return values["RssAnon"], values["RssFile"]


if __name__ == "__main__":
    main()
