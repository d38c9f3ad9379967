"""Many who publish at once, and one who was stopped and wakes late: nothing lost, nothing stale."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import sleep

from faults.ground import Ground
from faults.invariants import lost, violations
from faults.outcome import Outcome
from faults.working import Worker, a_publish
from recsys_tasks.core.errors import PublishConflict
from recsys_tasks.core.roots import Root
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stores import store_at

WRITERS = 8
EACH = 20
NEXT_DAY = date(2026, 1, 16)


@dataclass(frozen=True)
class Publishing:
    """What one of many writers publishes."""

    root: Root
    entry: Entry
    writer: int
    entries: int


def publishing(pipe: Connection, job: Publishing) -> None:
    """Take the next number again and again, until each entry has one."""
    releases = Releases(store_at(job.root))
    read = cache(releases.entry)  # an entry never changes
    for n in range(job.entries):
        while True:
            number = len(releases.log(read).entries) + 1
            candidate = f"{job.writer}-{n}"
            try:
                releases.append(replace(job.entry, number=number, release=number, candidate=candidate))
                break
            except PublishConflict:
                pipe.send(("conflict",))
        live = {"release": number, "candidate": candidate}
        pipe.send(("done", "publish", {"published": True, "live": live}))


def publishers(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Eight processes write to one log, up to twenty entries each, in as many rounds as it takes."""
    contend(lambda number: ground.folder / f"log-{number}", _log(ground.done).require_live(), outcome, count)


def contend(place: Callable[[int], Root], entry: Entry, outcome: Outcome, count: int) -> None:
    """Write so many entries to logs, each in a place of its own."""
    each = min(EACH, -(-count // WRITERS))
    for number in range(-(-count // (WRITERS * each))):
        root = place(number)
        writers = [Worker(publishing, Publishing(root, entry, n, each)) for n in range(WRITERS)]
        for writer in writers:
            writer.hear("ready")
        for writer in writers:
            writer.go()
        acknowledged = [publish for writer in writers for publish in writer.finish().acknowledged]
        outcome.tally("conflicts", sum(message == ("conflict",) for writer in writers for message in writer.messages))
        held = [(found.number, found.candidate) for found in Releases(store_at(root)).log().entries]
        broken = lost(store_at(root), acknowledged) + ["I2: another entry stands there"] * (
            sorted(acknowledged) != held
        )
        for release, _candidate in acknowledged:
            outcome.add(f"round {number}, release {release}", broken)


def late_writers(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """A publisher is stopped at any moment, the next day is published, it wakes: the next day stays live."""
    judged = ground.folder / "judged"
    ground.start(ground.clone(ground.before["publish"]), NEXT_DAY, snapshots=judged).finish()
    next_candidate = _log(_published(ground, judged / "publish")).require_live().candidate
    longest = ground.seconds["publish"] * 1.5
    for _ in range(count):
        root, moment = ground.clone(judged / "publish"), random.uniform(0, longest)
        late = Worker(a_publish, ground.job(root, candidate=ground.candidate))
        late.hear("ready")
        late.go()
        sleep(moment)
        late.signal(signal.SIGSTOP)
        other = Worker(a_publish, ground.job(root, NEXT_DAY, candidate=next_candidate)).go().finish()
        late.signal(signal.SIGCONT)
        late.finish()
        broken = violations(PosixStore(root), [*late.acknowledged, *other.acknowledged])
        live = _log(root).require_live()
        broken += [f"I8: {live.day} is live"] * (live.day != NEXT_DAY)
        broken += [f"the other one {other.refusal}"] * bool(other.refusal)
        outcome.tally("had published before", len(late.acknowledged))
        outcome.add(f"stopped after {moment:.3f} s", broken)
        ground.remove(root)


def _log(root: Path) -> ReleaseLog:
    """The release log of a store."""
    return Releases(PosixStore(root)).log()


def _published(ground: Ground, judged: Path) -> Path:
    """The store of a judged next day, run to its end."""
    root = ground.clone(judged)
    ground.start(root, NEXT_DAY).finish()
    return root
