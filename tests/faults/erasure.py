"""F28: people ask to be forgotten while a day runs, or is killed, or has a track by them alone: nothing is left."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import sleep

import numpy as np
import pyarrow as pa

from faults.ground import BASE_DAYS, DAY, Ground
from faults.invariants import violations
from faults.outcome import Outcome
from faults.working import REST, SIGNED
from recsys_tasks.partitions.repository import partition_name
from recsys_tasks.partitions.suppression import ERASE
from recsys_tasks.release.bundle import Users
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, retain
from recsys_tasks.steps.suppress import ask_to_suppress
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.search import Search, every_file

MANY = 1_000
RERUNS = 2
"""One that removes whoever was asked for after the killed one looked, and one that confirms."""


def erasures(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Ask at any moment of a day, kill every second day at another, and let it run again."""
    users = Reader(PosixStore(ground.base)).bundle.users
    cases: list[Callable[[Users, Random], list[int]]] = [_anybody, _only_listener, _many, _anybody]
    seconds = sum(ground.seconds.values())
    for n in range(count):
        root, rows = ground.clone(ground.base), cases[n % len(cases)](users, random)
        ids = users.ids.take(pa.array(rows))
        vectors = [users.vectors[row].tobytes() for row in rows]
        worker = ground.start(root)
        worker.hear("step", "extract_streams")
        sleep(random.uniform(0, seconds))
        at = ground.at(root)
        for user_id in ids.to_pylist():
            ask_to_suppress(at, str(user_id), ERASE, SIGNED)
        if n % 2:
            sleep(random.uniform(0, seconds / 2))
            worker.kill()
        worker.finish()
        broken = violations(PosixStore(root), worker.acknowledged)
        if n % len(cases) == 3:  # whoever is erased comes back with a date that is extracted anew
            shutil.rmtree(root / partition_name(BASE_DAYS[0]))
        broken += _after(ground, root, ids, vectors)
        outcome.tally("people", len(ids))
        outcome.tally("killed at work", worker.refusal.startswith("died"))
        outcome.add(f"{len(ids)} people, {worker.refusal or 'not killed'}", dict.fromkeys(broken))
        ground.remove(root)


def _after(ground: Ground, root: Path, ids: pa.Array, vectors: list[bytes]) -> list[str]:
    """What is wrong after the day has run again and again: somebody is left, or nobody says that they are not."""
    at, now = ground.at(root), datetime.now(UTC) + REST
    for _ in range(RERUNS):
        ground.start(root, DAY).finish()
        retain(at, now)
    names = list(every_file(at.store, but=("suppressed",)))
    left = [found.name for found in Search(ids, vectors).of(at.store, names)]
    waiting = len(at.suppressions.open_people())
    known = sum(Reader(at.store, entry.release).recommend(ids[0].as_py()).known for entry in _stored(at))
    return [
        *(f"F28: somebody stands in {name}" for name in left),
        *[f"F28: {waiting} of {len(ids)} erasures are not confirmed"] * bool(waiting),
        *[f"F28: {known} releases know an erased listener"] * bool(known),
        *violations(PosixStore(root)),
    ]


def _stored(at: Workplace) -> list:
    return [entry for entry in at.releases.log().releases if at.bundles.holds(entry.candidate)]


def _anybody(users: Users, random: Random) -> list[int]:
    return [random.randrange(len(users.ids))]


def _many(users: Users, random: Random) -> list[int]:
    return random.sample(range(len(users.ids)), min(MANY, len(users.ids) - 1))


def _only_listener(users: Users, random: Random) -> list[int]:
    """Somebody who alone has played some track."""
    tracks, listeners = np.unique(users.cols, return_counts=True)
    alone = np.flatnonzero(np.isin(users.cols, tracks[listeners == 1]))
    place = int(alone[random.randrange(len(alone))])
    return [int(np.searchsorted(users.indptr, place, side="right")) - 1]
