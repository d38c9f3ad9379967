"""What ``recsys serve`` costs over HTTP, beside a bare FastAPI route on the same core.

    python -m benchmarks.serving [--size small|full] [--store DIR] [--seconds N]
    python -m benchmarks.serving [--size small|full] [--store DIR] --minutes 10 --switches 20

A synthetic release of three components (als, recent, neighbours; ``published``) is served by a process on one core.
The bare side is a FastAPI route on that core, of the same path and parameters, under the same uvicorn, loop and parser.
It answers with as many bytes, which are there already: the limit of a service that is built this way. The client has a
core of its own. Both sides are asked in turns, over connections that stay open: a ratio is of the same round.

*a second* is what connections without a pause get; *CPU* is of the serving process, for each answer; *delivered* and
*remembered* are the shares of the answers that came out of a delivery, and that had been made before. The loads:

- *delivered*: the lists of the release's delivery (``kept_lists``), ids drawn evenly: each answer is another one.
- *delivered, by popularity*: ids by 1 / place (Zipf), as similar tracks are asked for. Of the plays in HetRec's Last.fm
  set, 52 % go to the first hundredth of the artists and 85 % to the first tenth; this law says 56 % and 78 % for as
  many.
- *made*: with a parameter that allows every track, which no delivery knows; ids drawn evenly, so that nearly every
  answer is made. So it is before the delivery, and with any filter.
- *made, by popularity*: the answers of earlier rounds are remembered, as they are an hour after a release.
- *made, the same again*: one id, which shows what everything but the list costs.

Then the wished rates for a time, of what is delivered, ids drawn evenly, counted from when a request was due; the bare
route gets the same rate in turns, which shows how long the machine itself keeps a request waiting. With
``--minutes``: switches to other releases of the same size under load, evenly over the time, each of which is delivered
as soon as it is live; each answer has to name one release in its header and in its body.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from benchmarks.harness import FULL, SMALL, Table, keep
from benchmarks.http_sides import ROUTES, K, bare, cpu_of, serving
from benchmarks.kept_lists import deliver_again, deliver_made_up
from benchmarks.published import Size, publish, publish_again
from recsys_tasks.release.bundle import names_in, open_users
from recsys_tasks.release.bundles import GATED, NAMES, USERS, Bundles, bundle_name
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

COMPONENTS = ("als", "recent", "neighbours")
SIZES = {SMALL: Size(50_000, 100_000, 70, COMPONENTS), FULL: Size(500_000, 1_000_000, 70, COMPONENTS)}
ASKING = 1  # core
ROUNDS, SECONDS, CONNECTIONS = 3, 4.0, 16
RATE_SECONDS, WAITING = 10.0, 64
WISHES = {"discover": 1_000, "similar": 3_000}
MAKE = "&available=false"
LOADS = {
    "delivered": ("evenly", ""),
    "delivered, by popularity": ("zipf", ""),
    "made": ("evenly", MAKE),
    "made, by popularity": ("zipf", MAKE),
    "made, the same again": ("same", MAKE),
}
COUNTED = {"delivered": "recsys_answers_delivered_total", "remembered": "recsys_answers_remembered_total"}
Row = dict[str, Any]


def main() -> None:
    """Publish, ask both sides in turns, switch under load; keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--store", type=Path, help="where the release is kept, and found again; default: nowhere")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each question of a round (4)")
    parser.add_argument("--minutes", type=float, default=0.0, help="of load with switches, and nothing else")
    parser.add_argument("--switches", type=int, default=20, help="to other releases in these minutes (20)")
    args = parser.parse_args()
    root = args.store or Path(tempfile.mkdtemp(prefix="recsys-serving-"))
    try:
        store = PosixStore(root)
        entry = Releases(store).log().live or publish(store, SIZES[args.size])
        deliver_made_up(store, entry, K)
        keep(measured(args, store, entry))
    finally:
        if args.store is None:
            shutil.rmtree(root)


def measured(args: argparse.Namespace, store: PosixStore, entry: Entry) -> Table:
    """The table of all of it, or of the switches alone."""
    n_bytes, size = mapped_bytes(store, entry), SIZES[args.size]
    with tempfile.TemporaryDirectory() as folder, serving(store, folder) as (ours, ready), bare() as theirs:
        ids = write_ids(store, entry, Path(folder))
        if args.minutes:
            rows = [switched(store, ours, ids, args.switches, 60 * args.minutes)]
        else:
            rows = [row for name in ROUTES for row in compared(name, ours, theirs, ids, args.seconds)]
            rows += [row for name in ROUTES for row in paced(name, ours, theirs, ids, RATE_SECONDS)]
        resident = psutil.Process(ours[1]).memory_info().rss
    about = (
        f"Lists of {K} from a release of {size.tracks:,} tracks and {size.users:,} listeners, {len(COMPONENTS)} "
        f"components, {CONNECTIONS} connections, one core. From start to ready {ready[0]:.1f} s ({ready[1]:.1f} s of "
        f"the processor), files in the page cache; {resident / 2**20:,.0f} MB resident, {resident / n_bytes:.2f}x of "
        f"the {n_bytes / 2**20:,.0f} MB of mapped files."
    )
    wished = ", ".join(f"{name} {wish:,}" for name, wish in WISHES.items())
    goal = f"asked for: answers a second of {wished}; p99 under 20 ms; no error and no mixed answer over the switches."
    question = "serving-switches" if args.minutes else "serving"
    return Table(question, "The lists over HTTP, beside a bare route", args.size, about, [], goal, rows)


def mapped_bytes(store: PosixStore, entry: Entry) -> int:
    """Size of the files of a release and of its delivery that a reader maps."""
    folders = (bundle_name(entry.candidate), deliver_made_up(store, entry, K))
    files = (path for folder in folders for path in (store.root / folder).rglob("*"))
    return sum(path.stat().st_size for path in files if path.suffix in (".npy", ".ann"))


def compared(
    name: str, ours: tuple[int, int], theirs: tuple[int, int], ids: dict[str, str], seconds: float
) -> list[Row]:
    """One route: ours under each load, and the bare one, in turns."""
    sides = {f"{name}, {load}": (ours, *asking) for load, asking in LOADS.items()}
    sides[f"{name}, bare"] = (theirs, "evenly", "")
    found: dict[str, list[Row]] = {side: [] for side in sides}
    for number in range(ROUNDS):
        for side, (at, drawn, more) in sides.items():
            found[side].append(asked(at, name, ids, more, seconds=seconds, seed=number, drawn=drawn))
    base = found[f"{name}, bare"]
    return [row(side, rounds, base) for side, rounds in found.items()]


def asked(at: tuple[int, int], name: str, ids: dict[str, str], more: str = "", **options: Any) -> Row:
    """What a client was answered, and the processor time that it took to serve."""
    path = f"{ROUTES[name]}?k={K}{more}"
    given = {"cores": [ASKING], "port": at[0], "path": path, "ids": ids[name], "connections": CONNECTIONS} | options
    cpu, before = cpu_of(at[1]), counted_by(at[0])
    words = [sys.executable, "-m", "benchmarks.http_load", json.dumps(given)]
    said: Row = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    n = max(said["answers"], 1)
    cpu_ms = 1000 * (cpu_of(at[1]) - cpu) / n
    shares = {name: (count - before[name]) / n for name, count in counted_by(at[0]).items()}
    return said | shares | {"cpu_ms": cpu_ms, "seconds": options["seconds"]}


def counted_by(port: int) -> dict[str, float]:
    """Answers that a service has not made anew, by where they came from; of the bare route none."""
    said = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    found = {name: re.search(rf"^{metric} (\S+)$", said, re.MULTILINE) for name, metric in COUNTED.items()}
    return {name: float(count[1]) if count else 0.0 for name, count in found.items()}


def row(side: str, rounds: list[Row], base: list[Row]) -> Row:
    """A line of the table: medians of the rounds; the ratio to the bare route is of the same round."""
    names = ("answers", "p50_ms", "p99_ms", "cpu_ms", *COUNTED)
    middle = {name: float(np.median([each[name] for each in rounds])) for name in names}
    ratio = float(np.median([own["cpu_ms"] / other["cpu_ms"] for own, other in zip(rounds, base, strict=True)]))
    return {
        "asked": side,
        "a second": f"{middle['answers'] / rounds[0]['seconds']:,.0f}",
        "median": f"{middle['p50_ms']:.1f} ms",
        "p99": f"{middle['p99_ms']:.1f} ms",
        "CPU": f"{middle['cpu_ms']:.2f} ms",
        "CPU / bare": f"{ratio:.1f}",
        **{name: f"{middle[name]:.0%}" for name in COUNTED},
        "errors": sum(each["errors"] for each in rounds),
    }


def paced(name: str, ours: tuple[int, int], theirs: tuple[int, int], ids: dict[str, str], seconds: float) -> list[Row]:
    """So many requests a second as are wished, whether they are answered in time or not, of ours and the bare route."""
    wish, options = WISHES[name], {"seconds": seconds, "drawn": "evenly", "connections": WAITING}
    both = [
        [asked(at, name, ids, rate=wish, seed=ROUNDS + number, **options) for at in (ours, theirs)]
        for number in range(ROUNDS)
    ]
    rounds, base = [own for own, _ in both], [other for _, other in both]
    due = f"{wish:,} due a second"
    return [row(f"{name}, delivered, {due}", rounds, base), row(f"{name}, bare, {due}", base, base)]


def switched(store: PosixStore, ours: tuple[int, int], ids: dict[str, str], switches: int, seconds: float) -> Row:
    """Answers while one release after the other is published, verified, opened and switched to."""
    over = threading.Event()

    def publish_on() -> None:
        began, every = time.monotonic(), seconds / (switches + 1)
        while len(published) < switches and not over.wait(began + every * (len(published) + 1) - time.monotonic()):
            published.append(publish_again(store, Releases(store).log().require_live()))
            deliver_again(store, delivery, published[-1])

    published: list[Entry] = []
    delivery = deliver_made_up(store, Releases(store).log().require_live(), K)
    publisher = threading.Thread(target=publish_on)
    publisher.start()
    said = asked(ours, "discover", ids, seconds=seconds, drawn="zipf", check=True)
    over.set()
    publisher.join()
    made = f"{len(published)} releases published, {said['releases']} answered"
    found = row(f"discover, {seconds / 60:g} minutes; {made}", [said], [said])
    return found | {"CPU / bare": "", "mixed": said["mixed"], "worst": f"{said['worst_ms']:.0f} ms"}


def write_ids(store: PosixStore, entry: Entry, folder: Path) -> dict[str, str]:
    """Files of the ids that are asked for, tracks with most listeners in front."""
    parts = Bundles(store).verify(entry)
    listeners, tracks = open_users(parts[USERS]).ids, parts[GATED].table("tracks").column("id")
    tracks = tracks.take(np.argsort(-names_in(parts[NAMES]).listeners, kind="stable"))
    paths = {"discover": folder / "listeners.npy", "similar": folder / "tracks.npy"}
    for path, column in zip(paths.values(), (listeners, tracks), strict=True):
        np.save(path, column.to_numpy())
    return {name: str(path) for name, path in paths.items()}


if __name__ == "__main__":
    main()
