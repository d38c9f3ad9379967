"""A store in a bucket whose calls fail: nothing there is half, nothing acknowledged is lost, a rerun mends all.

Each way of storing is gone through once by a process of its own, through a proxy that kills it, or breaks one call.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count as counter
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import sleep

import numpy as np
import pyarrow as pa
from faulty_proxy import KINDS, Fault, FaultyProxy, faulty_proxy
from log_entries import entry

from benchmarks.object_server import ObjectServer, Weed, shared_server
from faults.ground import Ground
from faults.invariants import differences, violations
from faults.outcome import Outcome
from faults.publishers import contend
from faults.working import Job, Worker, a_day
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.core.roots import Bucket, Cache
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.steps.copying import copy_store
from recsys_tasks.storage.bucket import Requests
from recsys_tasks.storage.manifest import MANIFEST, Manifest, StoredFile
from recsys_tasks.storage.object_store import ObjectStore
from recsys_tasks.storage.posix import PosixStore

ONE, TWO = digest_of("one"), digest_of("two")
LARGE = np.arange(9 << 17)  # nine mebibytes: uploaded in two parts
TAKEN_BACK = (".locks",)
"""Folders in which something may stay: a lease of who was killed."""
_numbers = counter()


@dataclass(frozen=True)
class Storing:
    """Where a process goes through all ways of storing."""

    root: Bucket
    entry: Entry
    elsewhere: Path  # the cache of another machine


def storing(pipe: Connection, job: Storing) -> None:
    """Every way of storing, each of which may have been gone before."""
    store = ObjectStore(job.root, dead_after=0)
    store.sweep()
    store.put("models/new", ONE, {}, {"factors": LARGE, "names": pa.table({"a": [1, 2]})}, {"n": 2})
    content = b"counts of the second version" * 4000
    files = {"plays-2.parquet": StoredFile(len(content), hashlib.sha256(content).hexdigest())}
    store.replace("partitions/2026-01-01/plays-2.parquet", content)
    manifest = Manifest(TWO, {}, {}, files, "partitions/2026-01-01")
    store.replace(f"partitions/2026-01-01/{MANIFEST}", manifest.sealed())
    with store.locked("alerts/a", wait=False) as mine:
        if mine:
            store.create("alerts/a/mail.delivered", b"now")
    log = Releases(store).log()
    if log.published(job.entry.candidate) is None:
        number = len(log.entries) + 1
        Releases(store).append(replace(job.entry, number=number, release=number))
        pipe.send(
            ("done", "publish", {"published": True, "live": {"release": number, "candidate": job.entry.candidate}})
        )
    other = ObjectStore(replace(job.root, cache=Cache(job.elsewhere)))
    assert (other.open("models/new", ONE).array("factors") == LARGE).all()
    if store.holds("models/old"):
        store.remove("models/old")
    store.sweep()


class Scene:
    """A server with a proxy before it, and prepared stores."""

    def __init__(self, folder: Path, server: ObjectServer, proxy: FaultyProxy) -> None:
        self.folder, self.server, self.proxy = folder / f"scene-{next(_numbers)}", server, proxy
        self.folder.mkdir()
        self.calls = 0
        job = self.prepared()
        proxy.count_anew()
        assert not (refusal := self.start(job).finish().refusal), refusal
        self.calls, self.expected = proxy.calls, self.objects(job)
        assert not (broken := self.broken(job, [])), broken

    def prepared(self) -> Storing:
        """A store with an artefact, a partition and two entries, in a place of its own."""
        name = f"case-{next(_numbers)}"
        root = self.server.bucket(f"{self.folder.name}/{name}", self.folder / name / "cache")
        store = ObjectStore(root)
        store.put("models/old", ONE, {}, {"factors": np.arange(10)})
        content = b"counts of the first version" * 4000
        files = {"plays-1.parquet": StoredFile(len(content), hashlib.sha256(content).hexdigest())}
        store.replace("partitions/2026-01-01/plays-1.parquet", content)
        store.replace(
            f"partitions/2026-01-01/{MANIFEST}", Manifest(ONE, {}, {}, files, "partitions/2026-01-01").sealed()
        )
        store.create("alerts/a/alert.json", b"{}")
        for number in (1, 2):
            Releases(store).append(entry(number, number, candidate=f"old-{number}"))
        broken = replace(root, cache=Cache(self.folder / name / "made")).given({"endpoint": self.proxy.endpoint})
        return Storing(broken, entry(3, 3, candidate="new"), self.folder / name / "elsewhere")

    def start(self, job: Storing) -> Worker:
        """Let a process go through it."""
        return Worker(storing, job).go()

    def plain(self, job: Storing) -> ObjectStore:
        """The store without a proxy and with an empty cache: what everybody else sees."""
        cache = Cache(self.folder / f"cache-{next(_numbers)}")
        return ObjectStore(replace(job.root, cache=cache).given({"endpoint": self.server.endpoint}))

    def objects(self, job: Storing) -> dict[str, str]:
        """Every object of a store, and the SHA-256 of what it holds."""
        requests = self.plain(job)._requests
        names = [each.name for folder in _folders(requests) for each in requests.all_below(folder)]
        return {name: hashlib.sha256(found[0]).hexdigest() for name in names if (found := requests.get(name))}

    def broken(self, job: Storing, acknowledged: list[tuple[int, str]]) -> list[str]:
        """The promises that a store breaks now."""
        store, found = self.plain(job), []
        try:
            held = [(each.number, each.candidate) for each in Releases(store).log().entries]
            found += [f"I2: release {number} is gone" for number, name in acknowledged if (number, name) not in held]
            found += ["I5: a candidate was published twice"] * (len({name for _, name in held}) < len(held))
            for folder in ("models", "partitions"):
                for name in store.names(folder):
                    store.open(f"{folder}/{name}")
        except RecsysError as error:
            found.append(f"I1: {type(error).__name__}: {error}")
        return found

    def broken_after(self, job: Storing, worker: Worker) -> list[str]:
        """What a fault left broken, and what a rerun did not mend."""
        self.proxy.count_anew()
        broken = self.broken(job, worker.acknowledged)
        again = self.start(job).finish()
        broken += [f"the rerun {again.refusal}"] * bool(again.refusal)
        broken += self.broken(job, [*worker.acknowledged, *again.acknowledged])
        found = self.objects(job)
        lost = self.expected.keys() - found.keys() - {"alerts/a/mail.delivered"}  # its lease was not free yet
        more = [f"I11: {name} is left" for name in sorted(found.keys() - self.expected.keys())]
        other = [
            f"I5: {name} has other bytes" for name in found.keys() & self.expected if found[name] != self.expected[name]
        ]
        return list(dict.fromkeys([*broken, *(f"I5: {name} is missing" for name in sorted(lost)), *more, *other]))


def bucket_kills(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Kill a process before the k-th call arrives, or before its answer does, for every k."""
    with _scene(ground) as scene:
        points = [(kind, number) for kind in ("before", "after") for number in range(1, scene.calls + 1)]
        outcome.tally("calls", scene.calls)
        for kind, number in sorted(random.sample(points, min(count, len(points)))):
            job = scene.prepared()
            worker = Worker(storing, job)
            scene.proxy.count_anew(_at(number, Fault(kind, worker.process.kill)))
            worker.go().finish()
            outcome.tally("killed there", worker.refusal.startswith("died"))
            outcome.add(f"{kind} call {number}", scene.broken_after(job, worker))


def bucket_answers(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Break the k-th call in each way: the process goes on, or refuses; a rerun mends what it left."""
    with _scene(ground) as scene:
        points = [(kind, number) for kind in KINDS for number in range(1, scene.calls + 1)]
        for kind, number in sorted(random.sample(points, min(count, len(points)))):
            job = scene.prepared()
            scene.proxy.count_anew(_at(number, Fault(kind)))
            worker = scene.start(job).finish()
            outcome.tally("refused", bool(worker.refusal))
            outcome.add(f"{kind} at call {number}", scene.broken_after(job, worker))


def bucket_outages(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Kill the server itself at a random call, and start it again on its folder: the process waits, or refuses."""
    folder = ground.folder / f"weed-{next(_numbers)}"
    folder.mkdir()
    weed = Weed(folder)
    try:
        with faulty_proxy(weed.start().endpoint) as proxy:
            scene = Scene(ground.folder, weed.server, proxy)
            for _ in range(count):
                number, job = random.randint(1, scene.calls), scene.prepared()
                proxy.count_anew(_at(number, Fault("before", weed.kill)))
                worker = scene.start(job)
                while proxy.calls < number and worker.process.is_alive():
                    sleep(0.01)
                sleep(random.uniform(0, 2))
                weed.kill()
                weed.start()
                worker.finish()
                outcome.tally("refused", bool(worker.refusal))
                outcome.add(f"server killed at call {number}", scene.broken_after(job, worker))
    finally:
        weed.kill()


def bucket_publishers(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Eight processes write to one log in a bucket, as on a disk."""
    server = shared_server()

    def place(number: int) -> Bucket:
        name = f"log-{next(_numbers)}-{number}"
        return server.bucket(name, ground.folder / name)

    contend(place, entry(1, 1), outcome, count)


def bucket_days(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Kill a whole day at a random call; its rerun leaves, copied out of the bucket, the bytes of a day on a disk."""
    reference = {name: sha256 for name, sha256 in ground.reference.items() if name != "store.json"}
    with faulty_proxy(shared_server().endpoint) as proxy:
        job = _day(ground, proxy)
        proxy.count_anew()
        assert not (refusal := Worker(a_day, job).go().finish().refusal), refusal
        calls = proxy.calls
        outcome.tally("calls in a day", calls)
        for _ in range(count):
            number, job = random.randint(1, calls), _day(ground, proxy)
            worker = Worker(a_day, job)
            proxy.count_anew(_at(number, Fault(random.choice(["before", "after"]), worker.process.kill)))
            worker.go().finish()
            proxy.count_anew()
            again = Worker(a_day, job).go().finish()
            broken = [f"the rerun {again.refusal}"] * bool(again.refusal)
            root = ground.folder / f"out-{next(_numbers)}"
            copy_store(job.root, root, datetime.now(UTC), lambda _: None)
            broken += violations(PosixStore(root), [*worker.acknowledged, *again.acknowledged])
            (root / "store.json").unlink()
            outcome.tally("killed there", worker.refusal.startswith("died"))
            outcome.add(f"call {number} of a day", [*broken, *differences(root, reference)])
            ground.remove(root)


def _day(ground: Ground, proxy: FaultyProxy) -> Job:
    """The prepared store of two days, in a place of its own, with an empty cache."""
    name = f"day-{next(_numbers)}"
    root = shared_server().bucket(name, ground.folder / name)
    copy_store(ground.base, root, datetime.now(UTC), lambda _: None)
    return ground.job(root.given({"endpoint": proxy.endpoint}))


@contextmanager
def _scene(ground: Ground) -> Iterator[Scene]:
    with faulty_proxy(shared_server().endpoint) as proxy:
        yield Scene(ground.folder, shared_server(), proxy)


def _at(number: int, fault: Fault) -> Callable[[int], Fault | None]:
    return lambda call: fault if call == number else None


def _folders(requests: Requests) -> list[str]:
    folders, _ = requests.below("")
    return [each for each in folders if each not in TAKEN_BACK]
